"""vLLM in this process, through AsyncLLM: replies come row by row, so each can be stored the moment it is done.

`LLM.generate` would return only when all rows are finished and fails as a whole on one bad prompt. The engine's event
loop runs in a thread of its own; the model itself runs in a process that vLLM spawns.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import hashlib
import multiprocessing.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.steps import Reply, Request, describe
from pipeline.steps.interpreter import safe_environment
from stages.l3_synthesize.engines.background import Background, Handed, cancel_all
from stages.l3_synthesize.engines.chat import Chat
from stages.l3_synthesize.engines.engine import EngineError

ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",  # a start logs 60 lines, and 10 warnings about what a CPU lacks
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; unset, vLLM takes a share of all memory that other workers need
    "TOKENIZERS_PARALLELISM": "false",  # tokenizers warn about threads when vLLM spawns
}
ENCODING = "chat@1"
"""How messages become tokens (chat.py); another number asks every request again."""
START_SECONDS = 900  # 40 to 80 s measured on two idle cores, 300 s from a cold disk with four jobs beside it
STALL_SECONDS = 1800  # 32 replies of 256 tokens at the 19 tokens/s of a busy machine take 7 minutes
CLOSE_SECONDS = 30
CPU_BLOCK = 32
"""Tokens in a block of vLLM's cache on a CPU; a GPU's own choice, mostly 16, is left alone."""
RESTARTS = 3
"""Starts in a row after the engine has died, or stalled, without a single reply."""


class VllmEngine:
    """One model, started at the first request and shared by all steps of the process that name it.

    folder: a model folder or hub id. name, revision: what rows and errors call it. max_concurrent: requests that the
    model works on at once; twice as many are in flight, so that it never waits for us and prompts do not fill memory.
    tensor_parallel: GPUs of one node over which the model is spread. commit: of a hub id.
    """

    def __init__(
        self,
        folder: str,
        name: str,
        revision: str,
        max_model_len: int,
        max_concurrent: int,
        tensor_parallel: int = 1,
        commit: str | None = None,
    ) -> None:
        self._folder, self._name, self._revision, self._tensor_parallel = folder, name, revision, tensor_parallel
        self._max_model_len, self._max_concurrent = max_model_len, max_concurrent
        self._commit = commit
        self._llm: Any = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._background: Background | None = None
        self._starting = threading.RLock()
        # The model's process would otherwise outlive an interpreter that fails. Of handlers the last registered runs
        # first, and multiprocessing's own waits for that process for ever: hence its import above.
        atexit.register(self.close)

    @property
    def model(self) -> str:
        return f"{Path(self._name.partition('@')[0]).name}@{self._revision[:12]}"

    @functools.cached_property
    def identity(self) -> Mapping[str, str]:
        template = self._tokenizer.chat_template or ""
        return {
            "model": self._revision,
            "chat_template": hashlib.sha256(str(template).encode()).hexdigest(),
            "encoding": ENCODING,
        }

    def count_tokens(self, text: str) -> int:
        return len(self._chat.plain(text))

    def first_tokens(self, text: str, number: int) -> int:
        return self._chat.first(text, number)

    def first_tokens_each(self, texts: Sequence[str], number: int) -> list[int]:
        return self._chat.first_each(texts, number)

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        handed = Handed(requests)
        if not handed.any():
            return  # everything was in the ledger: no minute lost on a start
        name = f"the vLLM engine of {self._name}"
        deaths = 0
        while True:
            background = self._start()
            # Twice as many as the model works on, so that it never waits for us and prompts do not fill memory.
            replies = background.replies(handed, self._answer, 2 * self._max_concurrent, STALL_SECONDS, name)
            try:
                for reply in replies:
                    handed.answered(reply)
                    deaths = 0
                    yield reply
                return
            except EngineError:
                self._close(background)
                deaths += 1
                if deaths > RESTARTS:
                    raise
                handed.hand_again()

    def close(self) -> None:
        if self._background is not None:
            self._close(self._background)

    def _close(self, background: Background) -> None:
        """End the engine that runs in `background`, unless it has been ended and another one been started."""
        with self._starting:
            if self._background is not background:
                return
            self._background = None
            with contextlib.suppress(Exception):  # a dead engine cannot be shut down in order
                background.submit(self._shut_down()).result(timeout=CLOSE_SECONDS)
            background.stop()
            self._llm = None
            if self._watcher is not None:
                self._watcher.kill()
                self._watcher.communicate()
                self._watcher = None

    @functools.cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._folder, revision=self._commit, trust_remote_code=False)

    @functools.cached_property
    def _chat(self) -> Chat:
        chat = Chat(self._tokenizer, self._name)
        _keep_from_collection()
        return chat

    def _start(self) -> Background:
        with self._starting:
            if self._background is not None:
                return self._background
            for name, value in ENVIRONMENT.items():  # read when vllm is imported
                os.environ.setdefault(name, value)
            os.environ |= safe_environment()  # for the process of the model
            others = set(multiprocessing.active_children())
            background = self._background = Background("vllm-loop")
            try:
                with spawning_alone():
                    self._llm = background.submit(self._open()).result(timeout=START_SECONDS)
            except Exception as error:
                self._close(background)
                raise EngineError(
                    f"vLLM did not start with {self._name} within {START_SECONDS} s: {describe(error)}; "
                    "see its log above, or choose engine: template"
                ) from error
            self._watcher = _kill_with_us([process.pid for process in set(multiprocessing.active_children()) - others])
            _keep_from_collection()
            return background

    async def _shut_down(self) -> None:
        if self._llm is not None:
            self._llm.shutdown()
        await cancel_all()
        if self._llm is not None:
            self._llm.engine_core.resources.ctx.destroy(linger=0)  # vLLM 0.32 leaves it, its threads and files open

    def settings(self) -> dict[str, Any]:
        """What vLLM is started with."""
        return {
            "model": self._folder,
            "revision": self._commit,
            "tokenizer_revision": self._commit,
            # A model is data: no Python files of its own, and no pickled weights, which run code as well.
            "trust_remote_code": False,
            "load_format": "safetensors",
            "dtype": dtype(),
            "max_model_len": self._max_model_len,
            "max_num_seqs": self._max_concurrent,
            "enforce_eager": on_cpu(),  # compiling costs minutes on a CPU and gains nothing there
            # A prompt prefilled in two chunks rewinds its seeded generator, which torch can do only on GPUs: on a
            # CPU that kills the engine ("CPU Generator does not use offset", vLLM 0.32). With room for all
            # prompts at once none is ever cut.
            "max_num_batched_tokens": self._max_concurrent * self._max_model_len if on_cpu() else None,
            "enable_prefix_caching": True,  # our prompts begin alike: the instruction comes first
            # A prefix is kept by whole blocks. vLLM's own 128 on a CPU is more than our instructions have (89 to 130
            # tokens in English); its CPU kernels want a multiple of 32.
            "block_size": CPU_BLOCK if on_cpu() else None,
            "tensor_parallel_size": self._tensor_parallel,
            "enable_log_requests": False,
            "disable_log_stats": True,
            "use_tqdm_on_load": False,
        }

    async def _open(self) -> Any:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        return AsyncLLM.from_engine_args(AsyncEngineArgs(**self.settings()))

    async def _answer(self, request: Request) -> Reply:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            tokens = self._chat.encode(request.messages)
            room = self._max_model_len - request.sampling["max_tokens"]
            if len(tokens) > room:
                return Reply(
                    request.key, "", "error", len(tokens), prompt=request.prompt, model=self.model,
                    error=f"prompt too long: {len(tokens)} tokens, and beside the answer the model has room for {room}",
                )  # fmt: skip
            sampling = SamplingParams(output_kind=RequestOutputKind.FINAL_ONLY, **request.sampling)
            prompt = {"type": "token", "prompt_token_ids": tokens}
            begin = time.monotonic()
            outputs = [output async for output in self._llm.generate(prompt, sampling, request.key)]
            answer = outputs[-1].outputs[0]  # the only one: FINAL_ONLY
            return Reply(
                request.key, answer.text, str(answer.finish_reason), len(tokens), len(answer.token_ids),
                cached_tokens=outputs[-1].num_cached_tokens or 0, seconds=time.monotonic() - begin,
                prompt=request.prompt, model=self.model,
            )  # fmt: skip
        except EngineDeadError as error:
            raise EngineError(
                f"the vLLM engine of {self._name} died ({describe(error)}); "
                "finished replies are kept, run again to go on"
            ) from error
        except Exception as error:  # one bad prompt must not cost the others
            return Reply(request.key, "", "error", error=describe(error))


def _keep_from_collection() -> None:
    """Let Python's collector pass over all that is here, some 560,000 objects with transformers and vLLM imported.

    Planning requests makes objects by the thousand, so that it would walk through them every 50,000 requests or so,
    and the first time after 1,000: .3 s each.
    """
    gc.collect()
    gc.freeze()


def _kill_with_us(processes: Sequence[int | None]) -> subprocess.Popen[bytes]:
    """Kill these processes when this one is gone, however it ends: vLLM's would go on for ever, with their memory.

    The shell waits for the end of a pipe that only this process holds open.
    """
    command = f"cat > /dev/null; kill -9 {' '.join(str(process) for process in processes)}"
    return subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE, start_new_session=True)


@contextlib.contextmanager
def spawning_alone() -> Iterator[None]:
    """Processes that are spawned meanwhile do not import the script that runs, as they otherwise do at their start.

    It would run once more where it has no `__main__` guard, and the worker of vLLM 0.32 dies of numba (it looks through
    all modules, and the functions of llvmlite say of everything that they have it).
    """
    main: dict[str, Any] = vars(sys.modules["__main__"])
    hidden: dict[str, Any] = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)


def on_cpu() -> bool:
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def dtype() -> str:
    """float32 where a CPU lacks AVX-512: bfloat16 is emulated there and 6 times slower (11 instead of 63 tokens/s)."""
    if not on_cpu():
        return "auto"
    try:
        return "auto" if "avx512" in Path("/proc/cpuinfo").read_text(encoding="utf-8") else "float32"
    except OSError:  # no Linux
        return "float32"
