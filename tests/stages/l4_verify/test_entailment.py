"""The checker around a model: what it asks, what a low score means, which folders it refuses. No real model is here."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from stages.l4_verify.entailment import Entailment
from tests.stages.l4_verify.tiny_nli import make_model


def rows(*texts: str, source: str = "The bridge is old.") -> Batch:
    return Batch(pa.RecordBatch.from_pylist([{"text": text, "source_text": source} for text in texts]))


def test_a_row_is_as_good_as_its_weakest_sentence(monkeypatch: pytest.MonkeyPatch):
    scores = {"It is old.": 0.9, "It is red.": 0.2}
    monkeypatch.setattr(Entailment, "_score", lambda self, source, claim: scores[claim])
    found = Entailment(model="x").check(rows("It is old.", "It is old. It is red.", "Is it red?"))
    assert found.verdict == ["pass", "abstain", "abstain"]
    assert found.defect == ["", "not_entailed", "nothing_to_check"]
    assert found.evidence[1] == {"scores": [0.9, 0.2], "weakest": "It is red."}
    assert Entailment(model="x").check(rows("It is old.", source="")).defect == ["no_source"]


def test_a_low_score_alone_removes_nothing_and_is_marked_as_statistical(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Entailment, "_score", lambda self, source, claim: 0.1)
    outcome = Entailment(model="x").process(rows("It is red."))
    assert outcome.judgement.kept.tolist() == [True]
    (entry,) = json.loads(outcome.batch.column("verdicts")[0].as_py())
    assert (entry["means"], entry["verdict"]) == ("statistical", "abstain")


def test_folders_that_hold_no_such_model_are_refused(tmp_path: Path):
    assert "no folder with config.json" in next(iter(Entailment(model=str(tmp_path)).resolve()))
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text('{"id2label": {"0": "LABEL_0"}}')
    assert "none says that it entails" in next(iter(Entailment(model=str(tmp_path)).resolve()))
    (tmp_path / "config.json").write_text('{"id2label": {"0": "CONTRADICTION", "1": "ENTAILMENT"}}')
    assert list(Entailment(model=str(tmp_path)).resolve()) == []
    assert set(Entailment(model=str(tmp_path)).assets()) == {"config.json", "model.safetensors"}


def test_a_tiny_model_is_loaded_and_asked(tmp_path: Path):
    pytest.importorskip("transformers")
    step = Entailment(model=str(make_model(tmp_path)), max_tokens=32)
    assert list(step.resolve()) == []
    step.prepare()
    long = rows("It is old. The bridge is old.", source="The bridge is old. " * 30)
    found = step.check(long)
    assert all(0 < score < 1 for score in found.evidence[0]["scores"])
    assert found.evidence == step.check(long).evidence
