"""How many requests each of several servers is given at once: more while it answers, half when it is too much."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Literal

from stages.l3_synthesize.engines.engine import EngineError

START = 4
"""Requests in flight at first, so that a server that is warming up is not buried."""
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
Outcome = Literal["answered", "overloaded"]


@dataclass
class Endpoint:
    """One server. The window grows by one for each answer up to the first overload, then by one a round (AIMD)."""

    url: str
    limit: float
    largest: int
    in_flight: int = 0
    answered: int = 0
    failures: int = 0
    """In a row."""
    paused_until: float = 0.0
    has_been_full: bool = False
    halved_at: float = field(default=0.0)

    def room(self, now: float) -> float:
        return self.limit - self.in_flight if now >= self.paused_until else 0.0

    def note(self, outcome: Outcome, began: float, retry_after: float | None) -> None:
        now = time.monotonic()
        if outcome == "answered":
            self.answered += 1
            self.failures = 0
            self.limit = min(self.limit + (1 / self.limit if self.has_been_full else 1), self.largest)
            return
        self.failures += 1
        if began >= self.halved_at:  # requests sent before the last halving say nothing new
            self.limit, self.has_been_full, self.halved_at = max(self.limit / 2, 1), True, now
        pause = min(PAUSE_SECONDS * 2 ** (self.failures - 1), LONGEST_PAUSE_SECONDS)
        self.paused_until = max(self.paused_until, now + (pause if retry_after is None else retry_after))


class Endpoints:
    """The servers of an engine. `enter` waits for room; every `enter` is followed by a `leave`."""

    def __init__(self, urls: tuple[str, ...], largest: int, patience_s: float) -> None:
        self.all = [Endpoint(url, min(START, largest), largest) for url in urls]
        self._patience_s = patience_s
        self._last_answer = time.monotonic()
        self._changed = asyncio.Condition()

    async def enter(self) -> Endpoint:
        """The endpoint with most room. Raises EngineError if none has answered for longer than the patience."""
        async with self._changed:
            while True:
                now = time.monotonic()
                best = max(self.all, key=lambda endpoint: endpoint.room(now))
                if best.room(now) >= 1:
                    best.in_flight += 1
                    return best
                if now - self._last_answer > self._patience_s and not any(one.in_flight for one in self.all):
                    urls = ", ".join(endpoint.url for endpoint in self.all)
                    raise EngineError(
                        f"no answer from {urls} for {self._patience_s:.0f} s; look whether it runs, and run again: "
                        "finished replies are kept"
                    )
                pause = min((one.paused_until for one in self.all if one.paused_until > now), default=now + 1) - now
                try:
                    await asyncio.wait_for(self._changed.wait(), min(pause, 1.0))
                except TimeoutError:
                    continue

    async def leave(self, endpoint: Endpoint, outcome: Outcome, began: float, retry_after: float | None = None) -> None:
        async with self._changed:
            endpoint.in_flight -= 1
            endpoint.note(outcome, began, retry_after)
            if outcome == "answered":
                self._last_answer = time.monotonic()
            self._changed.notify_all()

    def begin(self) -> None:
        """Patience counts from here: hours may have passed since the last batch."""
        self._last_answer = time.monotonic()
