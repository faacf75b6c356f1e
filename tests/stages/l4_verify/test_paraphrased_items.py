"""Items told in other words: what is asked of the model, what a row is marked with, which folders are refused."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.kernels.contamination.shared_words import FOUND
from pipeline.rows.batch import Batch
from stages.l4_verify import reworded
from stages.l4_verify.evaluation_sets import Item
from stages.l4_verify.paraphrased_items import ParaphrasedItems
from stages.l4_verify.reworded import Found
from tests.stages.l4_verify.tiny_nli import make_model

ITEM = {"question": "Which bridge over the river is old?", "answer": "the stone bridge"}


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    (tmp_path / "Toy.jsonl").write_text(json.dumps(ITEM) + "\n" + json.dumps({"question": "Why is it so?"}) + "\n")
    return tmp_path / "Toy.jsonl"


class Answers:
    """Says of the second row that its first nine bytes are the first item."""

    def find(self, texts):
        return [Found(1, 0, 0.8125, 0, 9)]


@pytest.mark.parametrize(("mode", "verdict"), [("audit", "pass"), ("remove", "fail")])
def test_a_reworded_item_is_told_with_its_place_and_removed_only_if_asked(sets, monkeypatch, mode, verdict):
    monkeypatch.setattr(ParaphrasedItems, "_reworded", lambda self: Answers())
    rows = Batch(pa.RecordBatch.from_pydict({"id": ["a", "b"], "text": ["Nothing.", "Old stone bridges."]}))
    found = ParaphrasedItems(sets=(str(sets),), model="x", mode=mode).check(rows)
    assert found.verdict == ["pass", verdict]
    assert found.evidence[0] == {}
    (hit,) = found.evidence[1]["hits"]
    assert (hit["set"], hit["number"], hit["cosine"], hit["span"]) == ("Toy", 0, 0.812, "Old stone")
    if mode == "remove":
        assert (str(found.defect[1]), found.defect[1].value) == ("toy", 0.812)


def test_a_folder_without_a_model_is_a_problem_of_the_plan(sets, tmp_path):
    (problem,) = ParaphrasedItems(sets=(str(sets),), model=str(tmp_path)).resolve()
    assert "has no config.json, model.safetensors, tokenizer.json" in problem


def test_a_tiny_model_is_loaded_and_finds_what_is_the_same(sets, tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    model = make_model(tmp_path / "model")
    step = ParaphrasedItems(sets=(str(sets),), model=str(model), mode="remove")
    assert list(step.resolve()) == []
    assert {"Toy", "model.safetensors"} <= set(step.assets())
    told = " ".join(ITEM.values())
    near = np.array([(0, 0, 0.5, 0, len(told))], FOUND)
    monkeypatch.setattr(reworded, "find_shared", lambda index, texts: near)  # two items make no word rare
    rows = Batch(pa.RecordBatch.from_pydict({"id": ["a"], "text": [told]}))
    found = step.check(rows)
    assert found.verdict == ["fail"]
    assert found.evidence[0]["hits"][0]["cosine"] == pytest.approx(1.0)
    assert found.evidence == step.check(rows).evidence


def test_what_is_embedded_of_an_item_is_its_question_with_the_answer():
    assert reworded.told(Item("s", 0, "question", ("Why?", "no", "so"), 2)) == "Why? so"
    assert reworded.told(Item("s", 0, "question", ("Why?",), 0)) == "Why?"
