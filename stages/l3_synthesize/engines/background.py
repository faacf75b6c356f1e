"""An event loop in a thread of its own, from which replies come one by one as they are done.

Steps are plain code and ask for an iterator; engines talk to many requests at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from pipeline.steps import Reply, Request, describe
from stages.l3_synthesize.engines.engine import EngineError

JOIN_SECONDS = 30
T = TypeVar("T")
Answer = Callable[[Request], Awaitable[Reply]]
"""Raises EngineError if the engine itself is at fault, which ends all."""


class Handed:
    """Requests on their way to an engine; those without a reply are given again after `hand_again`."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._source = iter(requests)
        self._again: deque[Request] = deque()
        self._out: dict[str, Request] = {}

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        request = self._again.popleft() if self._again else next(self._source)
        self._out[request.key] = request
        return request

    def answered(self, reply: Reply) -> None:
        self._out.pop(reply.key, None)

    def hand_again(self) -> None:
        self._again.extendleft(reversed(self._out.values()))
        self._out.clear()

    def any(self) -> bool:
        """Whether there is a request at all: engines that are asked nothing do not start."""
        if next(self, None) is None:
            return False
        self.hand_again()
        return True


class Background:
    """Runs coroutines in its thread until it is stopped."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def replies(
        self, requests: Iterable[Request], answer: Answer, at_once: int, stall_seconds: float, name: str
    ) -> Iterator[Reply]:
        """One reply for each request in any order, `at_once` in flight; they are taken here, as there is room.

        A request with the key of one in flight is not asked again. Raises the EngineError of `answer`, or one if
        nothing comes for `stall_seconds`. The rest is cancelled then, and where the caller stops early.
        """
        done: queue.SimpleQueue[Reply | EngineError] = queue.SimpleQueue()
        running: dict[str, Future[None]] = {}
        source = iter(requests)
        try:
            while True:
                while len(running) < at_once and (request := next(source, None)) is not None:
                    if request.key not in running:
                        running[request.key] = self.submit(_answer(request, answer, done))
                if not running:
                    return
                try:
                    reply = done.get(timeout=stall_seconds)
                except queue.Empty:
                    raise EngineError(f"{name} gave no reply for {stall_seconds:.0f} s; run again to go on") from None
                if isinstance(reply, EngineError):
                    raise reply
                del running[reply.key]
                yield reply
        finally:
            for one in running.values():
                one.cancel()

    def stop(self) -> None:
        if self._loop.is_running():
            with contextlib.suppress(TimeoutError):
                self.submit(cancel_all()).result(timeout=JOIN_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=JOIN_SECONDS)
        if not self._loop.is_running():
            self._loop.close()


async def cancel_all() -> None:
    """What is cancelled ends in its loop's next turn, which a loop that is stopped at once would not have."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _answer(request: Request, answer: Answer, done: queue.SimpleQueue[Reply | EngineError]) -> None:
    try:
        done.put(await answer(request))
    except EngineError as error:
        done.put(error)
    except asyncio.CancelledError:  # the engine was closed: whoever waits for this reply must hear of it
        done.put(EngineError("the engine was closed"))
        raise
    except Exception as error:  # a fault of ours must not look like a model that hangs
        done.put(EngineError(f"asking the model failed: {describe(error)}"))
