"""A process that can be killed, for libraries that hang, crash or blow up on some pages and documents."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import threading
from typing import Any, BinaryIO, cast

from pipeline.processes import read_block, write_block
from pipeline.steps import Fault
from pipeline.steps.interpreter import python, safe_environment

REQUESTS_PER_PROCESS = 2000
"""Then a fresh one takes over: extractors leak."""
READY_WITHIN_S = 300
"""For its libraries, and for compiled loops that this machine does not hold yet; 1 to 15 seconds if it is not busy."""
WAIT_PER_SECOND = 10
"""Wall-clock seconds to wait for each second of processor time allowed: only a stuck machine needs them."""


class ExtractionError(Exception):
    """The page or document could not be processed, in words for the quarantine."""


class KillableProcess:
    """The process that extracts, started when needed and replaced when it dies or has done enough."""

    def __init__(self, script: str) -> None:
        """`script`: the file that it runs, which calls `pipeline.processes.serve`."""
        self.script = script
        self._process: subprocess.Popen[bytes] | None = None
        self._requests = 0
        self._is_ready = False
        self._lock = threading.Lock()
        atexit.register(self.stop)

    def start(self) -> None:
        if self._process is not None:
            return
        # By file: importing the package would cost a second.
        self._process = subprocess.Popen(
            python(self.script), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | safe_environment(), start_new_session=True,
        )  # fmt: skip
        self._requests, self._is_ready = 0, False

    def ask(self, data: bytes, request: dict[str, Any]) -> dict[str, Any]:
        """The process's answer. Raises ExtractionError if there is none or it is an error, Fault if a library lacks."""
        with self._lock:
            self.start()
            found = self._get_ready() or self._ask(data, request)
            self._requests += 1
            if self._requests >= REQUESTS_PER_PROCESS:
                self.stop()
        if "missing" in found:
            raise Fault(f"the extractor lacks a library: {found['missing']}")
        if "error" in found:
            raise ExtractionError(found["error"])
        return found

    def stop(self) -> int | None:
        """End the process; its return code, negative for the signal that had ended it before."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()  # no harm if it has ended: the code stays what it was
        cast(BinaryIO, process.stdout).close()
        with contextlib.suppress(BrokenPipeError):
            cast(BinaryIO, process.stdin).close()
        return process.wait()

    def _ask(self, data: bytes, request: dict[str, Any]) -> dict[str, Any]:
        process = cast("subprocess.Popen[bytes]", self._process)
        requests = cast(BinaryIO, process.stdin)
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            write_block(requests, json.dumps(request).encode())
            write_block(requests, data)
            requests.flush()
        seconds = request["seconds"]
        return self._answer(WAIT_PER_SECOND * seconds, f"timed_out: more than {seconds} processor seconds")

    def _get_ready(self) -> dict[str, Any]:
        """Wait until the process has its libraries; {} unless it lacks one."""
        if self._is_ready:
            return {}
        try:
            found = self._answer(READY_WITHIN_S, f"it was not ready within {READY_WITHIN_S} seconds")
        except ExtractionError as error:
            raise Fault(f"the extractor did not start: {error}") from error
        self._is_ready = True
        return found

    def _answer(self, seconds: float, too_long: str) -> dict[str, Any]:
        """The next block that it sends."""
        process = cast("subprocess.Popen[bytes]", self._process)
        replies = cast(BinaryIO, process.stdout)
        is_answered = bool(select.select([replies], [], [], seconds)[0])
        if is_answered and (block := read_block(replies)) is not None:
            return cast(dict[str, Any], json.loads(block))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5.0 if is_answered else 0.0)
        code = self.stop()
        if not is_answered or code == -signal.SIGPROF:
            raise ExtractionError(too_long)
        raise ExtractionError(f"crashed: the extractor ended with code {code}")
