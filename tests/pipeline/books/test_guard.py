"""A poisoned model file ends in one line, soon, and without taking the memory it asks for, whichever step names it."""

import os
import struct
import time
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.books import guard
from pipeline.kernels.classifier.fasttext import load_classifier
from pipeline.steps import Step
from stages.l1_filter.datatrove import Datatrove
from stages.l1_filter.language import Language
from stages.l2_select.normalize.normalizers import load_ultrafine
from stages.l2_select.score.fasttext_quality import FasttextQuality
from stages.l2_select.train.settings import TrainSettings
from stages.l2_select.train.train_classifier import train

ROWS, WIDTH, LABELS = 3_000_000, 1000, 1000
TEXT = pa.schema([("text", pa.string())])


def bomb() -> bytes:
    """9 MB in which every size agrees with the file, and which stand for a matrix of 12 GB."""
    entry = b"".join(f"__label__{n}".encode() + b"\0" + struct.pack("<qb", 1, 1) for n in range(LABELS))
    return b"".join([
        struct.pack("<2i", 793712314, 12),
        struct.pack("<12id", WIDTH, 5, 5, 1, 5, 2, 3, 3, ROWS, 0, 0, 100, 1e-4),
        struct.pack("<3i2q", LABELS, 0, LABELS, 0, -1), entry,
        struct.pack("<?", True), struct.pack("<?2qi", False, ROWS, WIDTH, ROWS), bytes(ROWS),
        struct.pack("<4i", WIDTH, 1, WIDTH, WIDTH), bytes(4 * 256 * WIDTH),
        struct.pack("<?", False), struct.pack("<2q", LABELS, WIDTH), bytes(4 * LABELS * WIDTH),
    ])  # fmt: skip


def header_bomb() -> bytes:
    """200 bytes whose header promises two thousand million words of two thousand million dimensions."""
    most = 2**31 - 1
    return b"".join([
        struct.pack("<2i", 793712314, 12),
        struct.pack("<12id", most, 5, 5, 1, 5, 2, 3, 3, most, 0, 0, 100, 1e-4),
        struct.pack("<3i2q", most, most - 2, 2, 0, -1), bytes(100),
    ])  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def datatrove(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its classifier wants fasteners, for models that are fetched, and one of the builds of fastText."""
    needs = pytest.importorskip("datatrove.utils._import_utils")
    monkeypatch.setattr(needs, "_is_distribution_available", lambda _: True)
    monkeypatch.setattr(needs, "_is_package_available", lambda _: True)
    monkeypatch.setattr("stages.l1_filter.datatrove.missing_packages", lambda _: [])


def step_with(kind: str, model: str) -> Step:
    if kind == "datatrove":
        return Datatrove(filter="FastTextClassifierFilter", arguments={"model_url": model, "keep_labels": ["1", 0.5]})
    return FasttextQuality(model=model, label="__label__1") if kind == "fasttext_quality" else Language(model=model)


@pytest.mark.parametrize("kind", ["fasttext_quality", "language"])
def test_a_file_that_stands_for_more_memory_than_there_is(tmp_path: Path, cache: Path, kind: str):
    path, started = tmp_path / "bomb.ftz", time.perf_counter()
    path.write_bytes(bomb())
    with pytest.raises(ValueError, match=r"bomb.ftz: it asks for more than 8 GiB") as error:
        list(step_with(kind, str(path)).resolve())
    assert "\n" not in str(error.value)
    assert time.perf_counter() - started < 60
    assert not (cache / "orefine" / "models").exists()


@pytest.mark.usefixtures("datatrove")
@pytest.mark.parametrize("kind", ["fasttext_quality", "language", "datatrove"])
def test_a_header_that_lies(tmp_path: Path, cache: Path, kind: str):
    path = tmp_path / "lies.bin"
    path.write_bytes(header_bomb())
    with pytest.raises(ValueError, match=r"lies\.bin: .*(damaged|asks for more|status -)") as error:
        list(step_with(kind, str(path)).resolve())
    assert "\n" not in str(error.value)
    assert not (cache / "orefine" / "models").exists()


def test_a_tokenizer_of_one_token_with_a_number_of_32_bits(tmp_path: Path):
    pytest.importorskip("tokenizers")
    path = tmp_path / "tokenizer.json"
    path.write_text(
        '{"version":"1.0","added_tokens":[],"decoder":{"type":"ByteLevel"},"model":'
        '{"type":"BPE","vocab":{"a":4294967290},"merges":[]}}',
        encoding="utf-8",
    )
    with pytest.raises(ValueError, match=r"tokenizer\.json: .*") as error:
        load_ultrafine(path)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("datatrove")
def test_a_model_of_datatrove_is_loaded_from_its_file_and_must_have_the_labels(tmp_path: Path):
    texts = pa.array([f"text number {n}" for n in range(60)]), pa.array([f"order {n} now" for n in range(60)])
    train(*texts, TrainSettings(dim=4, epochs=1, min_count=1, bucket=100, minimum_auc=0, minimum_spread=0), tmp_path)
    arguments = {"model_url": str(tmp_path / "model.bin"), "keep_labels": ["pos", 0.0]}
    step = Datatrove(filter="FastTextClassifierFilter", arguments=arguments)
    list(step.resolve())
    assert step.assets() == {"model": guard.sha256_of(tmp_path / "model.bin")}
    wrong = Datatrove(filter="FastTextClassifierFilter", arguments=arguments | {"keep_labels": ["hq", 0.5]})
    with pytest.raises(ValueError, match="has no label 'hq', only"):
        list(wrong.resolve())


def test_a_loader_that_hangs_is_stopped(tmp_path: Path):
    (tmp_path / "m.bin").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match=r"m.bin: not loaded after 0 s"):
        guard.try_loading(load_classifier, tmp_path / "m.bin", seconds=0.01)


def test_what_has_loaded_once_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "m.bin").write_bytes(b"x" * 100)
    guard.remember(load_classifier, tmp_path / "m.bin")
    monkeypatch.setattr(guard.subprocess, "run", lambda *_, **__: pytest.fail("tried again"))
    guard.try_loading(load_classifier, tmp_path / "m.bin")
    with pytest.raises(pytest.fail.Exception, match="tried again"):  # another loader may be less careful
        guard.try_loading(load_ultrafine, tmp_path / "m.bin")
    (tmp_path / "m.bin").write_bytes(b"y" * 100)
    with pytest.raises(pytest.fail.Exception, match="tried again"):
        guard.guarded(load_classifier, tmp_path / "m.bin")


def test_nothing_of_the_working_directory_is_imported(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    texts = pa.array([f"text number {n}" for n in range(60)]), pa.array([f"order {n} now" for n in range(60)])
    train(*texts, TrainSettings(dim=4, epochs=1, min_count=1, bucket=100, minimum_auc=0, minimum_spread=0), tmp_path)
    (tmp_path / "stages").mkdir()
    for name in ("stages/__init__.py", "types.py", "struct.py"):
        (tmp_path / name).write_text("raise SystemExit('imported from the working directory')")
    monkeypatch.chdir(tmp_path)
    for paths in (None, "", f"{os.pathsep}/nowhere", "."):  # an empty entry stands for the working directory
        monkeypatch.setenv("PYTHONPATH", paths) if paths is not None else monkeypatch.delenv("PYTHONPATH", False)
        for marker in (cache / "orefine" / "models").iterdir():
            marker.unlink()
        guard.try_loading(load_classifier, tmp_path / "model.bin")
