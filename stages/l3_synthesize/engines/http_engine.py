"""Any server with OpenAI's interface as the engine: `vllm serve`, SGLang, llama.cpp, a hosted one, or several of them.

With a tokenizer the prompt is made here and sent as token ids (`/completions`), so that no text of a page can become a
control token. Without one the server renders the chat (`/chat/completions`) and what looks like a mark of a chat format
is sent with a space inside it.

| answer                                                | what becomes of the request                             |
|-------------------------------------------------------|---------------------------------------------------------|
| 200 with a text                                       | a reply                                                 |
| one much longer than was asked for                    | a reply that is refused as `oversized`                  |
| 400, 413, 422                                         | its own error: quarantined                              |
| 408, 409, 429, 5xx, time-out, no connection, garbage  | again, with fewer at once and a pause (`Retry-After`)   |
| the same ATTEMPTS times while others are answered     | its own error: quarantined (no connection never counts) |
| 401, 403, 404, or none at all for `patience_s`        | the run stops; finished replies are kept                |
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.steps import Reply, Request, describe
from stages.l3_synthesize.engines.background import Background, Handed
from stages.l3_synthesize.engines.chat import Chat
from stages.l3_synthesize.engines.endpoints import Endpoints, Outcome
from stages.l3_synthesize.engines.engine import EngineError
from stages.l3_synthesize.lexicons import ROLE

KEY_VARIABLES = ("OREFINE_API_KEY", "OPENAI_API_KEY")
"""Keys come from the environment alone: a recipe is stored, shown and published."""
ATTEMPTS = 5
LATER = {408, 409, 429}
REFUSED = {401, 403, 404}
CONNECT_SECONDS = 10.0
LARGEST_ANSWER = 4 << 20
"""Bytes."""
LONGEST_TOKEN = 64
"""Characters. A server that takes no notice of `max_tokens` gives more than so many for each."""
NOT_REACHED = -1
"""In place of a status: there was no connection, so the server has never seen the request."""
CHARACTERS_PER_TOKEN = 3.0
"""Where there is no tokenizer; English has 4 to 5, so a passage is rather too short than too long."""


class Servers(NamedTuple):
    """Where a model is served."""

    endpoints: tuple[str, ...]
    """Such as http://127.0.0.1:8000/v1."""
    revision: str = ""
    tokenizer: str | None = None
    timeout_s: float = 600.0
    """For one answer."""
    patience_s: float = 300.0
    """Without any answer, then the run stops."""


