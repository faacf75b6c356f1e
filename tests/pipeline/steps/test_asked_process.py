"""A process that is asked: whatever one question does to it, the next one is answered."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import Fault
from pipeline.steps import asked_process
from pipeline.steps.asked_process import AskedProcess, NoAnswer, Raised

OBEDIENT = """
import os, signal, subprocess, sys, time
from pipeline.processes import serve
wire = os.dup(1)
def answer(data, asked):
    exec(data.decode())
    return {"process": os.getpid(), "bytes": len(data)}
serve(answer)
"""


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AskedProcess]:
    """One that does what it is told."""
    script = tmp_path / "obedient.py"
    script.write_text(OBEDIENT, encoding="utf-8")
    made = AskedProcess(str(script))
    yield made
    made.stop()


def ask(process: AskedProcess, data: str, seconds: float = 0.2) -> int:
    return process.ask({"seconds": seconds}, data.encode())["process"]


DEADLY = {
    "while True: pass": "timed_out: more than 0.2 processor seconds",
    "time.sleep(600)": "timed_out: more than 0.2 processor seconds",
    "os.kill(os.getpid(), signal.SIGSTOP)": "timed_out: more than 0.2 processor seconds",
    "os._exit(3)": "crashed: its process ended with code 3",
    "os.closerange(0, 20); time.sleep(0.3); os._exit(4)": "crashed: its process ended with code 4",
    "os.kill(os.getpid(), signal.SIGSEGV)": f"crashed: its process ended with code -{int(signal.SIGSEGV)}",
    # What has taken over the process: half a block, one without end, and a child that keeps the output open.
    "os.write(wire, b'1234567'); time.sleep(600)": "timed_out",
    "os.write(wire, b'\\xff' * 4); time.sleep(600)": "crashed",
    "os.fork() or time.sleep(600); os._exit(0)": "timed_out",
}


@pytest.mark.parametrize("data", DEADLY)
def test_a_question_that_hangs_or_kills_costs_only_itself(process, monkeypatch, data):
    monkeypatch.setattr(asked_process, "WAIT_PER_SECOND", 8)
    monkeypatch.setattr(asked_process, "ENDS_WITHIN_S", 3.0)
    first = ask(process, "")
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=DEADLY[data]):
        ask(process, data)
    assert time.monotonic() - began < 60
    assert ask(process, "") != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_a_process_that_does_not_read_what_it_is_asked_is_not_waited_for(process, monkeypatch):
    monkeypatch.setattr(asked_process, "WAIT_PER_SECOND", 2)
    os.kill(ask(process, ""), signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(NoAnswer, match="timed_out"):
        ask(process, "#" * (1 << 20))
    assert time.monotonic() - began < 30
    assert ask(process, "") > 0


def test_a_question_that_makes_a_library_raise_keeps_its_process(process):
    first = ask(process, "")
    with pytest.raises(Raised, match="RuntimeError: defect"):
        ask(process, "raise RuntimeError('defect')")
    assert ask(process, "") == first


def test_a_process_is_replaced_after_its_share(process, monkeypatch):
    monkeypatch.setattr(asked_process, "REQUESTS_PER_PROCESS", 2)
    found = [ask(process, "") for _ in range(4)]
    assert found[0] == found[1] != found[2] == found[3]


def test_a_missing_library_is_no_questions_fault(process, tmp_path, monkeypatch):
    with pytest.raises(Fault, match=r"obedient.py lacks a library: No module named 'no_such_library'"):
        ask(process, "import no_such_library")
    script = tmp_path / "lacking.py"
    script.write_text(f"import sys\nsys.path.insert(0, {os.getcwd()!r})\n{LACKING}", encoding="utf-8")
    lacking = AskedProcess(str(script))
    monkeypatch.setattr(asked_process, "READY_WITHIN_S", 20)
    for _ in range(2):  # the second time by a fresh process
        with pytest.raises(Fault, match="lacks a library: No module named 'another_library'"):
            lacking.ask({"seconds": 1})


LACKING = """
from pipeline.processes import serve
def get_ready():
    import another_library
serve(lambda data, asked: {}, get_ready)
"""


def test_a_process_that_does_not_start_is_no_questions_fault(tmp_path, monkeypatch):
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit(7)", encoding="utf-8")
    with pytest.raises(Fault, match=r"broken.py did not start: crashed: its process ended with code 7"):
        AskedProcess(str(script)).ask({"seconds": 1})
    script.write_text("import time; time.sleep(600)", encoding="utf-8")
    monkeypatch.setattr(asked_process, "READY_WITHIN_S", 0.3)
    with pytest.raises(Fault, match=r"did not start: it was not ready within 0\.3 seconds"):
        AskedProcess(str(script)).ask({"seconds": 1})
