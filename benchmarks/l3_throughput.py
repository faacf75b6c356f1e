"""What L3 costs beside the model: our own CPU time without one, and output tokens a second with a real one.

`null`: DOCUMENTS articles of FOLDER/wikipedia, or pages of FOLDER/fineweb, through the whole level with an engine that
answers at once: passage (by the model's tokenizer), request, ledger, checks and files. The answer to one document is
the passage of the next, so that every check runs to its end. CPU seconds of this process, all threads, of TURNS levels
one after the other over the same documents, which are forgotten in between, after a smaller one that compiles.

`vllm`: the same requests, with the same token ids and sampling, once through bare `LLM.generate` and once through the
level, each with an engine process of its own: tokens a second by the wall and a CPU second of all processes (the
machine may be shared), and the share of prompt tokens that came from the prefix cache.

`shards`: how long an engine with 32 places works on DOCUMENTS articles in 8 shards one after the other, each of which
ends with places that stand empty, and on the same ones in a single shard. The clock is the engine's own: an answer as
long as its passage takes that long, and everything else takes no time, as with a GPU that is slower than we are.

    python -m benchmarks.l3_throughput null FOLDER [--documents 4000] [--tokens 200] [--pages] [--profile]
    python -m benchmarks.l3_throughput shards FOLDER [--documents 4000]
    python -m benchmarks.l3_throughput vllm FOLDER [--requests 256] [--tokens 64] [--at-once 64] [--prompt faq]
        [--rewrites 2]
"""

from __future__ import annotations

import argparse
import cProfile
import gzip
import heapq
import json
import os
import pstats
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.l1_level import read_texts
from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.ledger import Ledger
from pipeline.run.level import Finished, InputFile, run_level
from pipeline.run.passes import Level
from pipeline.run.runners import open_runner
from pipeline.steps import Reply, Request
from pipeline.store.shard import file_sha256
from pipeline.store.store import open_store
from stages.l0_collect.readers.parquet import ParquetSource
from stages.l3_synthesize import output_checks, rewrite, words
from stages.l3_synthesize.engines.engine import Engine
from stages.l3_synthesize.engines.registry import close_engines
from stages.l3_synthesize.engines.vllm_engine import VllmEngine, spawning_alone
from stages.l3_synthesize.rewrite import Rewrite

TURNS = 12
"""The first meets a fresh tokenizer, which learns the shapes of words once in a process. A shard of 256 MB is longer
than all of them together."""
SHARDS = 2
MANY_SHARDS, PLACES = 8, 32
INPUT_TOKENS = 100
"""Of a passage with the real model on a CPU."""


class NullEngine:
    """Answers each request with the passage of the request before."""

    model = "null@1"
    identity: Mapping[str, str] = {"model": "null@1"}

    def __init__(self) -> None:
        self._tokenizer = Rewrite(prompts=("rephrase",))._engine()
        self._last = "Nothing was asked before this."

    def count_tokens(self, text: str) -> int:
        return self._tokenizer.count_tokens(text)

    def first_tokens(self, text: str, number: int) -> int:
        return self._tokenizer.first_tokens(text, number)

    def first_tokens_each(self, texts: Sequence[str], number: int) -> list[int]:
        return self._tokenizer.first_tokens_each(texts, number)

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            text, self._last = self._last, request.shown
            words = len(text) // 4
            yield Reply(request.key, text, "stop", words, words, prompt=request.prompt, model=self.model)

    def close(self) -> None:
        """Nothing to close."""


class Clocked(NullEngine):
    """Has PLACES, in each of which an answer takes as long as it has characters, by a clock of its own."""

    now = 0

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        source, number = iter(requests), count()
        at_work: list[tuple[int, int, Reply]] = []
        while True:
            while len(at_work) < PLACES and (request := next(source, None)) is not None:
                reply = Reply(request.key, request.shown, "stop", prompt=request.prompt, model=self.model)
                heapq.heappush(at_work, (self.now + len(request.shown), next(number), reply))
            if not at_work:
                return
            self.now, _, reply = heapq.heappop(at_work)
            yield reply


ENGINES: list[NullEngine] = []
"""The one in use."""


class NullRewrite(Rewrite):
    """Rewrites with it."""

    def _engine(self) -> Engine:
        return ENGINES[-1]


