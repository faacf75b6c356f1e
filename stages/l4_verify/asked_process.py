"""A process of ours that answers one question after another and is killed where it hangs (`pipeline.processes`)."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import threading
import time
from typing import Any, BinaryIO, cast

from pipeline.errors import Fault
from pipeline.processes import read_block, write_block
from pipeline.steps.interpreter import python, safe_environment

START_SECONDS = 120.0
WAIT_PER_SECOND = 10
"""Wall-clock seconds to wait for each second of processor time allowed: only a stuck machine needs them."""


class NoAnswer(Exception):
    """The process ran out of time, or died of the question; another takes over."""


class AskedProcess:
    """The process that runs `module`, started with the first question."""

    def __init__(self, module: str) -> None:
        self.module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        atexit.register(self.stop)

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The answer. Raises NoAnswer, or Fault where a library is missing."""
        with self._lock:
            until = time.monotonic() + WAIT_PER_SECOND * seconds + (START_SECONDS if self._process is None else 0)
            is_new = self._process is None
            if self._process is None:
                self._process = subprocess.Popen(
                    python("-m", self.module), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    env=os.environ | safe_environment(), start_new_session=True,
                )  # fmt: skip
            requests, replies = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
            block = None
            with contextlib.suppress(BrokenPipeError):
                # A new one says first that it is ready. Nothing is asked before that: reading one block may take
                # the next one into the buffer as well, and `select` would then wait for what has come.
                block = _next(replies, until) if is_new else b"{}"
                if block is not None and b'"missing"' not in block:
                    block = None  # also where the process dies while it is asked
                    write_block(requests, json.dumps({**request, "seconds": seconds}).encode())
                    write_block(requests, b"")
                    requests.flush()
                    block = _next(replies, until)
            if block is None:
                self.stop()
                raise NoAnswer
        found = cast(dict[str, Any], json.loads(block))
        if "missing" in found:
            raise Fault(f"{self.module} lacks a library: {found['missing']}")
        return found

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    cast(BinaryIO, stream).close()
            process.wait()


def _next(replies: BinaryIO, until: float) -> bytes | None:
    """The next block, if it comes in time."""
    waited = max(until - time.monotonic(), 0.0)
    return read_block(replies) if select.select([replies], [], [], waited)[0] else None
