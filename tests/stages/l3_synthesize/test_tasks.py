"""The step `tasks`: the same rows for a seed, each question once, and what cannot be made is told."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.steps import Reason
from stages.l3_synthesize import tasks
from stages.l3_synthesize.tasks import Tasks
from tests.stages.l3_synthesize.test_task_file import TRAIN, write

SUM = "name: sum\nparameters:\n  a: [1, 3]\nquestion: What is {a} + 1?\nanswer: a + 1\n"
RATIO = "name: ratio\nparameters:\n  a: [0, 3]\nquestion: What is 6 / {a}?\nanswer: 6 / a\n"


class Gym:
    """A data set as reasoning-gym's are: by index, with an own score."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index == 1:
            raise RuntimeError("no such puzzle")
        return {"question": f" Puzzle {index}?\n", "answer": None if index == 2 else str(index)}

    def score_answer(self, answer: str, entry: dict[str, Any]) -> float:
        return 0.5 if answer == "3" else 1.0


def test_rows_of_a_task_file(tmp_path: Path):
    path = write(tmp_path)
    made = list(Tasks(files=({"path": path, "count": 20},)).produce())
    for row, outcome in made:
        task = json.loads(row["task"])
        assert outcome in (None, "repeated_question")
        assert row["text"] == f"Question: {task['question']}\nAnswer: {task['answer']}"
        assert (row["prompt"], row["source"]) == ("file:train@1", "file:train@1")
        assert (row["form"], row["source_license"], row["model_license"]) == ('{"kind": "task"}', "CC0-1.0", "")
    assert made == list(Tasks(files=({"path": path, "count": 20},)).produce())
    assert made != list(Tasks(files=({"path": path, "count": 20},), seed=1).produce())
    first = list(Tasks(files=({"path": path, "count": 5},)).produce())
    assert made[:5] == first, "more tasks begin with those of fewer"


def test_a_question_that_comes_again_is_refused(tmp_path: Path):
    made = list(Tasks(files=({"path": write(tmp_path, SUM), "count": 30},)).produce())
    assert [outcome for _, outcome in made].count(None) == 3
    assert all(isinstance(outcome, Reason) and outcome == "repeated_question" for _, outcome in made if outcome)


def test_a_task_that_its_expression_cannot_make_costs_no_other(tmp_path: Path):
    path = write(tmp_path, RATIO)
    made = list(Tasks(files=({"path": path, "count": 40},)).produce())
    kept = {row["text"].split()[-1] for row, outcome in made if outcome is None}
    broken = [outcome for _, outcome in made if outcome and not isinstance(outcome, Reason)]
    assert kept == {"6", "3", "2"}
    assert broken
    assert all("divides by 0" in str(one) for one in broken)


def test_what_a_generator_cannot_make_is_told_one_by_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tasks, "open_dataset", lambda name, config: Gym())
    monkeypatch.setattr(tasks, "version", lambda name: "0")
    made = list(Tasks(datasets=({"name": "puzzles", "count": 5},)).produce())
    outcomes = [outcome for _, outcome in made]
    assert outcomes == [None, "RuntimeError: no such puzzle", "no_answer", "own_answer_refused", None]
    assert [isinstance(outcome, Reason) for outcome in outcomes] == [False, False, True, True, False]
    task = json.loads(made[4][0]["task"])
    assert (task["question"], task["answer"], task["index"]) == ("Puzzle 4?", "4", 4)


def test_the_content_of_a_file_counts_and_not_its_path(tmp_path: Path):
    one, other = write(tmp_path), write(tmp_path, name="copy.yaml")
    changed = write(tmp_path, TRAIN.replace("kilometres", "km"), "changed.yaml")
    steps = [Tasks(files=({"path": path, "count": 1},)) for path in (one, other, changed)]
    assert steps[0].identity() == steps[1].identity()
    assert steps[0].assets() == steps[1].assets() != steps[2].assets()


def test_neighbouring_seeds_share_no_tasks():
    seeds = {Tasks(datasets=({"name": "x", "count": 1},), seed=n)._config(Tasks(
        datasets=({"name": "x", "count": 1},)).datasets[0])["seed"] for n in range(3)}  # fmt: skip
    assert min(abs(one - other) for one in seeds for other in seeds - {one}) > 1000


def test_mistakes_are_told_before_a_row_is_made(tmp_path: Path):
    with pytest.raises(ValidationError, match="give `datasets`"):
        Tasks()
    with pytest.raises(ValidationError, match="come from the step's"):
        Tasks(datasets=({"name": "x", "count": 1, "config": {"seed": 1}},))
    with pytest.raises((OSError, UsageError)):
        Tasks(files=({"path": str(tmp_path / "none.yaml"), "count": 1},)).resolve()


def test_real_generators_are_named_with_what_they_take():
    pytest.importorskip("reasoning_gym")
    with pytest.raises(ValueError, match=r"no data set 'leg_count'; near it are .*leg_counting"):
        Tasks(datasets=({"name": "leg_count", "count": 1},)).resolve()
    with pytest.raises(ValueError, match=r"does not take .*max_animals"):
        Tasks(datasets=({"name": "leg_counting", "count": 1, "config": {"max_animals": 1}},)).resolve()
    with pytest.raises(ValueError, match="does not take"):
        Tasks(datasets=({"name": "leg_counting", "count": 1, "config": {"legs": 1}},)).resolve()
