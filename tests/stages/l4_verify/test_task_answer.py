"""`task_answer`: a right row passes, a changed one fails, and what cannot be made again abstains."""

import json
from typing import Any

import pyarrow as pa
import pytest

from stages.l3_synthesize.tasks import Tasks
from stages.l4_verify.task_answer import TaskAnswer
from tests.stages.l3_synthesize.test_task_file import TRAIN, write

TASK: dict[str, Any] = {
    "verifier": "file:half@1", "question": "Half of 3?", "answer": "3/2", "template": "Half of {a}?",
    "expression": "a / 2", "parameters": {"a": 3},
}  # fmt: skip
STEP = TaskAnswer()


def judged(answer: str = "3/2", question: str = "Half of 3?", **changed: Any) -> tuple[str, str]:
    return STEP.judge(f"Question: {question}\nAnswer: {answer}", TASK | changed)[:2]


@pytest.mark.parametrize("answer", ["3/2", "1.5", " 1.50 ", "6/4"])
def test_the_answer_passes_in_each_way_of_writing_the_number(answer: str):
    assert judged(answer) == ("pass", "")


@pytest.mark.parametrize("answer", ["2/3", "-3/2", "3/2 or so", "", "3/0", "15e-1", "1e999999999", "3/2\nAnswer: 3/2"])
def test_another_answer_fails(answer: str):
    assert judged(answer) == ("fail", "wrong_answer")


def test_a_changed_question_or_key_fails():
    assert judged(question="Half of 4?") == ("fail", "wrong_question")
    assert STEP.judge("Question: Half of 3?\nAnswer: 2", TASK | {"answer": "2"})[:2] == ("fail", "wrong_task")
    assert STEP.judge("Question: Half of 3?\nAnswer: 3/2", TASK | {"parameters": {"a": 4}})[:2] == (
        "fail",
        "wrong_task",
    )


@pytest.mark.parametrize(
    "changed",
    [{"parameters": {"a": "3"}}, {"parameters": {"a": True}}, {"parameters": None}, {"expression": "open(a)"},
     {"expression": None}, {"template": "{b}"}, {"parameters": {"a": 3.0}}],
)  # fmt: skip
def test_a_task_that_makes_nothing_abstains(changed: dict[str, Any]):
    assert judged(**changed) == ("abstain", "not_readable")


def test_other_verifiers_are_not_judged():
    assert STEP.judge("x", {})[:2] == ("abstain", "no_task")
    assert STEP.judge("x", {"verifier": "math_answer", "answer": "3"})[:2] == ("abstain", "no_task")
    assert STEP.judge("x", {"verifier": "reasoning_gym:leg_counting", "library": "0.0.0"})[:2] == (
        "abstain", "other_version",
    )  # fmt: skip


def made(step: Tasks) -> pa.RecordBatch:
    rows = [{"id": str(n), **row} for n, (row, outcome) in enumerate(step.produce()) if outcome is None]
    return pa.RecordBatch.from_pylist(rows)


def shares(rows: pa.RecordBatch) -> dict[str, set[tuple[str, str]]]:
    """What is said of the rows as they are, and of those with a planted defect."""
    kinds = {"right": rows, **STEP.mutants(rows, 1)}
    return {
        kind: {STEP.judge(row["text"], json.loads(row["task"]))[:2] for row in changed.to_pylist()}
        for kind, changed in kinds.items()
    }


EXPECTED = {
    "right": {("pass", "")}, "answer_changed": {("fail", "wrong_answer")}, "key_changed": {("fail", "wrong_task")},
}  # fmt: skip


def test_rows_of_task_files_pass_and_their_defects_fail(tmp_path):
    files = ({"path": write(tmp_path, TRAIN), "count": 50},)
    assert shares(made(Tasks(files=files))) == EXPECTED


def test_rows_of_reasoning_gym_pass_and_their_defects_fail():
    pytest.importorskip("reasoning_gym")
    names = ("leg_counting", "basic_arithmetic", "word_sorting", "syllogism", "sudoku")
    rows = made(Tasks(datasets=tuple({"name": name, "count": 4} for name in names)))
    assert rows.num_rows == 20
    assert shares(rows) == EXPECTED


def test_parameters_that_are_none_of_the_generators_abstain():
    pytest.importorskip("reasoning_gym")
    task = json.loads(made(Tasks(datasets=({"name": "leg_counting", "count": 1},))).column("task")[0].as_py())
    for changed in ({"config": {"legs": 1}}, {"index": "x"}, {"verifier": "reasoning_gym:none"}, {"config": None}):
        assert STEP.judge("", task | changed)[:2] == ("abstain", "not_readable"), changed
