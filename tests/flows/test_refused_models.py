"""A model, a tokenizer or seeds that cannot be used end a run before its first level, with exit code 2."""

import os
import struct
import time
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from stages.l2_select.train.settings import TrainSettings
from stages.l2_select.train.train_classifier import train
from tests.flows.helpers import orefine, rows, write_parquet

SETTINGS = TrainSettings(dim=4, lr=1.0, epochs=10, min_count=1, word_ngrams=2, bucket=100)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("model")
    good = [f"the theorem number {n} follows from the lemma by induction" for n in range(60)]
    bad = [f"click here to buy cheap pills order {n} now" for n in range(60)]
    train(pa.array(good), pa.array(bad), SETTINGS, folder)
    return (folder / "model.bin").read_bytes()


def run(folder: Path, code: int = 2, **step: object) -> str:
    """What a run with this step says; it must not have started."""
    source = write_parquet(folder / "a.parquet", rows(120))
    recipe = {
        "dataset": "toy",
        "l0_collect": {"source": {"kind": "parquet", "paths": [str(source)]}},
        "l2_select": {"steps": [{"kind": "fasttext_quality", **step}]},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    done = orefine("run", folder / "recipe.yaml", "--store", folder / "store", "--runner", "inline", code=code)
    assert not (folder / "store" / "l0_collect").exists()
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr


def huge(whole: bytes, place: int, layout: str, value: int) -> bytes:
    packed = struct.pack("<" + layout, value)
    return whole[:place] + packed + whole[place + len(packed) :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: None, "No such file"),
        (lambda whole: b"", "no fastText model"),
        (lambda whole: whole[:-5], "truncated or damaged"),
        (lambda whole: b"\x00" + whole[1:], "no fastText model"),
        (lambda whole: os.urandom(5000), "no fastText model"),
        (lambda whole: whole[:100] + b"\xff" * (len(whole) - 100), "damaged"),
        (lambda whole: huge(whole, 8, "i", 2**31 - 1), "damaged"),  # dimensions
        (lambda whole: huge(whole, 40, "i", 2**31 - 1), "damaged"),  # n-gram buckets
        (lambda whole: huge(whole, 64, "i", 2**31 - 1), "damaged vocabulary"),  # entries
        (lambda whole: huge(whole, 68, "i", 2**31 - 1), "damaged vocabulary"),  # words
        (lambda whole: huge(whole, 84, "q", 2**62), "damaged"),  # kept n-grams
    ],
    ids=["missing", "empty", "cut", "magic", "random", "poisoned", "dim", "buckets", "entries", "words", "kept"],
)
def test_a_damaged_model_is_refused_at_once(tmp_path: Path, model: bytes, damage, message: str):
    path, data, started = tmp_path / "model.bin", damage(model), time.perf_counter()
    if data is not None:
        path.write_bytes(data)
    assert message in run(tmp_path, model=str(path))
    assert time.perf_counter() - started < 30


def test_a_model_with_other_labels_or_another_hash_is_refused(tmp_path: Path, model: bytes):
    (tmp_path / "model.bin").write_bytes(model)
    path = str(tmp_path / "model.bin")
    assert "has no label '__label__hq', only __label__" in run(tmp_path, model=path, label="__label__hq")
    assert "the recipe wants 0000" in run(tmp_path, model=path, sha256="0" * 64)


def test_a_tokenizer_that_is_absent_broken_or_not_the_models_is_refused(tmp_path: Path, model: bytes):
    tokenizers = pytest.importorskip("tokenizers")
    (tmp_path / "model.bin").write_bytes(model)
    (tmp_path / "broken.json").write_text("{}")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=260, show_progress=False, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(["other words"], trainer)
    tokenizer.save(str(tmp_path / "other.json"))
    for name, message in (("none", "No such file"), ("broken", "give a Hugging Face tokenizer"), ("other", "can make")):
        file, path = str(tmp_path / f"{name}.json"), str(tmp_path / "model.bin")
        assert message in run(tmp_path, model=path, normalizer="ultrafine", tokenizer=file)


def test_the_tokenizer_that_the_model_was_trained_with_is_accepted(tmp_path: Path):
    tokenizers = pytest.importorskip("tokenizers")
    from stages.l2_select.score.fasttext_quality import FasttextQuality

    texts = [row["text"] for row in rows(160)]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=400, show_progress=False, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(texts, trainer)
    file = str(tmp_path / "tokenizer.json")
    tokenizer.save(file)
    settings = SETTINGS.model_copy(update={"minimum_auc": 0, "minimum_spread": 0})
    train(pa.array(texts[::2]), pa.array(texts[1::2]), settings, tmp_path, "ultrafine", file)
    FasttextQuality(model=str(tmp_path / "model.bin"), normalizer="ultrafine", tokenizer=file).check_model()


def test_seeds_that_are_not_there_are_found_before_the_first_level(tmp_path: Path):
    train_spec = {"positives": {"paths": ["none/*.jsonl"]}, "negatives": {"rest": True}}
    assert "no seed file matches 'none/*.jsonl'" in run(tmp_path, train=train_spec)
