"""Verdicts on programs: gold first, twice, and only where the tests tell right from wrong."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.publish.calibration import calibrate
from pipeline.rows.batch import Batch
from stages.l4_verify.code_execution import CodeExecution
from stages.l4_verify.sandbox import host

CHECKER = CodeExecution(seconds=1, minimum_level=1)
RIGHT = "def f(x):\n    return x + 1\n"
TESTS = "assert f(1) == 2\nassert f(4) == 5"


def judge(answer: object = RIGHT, tests: object = TESTS, **more: object) -> tuple[str, str]:
    task = {"verifier": "unit_tests", "answer": answer, "tests": tests, "entry_point": "f", **more}
    verdict, defect, _ = CHECKER.judge("", task)
    return verdict, defect


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (RIGHT, ("pass", "")),
        ("def f(x): return x - 1", ("fail", "tests_fail")),
        ("def f(x): return x / 0", ("fail", "error")),
        ("def g(x): return x + 1", ("fail", "error")),
        ("def f(x:", ("fail", "does_not_load")),
        ("import os; os._exit(0)", ("fail", "ended_early")),
        ("def f(x):\n  while True: pass", ("fail", "too_slow")),
        ("#" * 60_001, ("fail", "too_long")),
        (None, ("abstain", "no_task")),
    ],
)
def test_a_program_is_judged_by_its_tests(answer, wanted):
    assert judge(answer) == wanted


@pytest.mark.parametrize(
    "tests", ["f(1)", "assert True", "f(1)\nassert f(1) or True", "try:\n    assert f(1) == 3\nexcept: 0"]
)
def test_tests_that_let_all_pass_test_nothing(tests: str):
    assert judge(tests=tests) == ("abstain", "vacuous_tests")


def test_the_known_solution_goes_first():
    assert judge(gold=RIGHT) == ("pass", "")
    assert judge(gold="def f(x): return x") == ("abstain", "gold_fails")
    assert judge("def f(x): return x", gold=RIGHT) == ("fail", "tests_fail")


def test_what_passes_now_and_then_is_not_passed():
    flaky = "import os\nvalue = os.urandom(1)[0] % 2\ndef f(x): return x + value"
    assert {judge(flaky)[1] for _ in range(30)} >= {"flaky"}


def test_time_by_the_clock_says_nothing_of_the_row():
    sleeping = Batch(rows(answer="import time\ndef f(x): time.sleep(99)"))
    entry = next(iter(CHECKER.entries(CHECKER.check(sleeping))))
    assert (entry["verdict"], entry["defect"], entry["cause"]) == ("abstain", "timed_out", "infrastructure")


def rows(*, answer: str = RIGHT, number: int = 1) -> pa.RecordBatch:
    task = json.dumps({"verifier": "unit_tests", "answer": answer, "tests": TESTS, "entry_point": "f"})
    return pa.RecordBatch.from_pylist([{"id": str(n), "text": "", "task": task} for n in range(number)])


def test_it_shows_first_that_it_works_and_measures_itself():
    CHECKER.prepare()
    found = calibrate(CHECKER, rows(number=3), seed=1)
    assert {kind: entry["recall"] for kind, entry in found.items()} == {
        "broken_code": 1.0, "always_equal": 1.0, "early_exit": 1.0,
    }  # fmt: skip


def test_a_machine_that_cannot_is_refused_before_the_first_row(monkeypatch: pytest.MonkeyPatch):
    class Low:
        level = 1

    monkeypatch.setattr("stages.l4_verify.code_execution.shared", lambda *_: Low())
    assert "of level 1, minimum_level asks for 3; allow user namespaces" in next(iter(CodeExecution().resolve()))
    assert list(CodeExecution(minimum_level=1).resolve()) == []


def test_it_needs_tasks():
    with pytest.raises(ValueError, match="reads the column 'task', which is not here"):
        CHECKER.check_input(pa.schema([("text", pa.string())]))


def test_the_code_inside_the_sandbox_counts_whole():
    files = {path.name for path in Path(host.__file__).parent.glob("*.py")}
    assert set(CHECKER.assets()) == files - {"__init__.py", "host.py", "mutations.py"}
