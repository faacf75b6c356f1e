import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from flows.runs.texts import read_texts
from pipeline.rows.batch import Batch
from stages.l2_select.score.fasttext_quality import FasttextQuality
from stages.l2_select.train.seeds import Seeds
from stages.l2_select.train.settings import TrainSpec
from stages.l2_select.train.train_classifier import train

GOOD = [f"the theorem number {n} follows from the lemma by induction" for n in range(120)]
BAD = [f"click here to buy cheap pills order {n} now" for n in range(120)]
SMALL = {"dim": 8, "lr": 1.0, "epochs": 20, "min_count": 1, "word_ngrams": 2, "bucket": 1000}


def rows(*texts: str | None, url: str = "") -> Batch:
    return Batch(pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.string()), "url": [url] * len(texts)}))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    spec = TrainSpec(positives=Seeds(rest=True), negatives=Seeds(hosts=("x",)), **SMALL)
    report = train(pa.array(GOOD), pa.array(BAD), spec, folder)
    return folder / "model.bin", report.sha256


def test_scores_tell_the_classes_apart_and_stay_within_one(model):
    step = FasttextQuality(model=str(model[0]))
    texts = rows("the theorem\nfollows by induction", "buy cheap pills now", "", None)
    scores = step.process(texts).batch.column("quality")
    assert scores.type == pa.float32()
    assert scores[0].as_py() > 0.9
    assert scores[1].as_py() < 0.1
    assert scores.null_count == 0
    assert max(scores.to_pylist()) <= 1


def test_the_column_and_the_label_can_be_named(model):
    step = FasttextQuality(model=str(model[0]), column="spam", label="__label__neg")
    assert step.columns() == (pa.field("spam", pa.float32()),)
    assert step.process(rows("buy cheap pills now")).batch.column("spam")[0].as_py() > 0.9


def test_the_model_file_is_part_of_the_recipe(model):
    path, sha256 = model
    assert FasttextQuality(model=str(path), sha256=sha256).assets() == {"model": sha256}
    with pytest.raises(ValueError, match="the recipe wants 000"):
        FasttextQuality(model=str(path), sha256="0" * 64).prepare()


def test_ultrafine_scores_are_those_of_the_published_script(tmp_path):
    fasttext, helpers = pytest.importorskip("fasttext"), pytest.importorskip("tests.stages.l2_select.helpers")
    tokenizer = helpers.TOKENIZERS["deepseek, as published"]
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    spec = TrainSpec(positives=Seeds(rest=True), negatives=Seeds(hosts=("x",)), **SMALL)
    train(pa.array(GOOD), pa.array(BAD), spec, tmp_path, "ultrafine", str(tmp_path))
    step = FasttextQuality(model=str(tmp_path / "model.bin"), normalizer="ultrafine", tokenizer=str(tmp_path))
    texts = ["The Theorem\n\n\n\nfollows by Índuction", "buy cheap pills now", *helpers.HOSTILE, None]
    library = fasttext.load_model(str(tmp_path / "model.bin"))
    expected = [
        dict(zip(*library.predict(helpers.official(text or "", tokenizer), k=2), strict=True))["__label__pos"]
        for text in texts
    ]
    scores = step.process(rows(*texts)).batch.column("quality").to_numpy()
    assert scores == pytest.approx(np.minimum(expected, 1), abs=1e-5)
    assert scores[0] > 0.9
    assert scores[1] < 0.1


def test_what_decides_the_tokens_is_part_of_the_recipe(monkeypatch):
    step = FasttextQuality(model="m.bin", normalizer="ultrafine", tokenizer="t.json")
    monkeypatch.setattr("stages.l2_select.score.fasttext_quality.tokenizers_version", lambda: "0.1.2")
    assert step.identity()["tokenizers"] == "0.1.2"
    assert "t.json" not in str(step.identity())
    assert "tokenizers" not in FasttextQuality(model="m.bin").identity()


def test_a_wrong_model_stops_before_the_run(model, tmp_path):
    whole = model[0].read_bytes()
    cut, text = tmp_path / "cut.bin", tmp_path / "text.bin"
    cut.write_bytes(whole[:-5])
    text.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    for step, message in (
        (FasttextQuality(model=str(tmp_path / "none.bin")), "No such file"),
        (FasttextQuality(model="hf://owner/model.bin"), "names no file; give hf://owner/repository/path/in/it.bin"),
        (FasttextQuality(model=str(cut)), "truncated or damaged"),
        (FasttextQuality(model=str(text)), "no fastText model"),
        (FasttextQuality(model=str(model[0]), label="__label__hq"), "has no label .__label__hq., only __label__"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            step.resolve()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "exactly one of `model`"),
        ({"model": "m.bin", "normalizer": "ultrafine"}, "needs one: a tokenizer.json"),
        ({"model": "m.bin", "tokenizer": "t.json"}, "belongs to normalizer 'ultrafine'"),
        ({"train": {"positives": {"rest": True}, "negatives": {"rest": True}}}, "only one class can be the rest"),
        ({"train": {"positives": {"rest": True}, "negatives": {}}}, "exactly one of `paths`"),
    ],
)
def test_a_contradictory_recipe_is_refused_when_it_loads(fields, message):
    with pytest.raises(ValidationError, match=message):
        FasttextQuality.model_validate(fields)


def test_trains_from_the_rows_it_will_score(tmp_path):
    spec = {"positives": {"hosts": [".edu"]}, "negatives": {"rest": True}, **SMALL}
    step = FasttextQuality.model_validate({"train": spec})
    with pytest.raises(ValueError, match="not trained yet"):
        step.prepare()
    with pytest.raises(ValueError, match="no column 'url'"):
        step.check_input(pa.schema([("text", pa.string())]))
    seen = [rows(*GOOD, url="https://maths.example.edu/a").rows, rows(*BAD, url="http://shop.example.com").rows]
    fitted = step.fitted(iter(seen), tmp_path, read_texts)
    scores = fitted.process(rows(GOOD[0], BAD[0])).batch.column("quality").to_pylist()
    assert scores[0] > 0.9
    assert scores[1] < 0.1
    assert fitted.assets() == {"model": fitted.sha256}


def test_importing_the_step_loads_neither_fasttext_nor_numba():
    code = (
        "import sys, stages.l2_select.score.fasttext_quality;"
        "print([name for name in ('fasttext', 'fasttext_pybind', 'numba', 'tokenizers') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_calibration_is_applied_only_where_it_is_asked_for(tmp_path):
    from stages.l2_select.train.calibration import apply_platt

    seen = [rows(*GOOD, url="https://maths.example.edu/a").rows, rows(*BAD, url="http://shop.example.com").rows]
    spec = {"positives": {"hosts": [".edu"]}, "negatives": {"rest": True}, **SMALL}
    plain = FasttextQuality.model_validate({"train": spec}).fitted(iter(seen), tmp_path / "a", read_texts)
    calibrated = FasttextQuality.model_validate({"train": spec | {"calibrate": True}}).fitted(
        seen, tmp_path / "b", read_texts
    )
    assert plain.platt is None
    before, after = (step.process(rows(GOOD[0], BAD[0])).batch.column("quality") for step in (plain, calibrated))
    assert after.to_pylist() == pytest.approx(apply_platt(before.to_numpy(), *calibrated.platt).tolist(), abs=1e-6)
    assert after.to_pylist() != before.to_pylist()