class HttpEngine:
    """One model behind one or more servers. max_concurrent: requests at once to each of them, at most."""

    def __init__(self, model: str, servers: Servers, max_concurrent: int) -> None:
        self._name, self._servers, self._max_concurrent = model, servers, max_concurrent
        self._background: Background | None = None
        self._session: Any = None
        self._starting = threading.Lock()
        atexit.register(self.close)

    @property
    def model(self) -> str:
        return f"{self._name}@{self._servers.revision}" if self._servers.revision else self._name

    @property
    def identity(self) -> Mapping[str, str]:
        return {"model": self.model, "tokenizer": self._servers.tokenizer or ""}

    def count_tokens(self, text: str) -> int:
        return len(self._chat.plain(text)) if self._chat else int(len(text) / CHARACTERS_PER_TOKEN) + 1

    def first_tokens(self, text: str, number: int) -> int:
        return self.first_tokens_each([text], number)[0]

    def first_tokens_each(self, texts: Sequence[str], number: int) -> list[int]:
        if self._chat:
            return self._chat.first_each(texts, number)
        return [min(len(text), int(number * CHARACTERS_PER_TOKEN)) for text in texts]

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        handed = Handed(requests)
        if not handed.any():
            return
        background = self._start()
        self._endpoints.begin()
        at_once = 2 * self._max_concurrent * len(self._servers.endpoints)
        # The endpoints lose patience themselves; this one is for a fault of ours.
        stall = self._servers.timeout_s + 2 * self._servers.patience_s + 60
        yield from background.replies(handed, self._answer, at_once, stall, self._name)

    def close(self) -> None:
        background, self._background = self._background, None
        if background is not None:
            background.submit(self._session.close()).result(timeout=CONNECT_SECONDS)
            background.stop()

    @functools.cached_property
    def _chat(self) -> Chat | None:
        name = self._servers.tokenizer
        if name is None:
            return None
        from transformers import AutoTokenizer

        return Chat(AutoTokenizer.from_pretrained(name, trust_remote_code=False), name)

    def _start(self) -> Background:
        with self._starting:
            if self._background is None:
                background = Background("http-engine")
                background.submit(self._open()).result(timeout=CONNECT_SECONDS)
                self._background = background
            return self._background

    async def _open(self) -> None:
        import aiohttp

        self._endpoints = Endpoints(self._servers.endpoints, self._max_concurrent, self._servers.patience_s)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._servers.timeout_s, sock_connect=CONNECT_SECONDS),
            headers=_headers(),
            connector=aiohttp.TCPConnector(limit=0),
            trust_env=False,
        )

    async def _answer(self, request: Request) -> Reply:
        try:
            path, body = self._body(request)
        except ValueError as error:  # a page that no prompt can hold
            return self._error(request, describe(error))
        failures, answered_before = 0, sum(one.answered for one in self._endpoints.all)
        while True:
            endpoint = await self._endpoints.enter()
            began = time.monotonic()
            status, retry_after, answer = await self._post(f"{endpoint.url.rstrip('/')}/{path}", body)
            seconds = time.monotonic() - began
            if status == 200 and len(answer) > LARGEST_ANSWER:
                reply: Reply | None = self._oversized(
                    request, answer[: self._longest(request)].decode("utf-8", "replace")
                )
            else:
                reply = self._read(request, answer, seconds) if status == 200 else None
            is_its_own = status in (400, 413, 422)
            outcome: Outcome = "answered" if reply is not None or is_its_own else "overloaded"
            await self._endpoints.leave(endpoint, outcome, began, retry_after)
            if reply is not None:
                return reply
            problem = f"HTTP {status}: {_message(answer)}" if status > 0 else _message(answer)
            if is_its_own:
                return self._error(request, problem)
            if status in REFUSED:
                raise EngineError(
                    f"{endpoint.url} refuses {self._name} ({problem}); look at the model's name, the endpoint and the "
                    f"key in {' or '.join(KEY_VARIABLES)}"
                )
            failures += status != NOT_REACHED
            others_pass = sum(one.answered for one in self._endpoints.all) - answered_before >= ATTEMPTS
            if failures >= ATTEMPTS and others_pass:
                return self._error(request, f"{failures} times {problem}")

    def _body(self, request: Request) -> tuple[str, bytes]:
        """(path, JSON)"""
        body: dict[str, Any] = {"model": self._name, **request.sampling}
        if self._chat:
            return "completions", json.dumps(body | {"prompt": self._chat.encode(request.messages)}).encode()
        messages = [{"role": role, "content": ROLE.sub(_apart, content)} for role, content in request.messages]
        if messages[-1]["role"] == "assistant":  # vLLM and SGLang; llama.cpp goes on by itself
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        return "chat/completions", json.dumps(body | {"messages": messages}).encode()

    async def _post(self, url: str, body: bytes) -> tuple[int, float | None, bytes]:
        """(status, Retry-After in seconds, what came); status 0 if nothing did, or NOT_REACHED."""
        import aiohttp

        try:
            async with self._session.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
                wait = response.headers.get("Retry-After", "")
                answer = await response.content.read(LARGEST_ANSWER + 1)
                while len(answer) <= LARGEST_ANSWER and not response.content.at_eof():
                    answer += await response.content.read(LARGEST_ANSWER + 1 - len(answer))
                return response.status, min(float(wait), 60.0) if wait.isdigit() else None, answer
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return NOT_REACHED, None, describe(error).encode()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, None, describe(error).encode()

    def _read(self, request: Request, answer: bytes, seconds: float) -> Reply | None:
        """None if the answer is none: not JSON, or without a text."""
        try:
            found = json.loads(answer)
            choice, usage = found["choices"][0], found.get("usage") or {}
            text = str((choice["text"] if "text" in choice else choice["message"]["content"]) or "")
            if len(text) > self._longest(request):
                return self._oversized(request, text[: self._longest(request)])
            return Reply(
                request.key,
                text,
                str(choice.get("finish_reason") or "stop"),
                int(usage.get("prompt_tokens") or 0),
                int(usage.get("completion_tokens") or 0),
                cached_tokens=int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
                seconds=seconds,
                prompt=request.prompt,
                model=self.model,
            )
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return None

    def _longest(self, request: Request) -> int:
        """Characters that an answer to a request may have."""
        return LONGEST_TOKEN * int(request.sampling["max_tokens"])

    def _oversized(self, request: Request, beginning: str) -> Reply:
        return Reply(request.key, beginning, "oversized", prompt=request.prompt, model=self.model)

    def _error(self, request: Request, problem: str) -> Reply:
        return Reply(request.key, "", "error", error=problem, prompt=request.prompt, model=self.model)


def problems_of_endpoints(endpoints: Sequence[str], model: str) -> list[str]:
    """What keeps a run from starting: an endpoint that does not answer, or does not serve the model."""
    found = []
    for url in endpoints:
        request = urllib.request.Request(f"{url.rstrip('/')}/models", headers=_headers())
        try:
            with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as response:
                served = [entry["id"] for entry in json.loads(response.read(LARGEST_ANSWER))["data"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            found.append(
                f"endpoint {url} does not list its models ({describe(error)}); start it, or correct `endpoints`"
            )
            continue
        if model not in served:
            found.append(f"endpoint {url} serves {', '.join(served)}, not model '{model}'; name one of them")
    return found


def _headers() -> dict[str, str]:
    key = next((os.environ[name] for name in KEY_VARIABLES if os.environ.get(name)), "")
    return {"Authorization": f"Bearer {key}"} if key else {}


def _apart(mark: Any) -> str:
    return f"{mark[0][0]} {mark[0][1:]}"


def _message(answer: bytes) -> str:
    """What a server says of its error, in a line."""
    return " ".join(answer[:300].decode("utf-8", "replace").split())
