"""Worked solutions: their steps and their answer."""

import json

import pyarrow as pa
import pytest

from pipeline.publish.calibration import calibrate
from pipeline.rows.batch import Batch
from stages.l4_verify.math_answer import MathAnswer, answer_of

pytest.importorskip("math_verify", reason="the extra 'math' is not installed")
CHECKER = MathAnswer()


def judge(answer: str, gold: str, **fields: float) -> tuple[str, str]:
    return MathAnswer(**fields).judge(f"#### {answer}", {"verifier": "math_answer", "answer": gold})[:2]


@pytest.mark.parametrize(
    ("answer", "gold", "wanted"),
    [
        ("72", "72", ("pass", "")),
        ("1,800", "1800", ("pass", "")),
        ("$72.00", "72", ("pass", "")),
        ("72 clips", "72", ("pass", "")),
        ("1/2", "0.5", ("pass", "")),
        ("73", "72", ("fail", "wrong_answer")),
        ("-72", "72", ("fail", "wrong_answer")),
        ("0.333333", "1/3", ("abstain", "rounded")),
        ("10 cm", "10 km", ("fail", "wrong_answer")),
        ("1000 m", "1 km", ("pass", "")),
        ("10 kg", "10 km", ("fail", "wrong_unit")),
        ("10", "10 km", ("abstain", "unit_missing")),
        ("5%", "5", ("abstain", "unit_missing")),
        ("12:30", "12", ("fail", "wrong_answer")),
        ("12:30", "12:30", ("pass", "")),
        ("(1,2)", r"\{1,2\}", ("fail", "wrong_answer")),
        ("(1,2)", "(1, 2)", ("pass", "")),
        (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}", ("pass", "")),
        ("x^2+2x+1", "(x+1)^2", ("pass", "")),
        ("x^2+2x+2", "(x+1)^2", ("fail", "wrong_answer")),
    ],
)
def test_answers_are_compared_by_value_and_unit(answer: str, gold: str, wanted: tuple[str, str]):
    assert judge(answer, gold) == wanted


def test_no_answer_in_time_is_no_verdict():
    entry = CHECKER.model_copy(update={"seconds": 1.0}).judge(
        "#### 9^{9^{9^9}}+x", {"verifier": "math_answer", "answer": "x"}
    )
    assert entry[:2] == ("abstain", "timed_out")
    assert judge("x+1", "1+x") == ("pass", "")  # another process goes on


def test_a_false_step_fails_whatever_the_answer():
    verdict, defect, evidence = CHECKER.judge("2 + 3 = 6\n#### 5", {"verifier": "math_answer", "answer": "5"})
    assert (verdict, defect) == ("fail", "wrong_step")
    assert evidence == {"step": "2 + 3 = 6", "where": 0, "value": "5"}


@pytest.mark.parametrize(
    ("solution", "answer"),
    [("so\n#### 5", "5"), (r"hence \boxed{\frac{1}{2}} and", r"\frac{1}{2}"), ("The answer is 7 km.", "7 km."),
     ("答案是 5。", "5"), ("Nothing.", None)],
)  # fmt: skip
def test_where_the_answer_stands(solution: str, answer: str | None):
    assert answer_of(solution) == answer


def test_without_a_task_or_an_answer_it_abstains():
    assert CHECKER.judge("#### 5", {})[:2] == ("abstain", "no_task")
    assert CHECKER.judge("Five.", {"verifier": "math_answer", "answer": "5"})[:2] == ("abstain", "no_answer")
    with pytest.raises(ValueError, match="reads the column 'task'"):
        CHECKER.check_input(pa.schema([("text", pa.string())]))


def test_it_shows_first_that_it_works_and_measures_itself():
    CHECKER.prepare()
    task = json.dumps({"verifier": "math_answer", "answer": "12"})
    rows = [{"id": str(n), "text": "2*3 = <<2*3=6>>6\n6+6 = 12\n#### 12", "task": task} for n in range(9)]
    batch = pa.RecordBatch.from_pylist(rows)
    assert CHECKER.check(Batch(batch)).verdict == ["pass"] * 9
    found = calibrate(CHECKER, batch, seed=1)
    assert {kind: entry["recall"] for kind, entry in found.items()} == {"answer_changed": 1.0, "step_changed": 1.0}
