"""Asks the sandbox: does this code pass these tests? The tests' process answers, never the candidate's."""

from __future__ import annotations

import atexit
import functools
import json
import math
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import Fault
from pipeline.steps.interpreter import python

GUEST = Path(__file__).with_name("guest.py")
"""Run and not imported: it executes what is handed to it."""
INSIDE = (GUEST, GUEST.with_name("walls.py"))
"""Its code, to which no import leads: who uses the sandbox counts these files."""
MAXIMUM_SOURCE = 60_000
"""Characters of code or tests: both must fit into a socket's buffer before anybody reads."""
START_SECONDS = 60.0
LEVELS = {
    1: "limits of time, memory and files only: code that nobody trusts is not held",
    2: "limits and a filter of system calls, no namespaces",
    3: "limits, a filter of system calls, and namespaces",
}
"""What holds a candidate at each level; `guest` says more."""
WAIT_PER_SECOND = 5
"""Wall-clock seconds for each second of processor time: for code that sleeps, and for a busy machine."""

Fate = Literal["pass", "fail", "timed_out"]


@dataclass(frozen=True, slots=True)
class Suite:
    """Python source: `setup` and then `tests` run with the candidate's functions as names; assertions decide."""

    tests: str
    entry_point: str = ""
    setup: str = ""
    """Trusted helpers: what the candidate defines under the same name does not count, but for the entry point."""
    calls_check: bool = False
    """The tests define `check(candidate)`, as HumanEval's do."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one candidate."""

    fate: Fate
    defect: str = ""
    error: str = ""
    calls: int = 0


class Sandbox:
    """Two shut-in processes, one for candidates and one for tests; started when needed, replaced when one is lost."""

    def __init__(self, seconds: int = 4, memory: int = 1 << 29) -> None:
        """seconds: of processor time; memory: bytes of address space; each for one candidate and its tests."""
        self.seconds, self.memory = seconds, memory
        self._guests: list[_Guest] = []
        self._lock = threading.Lock()
        atexit.register(self.stop)

    @property
    def level(self) -> int:
        """See `guest`; the lower of both processes."""
        with self._lock:
            return min(guest.level for guest in self._started())

    def run(self, code: str, tests: Suite) -> Result:
        """One candidate against the tests. Raises Fault where the sandbox itself does not answer."""
        if max(len(code), len(tests.tests), len(tests.setup)) > MAXIMUM_SOURCE:
            return Result("fail", "too_long")
        with self._lock:
            try:
                return self._run(code, tests, *self._started())
            except (OSError, ValueError) as error:
                self.stop()
                raise Fault(f"the sandbox does not answer: {error}; start the run again") from error

    def stop(self) -> None:
        for guest in self._guests:
            guest.stop()
        self._guests = []

    def _started(self) -> list[_Guest]:
        if not self._guests:
            self._guests = [_Guest(), _Guest()]
        return self._guests

    def _run(self, code: str, tests: Suite, candidates: _Guest, judges: _Guest) -> Result:
        nonce = os.urandom(16).hex()
        theirs, ours = socket.socketpair()
        verdict, told = os.pipe()
        try:
            _put(theirs, {"nonce": nonce, **_fields(tests)})  # is read at the other end
            _put(ours, {"code": code})
            judges.run("tests", self.seconds, self.memory, [ours.fileno(), told])
            candidates.run("candidate", self.seconds, self.memory, [theirs.fileno()])
        finally:
            theirs.close()
            ours.close()
            os.close(told)
        try:
            data = _all(verdict, time.monotonic() + WAIT_PER_SECOND * self.seconds)
        finally:
            os.close(verdict)
            used = [candidates.end(), judges.end()]
        return self._read(data, nonce, used)

    def _read(self, data: bytes | None, nonce: str, used: list[float]) -> Result:
        if max(used) >= self.seconds:
            return Result("fail", "too_slow")
        if data is None:
            return Result("timed_out", "timed_out")
        try:
            said: dict[str, Any] = json.loads(data)
        except ValueError:
            return Result("fail", "ended_early")
        if said.get("nonce") != nonce:
            return Result("fail", "ended_early")
        error = ": ".join(str(part) for part in said.get("error", []))
        return Result("pass" if said["passed"] else "fail", said.get("defect", ""), error, said.get("calls", 0))


class _Guest:
    """One process of `guest.py`, with the socket that it is asked by."""

    def __init__(self) -> None:
        self._control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        arguments = [*python("-I", "-S", "-B", str(GUEST)), str(other.fileno())]
        self._process = subprocess.Popen(
            arguments, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={}, cwd="/", start_new_session=True,
        )  # fmt: skip
        other.close()
        self._control.settimeout(START_SECONDS)
        self.level = int(self._answer()["level"])

    def run(self, role: str, seconds: int, memory: int, fds: list[int]) -> None:
        asked = {"do": "run", "role": role, "seconds": seconds, "memory": memory}
        socket.send_fds(self._control, [json.dumps(asked).encode()], fds)

    def end(self) -> float:
        """End what runs; its processor seconds, without end where their limit is what ended it.

        The kernel counts by its own clock, which may reach the limit before these seconds do.
        """
        self._control.send(b'{"do": "end"}')
        said = self._answer()
        is_over = os.WIFSIGNALED(said["status"]) and os.WTERMSIG(said["status"]) == signal.SIGXCPU
        return math.inf if is_over else float(said["seconds"])

    def stop(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        data = self._control.recv(1 << 16)
        if not data:
            raise OSError("its process has ended")
        found: dict[str, Any] = json.loads(data)
        return found


@functools.cache
def shared(seconds: int, memory: int) -> Sandbox:
    """One sandbox per process and set of limits."""
    return Sandbox(seconds, memory)


def _fields(tests: Suite) -> dict[str, Any]:
    return {name: getattr(tests, name) for name in ("tests", "entry_point", "setup", "calls_check")}


def _put(end: socket.socket, value: dict[str, Any]) -> None:
    data = json.dumps(value).encode()
    end.setblocking(False)
    try:
        end.sendall(struct.pack("<I", len(data)) + data)
    finally:
        end.setblocking(True)


def _all(pipe: int, until: float) -> bytes | None:
    """What comes until the writer is gone; None where it is still there at that time."""
    found = b""
    while True:
        if not select.select([pipe], [], [], max(until - time.monotonic(), 0.0))[0]:
            return None
        part = os.read(pipe, 1 << 16)
        if not part:
            return found
        found += part
