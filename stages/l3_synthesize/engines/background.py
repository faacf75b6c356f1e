"""An event loop in a thread of its own, from which replies come one by one as they are done.

Steps are plain code and ask for an iterator; engines talk to many requests at once.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from pipeline.steps import Reply, Request
from stages.l3_synthesize.engines.engine import EngineError

JOIN_SECONDS = 30
T = TypeVar("T")
Answer = Callable[[Request], Awaitable[Reply]]
"""Raises EngineError if the engine itself is at fault, which ends all."""


class Background:
    """Runs coroutines in its thread until it is stopped."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def replies(
        self, requests: Sequence[Request], answer: Answer, at_once: int, stall_seconds: float, name: str
    ) -> Iterator[Reply]:
        """One reply for each request in any order, `at_once` in flight.

        Raises the EngineError of `answer`, or one if nothing comes for `stall_seconds`. The rest is cancelled then, and
        where the caller stops early.
        """
        done: queue.SimpleQueue[Reply | EngineError] = queue.SimpleQueue()
        running = self.submit(_answer_all(requests, answer, at_once, done))
        try:
            for _ in requests:
                try:
                    reply = done.get(timeout=stall_seconds)
                except queue.Empty:
                    raise EngineError(f"{name} gave no reply for {stall_seconds:.0f} s; run again to go on") from None
                if isinstance(reply, EngineError):
                    raise reply
                yield reply
        finally:
            running.cancel()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=JOIN_SECONDS)
        if not self._loop.is_running():
            self._loop.close()


async def _answer_all(
    requests: Sequence[Request], answer: Answer, at_once: int, done: queue.SimpleQueue[Reply | EngineError]
) -> None:
    pending = iter(requests)

    async def worker() -> None:
        for request in pending:
            try:
                done.put(await answer(request))
            except EngineError as error:
                done.put(error)
                return

    await asyncio.gather(*(worker() for _ in range(min(len(requests), at_once))))
