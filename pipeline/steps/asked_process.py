"""A process of ours that answers one request after another, and is killed where it hangs.

For libraries that hang, crash or blow up on some pages, documents or formulas. The other side is
`pipeline.processes.serve`. Every wait ends: a process that is overdue is killed, and whatever was read from it or
written to it ends with it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from pipeline.errors import Fault
from pipeline.processes import read_block, write_block
from pipeline.steps.interpreter import python, safe_environment

REQUESTS_PER_PROCESS = 2000
"""Then a fresh one takes over: extractors leak."""
READY_WITHIN_S = 300
"""For its libraries, and for compiled loops that this machine does not hold yet; 1 to 15 seconds if it is not busy."""
WAIT_PER_SECOND = 10
"""Wall-clock seconds to wait for each second of processor time allowed: only a stuck machine needs them."""
ENDS_WITHIN_S = 5.0
"""From the end of its output to the end of the process."""


class NoAnswer(Exception):
    """What was asked could not be answered, in words for the quarantine; the next request goes to a fresh process."""


class Raised(NoAnswer):
    """What was asked made a library raise; the process goes on."""


class AskedProcess:
    """The process, started when needed and replaced when it dies or has done enough."""

    def __init__(self, *command: str) -> None:
        """`command`: what Python runs: `-m` and a module, or a file where importing its package would take a second."""
        self.command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._requests = 0
        self._is_ready = False
        self._lock = threading.Lock()
        atexit.register(self.stop)

    def start(self) -> None:
        """Without waiting for it."""
        if self._process is None:
            self._process = subprocess.Popen(
                python(*self.command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env=os.environ | safe_environment(), start_new_session=True,
            )  # fmt: skip
            self._requests, self._is_ready = 0, False

    def ask(self, request: Mapping[str, Any], data: bytes = b"") -> dict[str, Any]:
        """The answer within `request["seconds"]` of processor time. Raises NoAnswer, or Fault if a library lacks."""
        seconds = request["seconds"]
        too_long = f"timed_out: more than {seconds} processor seconds"
        with self._lock:
            self.start()
            self._get_ready()
            found = self._answer(WAIT_PER_SECOND * seconds, too_long, json.dumps(request).encode(), data)
            self._requests += 1
            if self._requests >= REQUESTS_PER_PROCESS:
                self.stop()
        self._check_libraries(found)
        if "error" in found:
            raise Raised(found["error"])
        return found

    def stop(self) -> int | None:
        """End the process; its return code, negative for the signal that had ended it before."""
        process, self._process = self._process, None
        if process is None:
            return None
        _kill(process)  # no harm if it has ended: the code stays what it was
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                cast(BinaryIO, stream).close()
        return process.wait()

    def _get_ready(self) -> None:
        """Wait until the process has its libraries."""
        if self._is_ready:
            return
        try:
            found = self._answer(READY_WITHIN_S, f"it was not ready within {READY_WITHIN_S} seconds")
        except NoAnswer as error:
            raise Fault(f"{self.command[-1]} did not start: {error}") from error
        self._check_libraries(found)
        self._is_ready = True

    def _check_libraries(self, found: Mapping[str, Any]) -> None:
        if "missing" in found:
            self.stop()
            raise Fault(f"{self.command[-1]} lacks a library: {found['missing']}")

    def _answer(self, seconds: float, too_long: str, *blocks: bytes) -> dict[str, Any]:
        """The next block that it sends, when these have been sent to it."""
        process = cast("subprocess.Popen[bytes]", self._process)
        is_overdue = threading.Event()

        def end() -> None:
            is_overdue.set()
            _kill(process)

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            with contextlib.suppress(BrokenPipeError):  # then there is no answer either
                for block in blocks:
                    write_block(cast(BinaryIO, process.stdin), block)
                cast(BinaryIO, process.stdin).flush()
            answer = read_block(cast(BinaryIO, process.stdout))
        finally:
            timer.cancel()
            timer.join()  # so that it cannot kill the process later, during another request
        if answer is not None:
            if is_overdue.is_set():
                self.stop()
            return cast(dict[str, Any], json.loads(answer))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN_S)
        code = self.stop()
        if is_overdue.is_set() or code == -signal.SIGPROF:
            raise NoAnswer(too_long)
        raise NoAnswer(f"crashed: its process ended with code {code}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """It and what it has started, which may hold its output open. `poll` would give its id away."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
