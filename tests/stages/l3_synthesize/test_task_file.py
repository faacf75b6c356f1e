"""Task files: what they make, and what is wrong with one, before a row is read."""

import random
from pathlib import Path

import pytest

from stages.l3_synthesize.task_file import read_task_file

TRAIN = """\
name: train
license: CC0-1.0
parameters:
  speed: [40, 160, 10]
  hours: [2, 9]
require: speed * hours < 1000
question: A train goes {speed} km/h for {hours} hours. How many kilometres is that?
answer: speed * hours
"""


def write(folder: Path, text: str = TRAIN, name: str = "train.yaml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_task_holds_what_its_answer_is_made_from(tmp_path: Path):
    file = read_task_file(write(tmp_path))
    made = [file.make(random.Random(n)) for n in range(200)]
    for task in made:
        speed, hours = task["parameters"]["speed"], task["parameters"]["hours"]
        assert speed in range(40, 161, 10)
        assert hours in range(2, 10)
        assert task["answer"] == str(speed * hours)
        assert speed * hours < 1000
        assert f"goes {speed} km/h for {hours} hours" in task["question"]
        assert task["verifier"] == "file:train@1"
    drawn = {(task["parameters"]["speed"], task["parameters"]["hours"]) for task in made}
    assert {speed for speed, _ in drawn} == {*range(40, 161, 10)}, "both ends are drawn"
    assert {hours for _, hours in drawn} == {*range(2, 10)}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("answer: speed * hours", "answer: speed * houses", "houses"),
        ("answer: speed * hours", "answer: __import__('os')", "not allowed"),
        ("for {hours} hours", "for some hours", "does not tell"),
        ("{speed}", "{sped}", "sped"),
        ("[2, 9]", "[9, 2]", "9 is above 2"),
        ("[2, 9]", "[2]", "parameters.hours"),
        ("[2, 9]", "[2.5, 9]", "parameters.hours"),
        ("< 1000", "< 0", "held for none"),
        ("name: train", "name: Train!", "name"),
        ("license:", "licence:", "licence"),
        ("name: train", "name: train\nname: car", "twice"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(tmp_path: Path, old: str, new: str, says: str):
    path = write(tmp_path, TRAIN.replace(old, new), f"{hash((old, new))}.yaml")
    with pytest.raises(ValueError, match=r"task file '.*yaml'") as error:
        read_task_file(path)
    assert says in str(error.value)
