"""A poisoned model file ends in one line, soon, and without taking the memory it asks for."""

import os
import struct
import time
from pathlib import Path

import pyarrow as pa
import pytest

from stages.l2_select.score import model_check
from stages.l2_select.score.fasttext_quality import FasttextQuality
from stages.l2_select.train.train_classifier import TrainSettings, train

ROWS, WIDTH, LABELS = 3_000_000, 1000, 1000


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


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_file_that_stands_for_more_memory_than_there_is(tmp_path: Path, cache: Path):
    path, started = tmp_path / "bomb.ftz", time.perf_counter()
    path.write_bytes(bomb())
    with pytest.raises(ValueError, match=r"bomb.ftz: it asks for more than 8 GiB") as error:
        FasttextQuality(model=str(path), label="__label__1").check_model()
    assert "\n" not in str(error.value)
    assert time.perf_counter() - started < 60
    assert not (cache / "orefine" / "models").exists()


def test_a_loader_that_hangs_is_stopped(tmp_path: Path):
    (tmp_path / "m.bin").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match=r"m.bin: not loaded after 0 s"):
        model_check.check_model(tmp_path / "m.bin", "a" * 64, seconds=0.01)


def test_what_has_loaded_once_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model_check.remember("b" * 64)
    monkeypatch.setattr(model_check.subprocess, "run", lambda *_, **__: pytest.fail("tried again"))
    model_check.check_model(tmp_path / "none", "b" * 64)


def test_nothing_of_the_working_directory_is_imported(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    texts = pa.array([f"text number {n}" for n in range(60)]), pa.array([f"order {n} now" for n in range(60)])
    train(*texts, TrainSettings(dim=4, epochs=1, min_count=1, bucket=100, minimum_auc=0), tmp_path)
    (tmp_path / "stages").mkdir()
    for name in ("stages/__init__.py", "types.py", "struct.py"):
        (tmp_path / name).write_text("raise SystemExit('imported from the working directory')")
    monkeypatch.chdir(tmp_path)
    for paths in (None, "", f"{os.pathsep}/nowhere"):  # an empty entry stands for the working directory
        monkeypatch.setenv("PYTHONPATH", paths) if paths is not None else monkeypatch.delenv("PYTHONPATH", False)
        model_check.check_model(tmp_path / "model.bin", f"{paths}".encode().hex())
