"""A remote file that is read by ranges of bytes, as a Python file object."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

WINDOW = 256 << 10
"""Bytes fetched at least: the many small reads of footers and of Arrow messages then share one request."""


class RangeFile(io.RawIOBase):
    """Reads through `fetch(start, stop)`, of which small reads share what one fetch brought."""

    def __init__(self, fetch: Callable[[int, int], memoryview], size: int) -> None:
        self._fetch, self._size = fetch, size
        self._place = 0
        self._start, self._window = 0, memoryview(b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def read(self, size: int = -1) -> bytes:
        start = min(self._place, self._size)
        stop = self._size if size < 0 else min(start + size, self._size)
        self._place = stop
        if start == stop:
            return b""
        if not (self._start <= start and stop <= self._start + len(self._window)):
            if stop - start >= WINDOW:
                return bytes(self._fetch(start, stop))
            self._start, self._window = start, self._fetch(start, min(start + WINDOW, self._size))
        return bytes(self._window[start - self._start : stop - self._start])

    def readinto(self, buffer: Any) -> int:
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)
