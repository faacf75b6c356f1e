"""What a person sees while a level runs: one live line in a terminal, plain lines every ten seconds elsewhere.

A line also comes when nothing has happened for ten seconds, as while a language model starts, so that silence always
means that something is wrong.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

EVERY = 10.0
"""Seconds between lines where there is no terminal, and until a quiet level says that it is at work."""
WIDTH = 110


class Progress:
    """Says how far a level is. `say` shows a line for good; `clock` is for tests."""

    def __init__(
        self, say: Callable[[str], None], stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say, self._clock = say, clock
        self._live = stream if stream is not None and stream.isatty() else None
        self._lock = threading.Lock()
        self._level, self._began, self._said = "", 0.0, 0.0
        self._first: Mapping[str, Any] = {}

    def start(self, level: str, shards: int) -> None:
        """A level or a pass of one begins."""
        with self._lock:
            self._level, self._began, self._first = level, self._clock(), {}
            self._show(f"{level}: {shards} shard{'' if shards == 1 else 's'}")

    def advance(self, fields: Mapping[str, Any]) -> None:
        """A shard is done."""
        with self._lock:
            now = self._clock()
            if fields["level"] != self._level:  # a pass
                self._level, self._began, self._first = str(fields["level"]), now, {}
            line = self._line(fields, now)
            if fields["done"] == fields["of"]:
                self._show(line)
            elif self._live is not None:
                self._live.write(f"\r{line[:WIDTH]:<{WIDTH}}")
                self._live.flush()
            elif now - self._said >= EVERY:
                self._show(line)
            self._first = self._first or dict(fields)

    def _line(self, fields: Mapping[str, Any], now: float) -> str:
        took = now - self._began
        line = shards_line(fields)
        # What was found done counts for nothing: speed is that of this run.
        since = fields["done"] - self._first.get("done", 0) if self._first else 0
        if since > 0 and took >= 1 and fields["done"] < fields["of"]:
            size = (fields.get("bytes_in", 0) - self._first.get("bytes_in", 0)) / 1e6
            left = took / since * (fields["of"] - fields["done"])
            line += f", {size / took:.1f} MB/s, about {left:,.0f} s left"
        return line

    @contextmanager
    def beating(self, level: str) -> Iterator[None]:
        """While this runs, a quiet level says every ten seconds that it is at work."""
        done = threading.Event()
        with self._lock:
            self._said = self._clock()
        thread = threading.Thread(target=self._beat, args=(level, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _beat(self, level: str, done: threading.Event) -> None:
        began = self._clock()
        while not done.wait(1.0):
            with self._lock:
                now = self._clock()
                if now - self._said >= EVERY:
                    self._show(f"{level}: at work for {now - began:,.0f} s")

    def note(self, line: str) -> None:
        """Something else worth a line."""
        with self._lock:
            self._show(line)

    def _show(self, line: str) -> None:
        if self._live is not None:
            self._live.write(f"\r{'':<{WIDTH}}\r")
        self._said = self._clock()
        self._say(line)


def shards_line(fields: Mapping[str, Any]) -> str:
    """How far a level is, by the event of its last shard."""
    line = f"{fields['level']}: {fields['done']}/{fields['of']} shards"
    if "rows_in" not in fields:  # none yet
        return line
    counts = f"{fields['rows_in']:,} rows in, {fields['rows_out']:,} out, {fields['quarantined']:,} quarantined"
    return f"{line}, {counts}"


def to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