def articles(folder: Path, first: int, wanted: int) -> list[dict[str, str]]:
    """Articles of at least 1,000 characters."""
    rows: list[dict[str, str]] = []
    with gzip.open(folder / "wikipedia" / "en.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if len(row["text"]) >= 1000:
                rows.append({"url": row["url"], "text": row["text"]})
                if len(rows) == first + wanted:
                    return rows[first:]
    raise SystemExit(f"{folder / 'wikipedia'} holds {len(rows):,} such articles, fewer than {first + wanted:,}")


def pages(folder: Path) -> list[dict[str, str]]:
    """All distinct pages of FineWeb."""
    return [{"url": f"https://web.example/{number}", "text": text} for number, text in enumerate(read_texts(folder))]


def collected(folder: Path, rows: list[dict[str, str]], shards: int = SHARDS) -> tuple[Finished, str]:
    """L0 of these rows in a store of its own, in so many shards."""
    folder.mkdir()
    files = []
    for shard in range(shards):
        path = folder / f"part-{shard}.parquet"
        pq.write_table(pa.Table.from_pylist(rows[shard::shards]), path)
        files.append(InputFile(str(path), file_sha256(path)))
    store = str(folder / "store")
    level = Level("l0_collect", "toy", (), ParquetSource(paths=(str(folder),)))
    return run_level(level, open_store(store), open_runner("inline"), silent, files), store


def silent(*_: Any) -> None:
    """Events are for people."""


def refine(parent: Finished, store: str, step: Rewrite) -> Finished:
    level = Level("l3_synthesize", "toy", (step,))
    return run_level(level, open_store(store), open_runner("inline"), silent, parent=parent)


def measure_null(folder: Path, documents: int, tokens: int, of_web: bool, profile: bool) -> dict[str, Any]:
    ENGINES.append(NullEngine())
    step = NullRewrite(prompts=("rephrase",), max_input_tokens=tokens, min_words=min(40, tokens // 4))
    rates: list[float] = []
    profiler = cProfile.Profile(time.process_time) if profile else None
    with tempfile.TemporaryDirectory() as temporary:
        refine(*collected(Path(temporary, "warm"), articles(folder, 0, 200)), step)
        rows = pages(folder)[:documents] if of_web else articles(folder, 200, documents)
        for turn in range(1 if profiler else TURNS):
            parent, store = collected(Path(temporary, str(turn)), rows)
            forget_texts()
            cpu = time.process_time()
            if profiler:
                profiler.enable()
            level = refine(parent, store, step)
            if profiler:
                profiler.disable()
            cpu = time.process_time() - cpu
            asked = sum(1 for _ in Ledger(open_store(store)).replies())
            rates.append(asked / cpu)
    if profiler:
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
    return {
        "documents": len(rows),
        "requests": asked,
        "accepted": level.manifest.rows_out,
        "dropped": level.manifest.dropped,
        "requests_per_cpu_second": {
            "first": rates[0], "median_of_others": statistics.median(rates[1:] or rates), "each": rates,
        },
    }  # fmt: skip


def forget_texts() -> None:
    """Forget what is known of single texts, so that the same documents are new once more."""
    output_checks.LANGUAGES = rewrite.LANGUAGES = output_checks.Languages()
    for _, read in words._REMEMBERED:
        read.cache_clear()


def measure_shards(folder: Path, documents: int) -> dict[str, Any]:
    took: dict[int, int] = {}
    for shards in (1, MANY_SHARDS):
        ENGINES.append(engine := Clocked())
        with tempfile.TemporaryDirectory() as temporary:
            rows = collected(Path(temporary, "measured"), articles(folder, 0, documents), shards)
            refine(*rows, NullRewrite(prompts=("rephrase",)))
        took[shards] = engine.now
    return {"documents": documents, "took": took, "cost_of_shards": took[MANY_SHARDS] / took[1] - 1}


class Once(Rewrite):
    """Asks no request again, so that the model does the same work as without the level."""

    def ask_again(self, request: Request, reply: Reply) -> Request | None:
        return None


class Clock:
    """Seconds since it was made: by the wall, and of CPU in this process and all below it that are still there."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), _cpu_seconds()

    def read(self) -> dict[str, float]:
        return {"seconds": time.monotonic() - self._wall, "cpu_seconds": _cpu_seconds() - self._cpu}


def _cpu_seconds() -> float:
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def measure_vllm(folder: Path, asked: int, tokens: int, at_once: int, prompt: str, rewrites: int) -> dict[str, Any]:
    step = once(tokens, at_once, prompt, rewrites)
    requests, stage, replies = through_stage(folder, step, asked // rewrites)
    prompt_tokens, cached = sum(one.prompt_tokens for one in replies), sum(one.cached_tokens for one in replies)
    alone = bare(step, requests)
    return {
        "requests": len(requests),
        "at_once": at_once,
        "stage": stage,
        "bare": alone,
        "share_of_bare_by_the_wall": _rate(stage, "seconds") / _rate(alone, "seconds"),
        "share_of_bare_by_cpu": _rate(stage, "cpu_seconds") / _rate(alone, "cpu_seconds"),
        "cached_share_of_prompt": cached / prompt_tokens,
    }


def once(tokens: int, at_once: int, prompt: str, rewrites: int = 1) -> Once:
    return Once(
        prompts=(prompt,), prompts_per_document=rewrites, max_new_tokens=tokens, max_concurrent=at_once,
        max_input_tokens=INPUT_TOKENS, seed=1,
    )  # fmt: skip


def through_stage(folder: Path, step: Once, documents: int) -> tuple[list[Request], dict[str, float], list[Reply]]:
    """The requests for so many documents, what the whole level took for them once its engine was there, the replies."""
    with tempfile.TemporaryDirectory() as temporary:
        parent, store = collected(Path(temporary, "measured"), articles(folder, 0, documents))
        tables = [pq.read_table(Path(store, parent.directory, path)) for path in parent.manifest.paths("data")]
        batches = [Batch(rows) for table in tables for rows in table.to_batches()]
        requests = [one for batch in batches for one in step.requests(batch) if isinstance(one, Request)]
        list(step.generate([warm_up(step)]))  # the start is not measured
        clock, own = Clock(), time.process_time()
        refine(parent, store, step)
        through, own = clock.read(), time.process_time() - own
        replies = list(Ledger(open_store(store)).replies())
        close_engines()
    assert len(replies) == len(requests)
    written = sum(one.completion_tokens for one in replies)
    return requests, {"tokens": written, **through, "cpu_seconds_of_this_process": own}, replies


def _rate(found: Mapping[str, float], clock: str) -> float:
    return found["tokens"] / found[clock]


def warm_up(step: Rewrite) -> Request:
    """One of another text."""
    text = "The harbour was built in the spring of that year, and ships have used it ever since. " * 6
    rows = pa.RecordBatch.from_pylist([{"id": "0" * 32, "text": text}], BASE_SCHEMA)
    return next(one for one in step.requests(Batch(rows)) if isinstance(one, Request))


def bare(step: Rewrite, requests: list[Request]) -> dict[str, float]:
    """Output tokens and seconds of `LLM.generate` with the same token ids, sampling and settings."""
    from vllm import LLM, SamplingParams
    from vllm.engine.arg_utils import EngineArgs

    engine = step._engine()
    assert isinstance(engine, VllmEngine)
    settings = engine.settings()
    with spawning_alone():
        llm = LLM(**{name: settings[name] for name in settings if name in EngineArgs.__dataclass_fields__})

    def ask(asked: list[Request]) -> int:
        prompts: Any = [{"prompt_token_ids": engine._chat.encode(one.messages)} for one in asked]
        sampling = [SamplingParams(**one.sampling) for one in asked]
        answers = llm.generate(prompts, sampling, use_tqdm=False)
        return sum(len(answer.outputs[0].token_ids) for answer in answers)

    ask([warm_up(step)])
    clock = Clock()
    return {"tokens": ask(requests), **clock.read()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["null", "shards", "vllm"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=4000)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--tokens", type=int, help="of a passage for `null` (200), of an answer for `vllm` (64)")
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--prompt", default="rephrase")
    parser.add_argument("--rewrites", type=int, default=1, help="of a document by the same prompt")
    parser.add_argument("--pages", action="store_true", help="for `null`: FineWeb's pages in place of Wikipedia")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    pa.set_cpu_count(1)
    if options.what == "null":
        found = measure_null(options.folder, options.documents, options.tokens or 200, options.pages, options.profile)
    elif options.what == "shards":
        found = measure_shards(options.folder, options.documents)
    else:
        found = measure_vllm(
            options.folder, options.requests, options.tokens or 64, options.at_once, options.prompt, options.rewrites
        )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
