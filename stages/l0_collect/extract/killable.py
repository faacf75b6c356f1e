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
        self._requests = 0

    def ask(self, data: bytes, request: dict[str, Any]) -> dict[str, Any]:
        """The process's answer. Raises ExtractionError if there is none or it is an error, Fault if a library lacks."""
        with self._lock:
            self.start()
            found = self._ask(data, request)
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
        requests, replies = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
        try:
            write_block(requests, json.dumps(request).encode())
            write_block(requests, data)
            requests.flush()
            is_answered = bool(select.select([replies], [], [], WAIT_PER_SECOND * request["seconds"])[0])
            block = read_block(replies) if is_answered else None
        except BrokenPipeError:
            is_answered, block = True, None
        if block is not None:
            return cast(dict[str, Any], json.loads(block))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.0 if not is_answered else 5.0)
        code = self.stop()
        if not is_answered or code == -signal.SIGPROF:
            raise ExtractionError(f"timed_out: more than {request['seconds']} processor seconds")
        raise ExtractionError(f"crashed: the extractor ended with code {code}")
