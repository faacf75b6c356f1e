import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.store import artifact
from pipeline.store.artifact import unfinished
from pipeline.store.damage import Damaged
from pipeline.store.local import LocalStore
from stages.l3_synthesize.engines import smollm2


@pytest.fixture(autouse=True)
def gguf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    monkeypatch.setattr(smollm2, "gguf_path", lambda: path)


def convert(gguf: Path, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(gguf.read_bytes())


def test_it_is_converted_once_and_named_by_its_content(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(smollm2, "_convert", lambda *paths: (calls.append(paths), convert(*paths)))
    first, again = (smollm2.model_folder(tmp_path / "cache") for _ in range(2))
    assert (first, len(calls)) == (again, 1)
    assert first == tmp_path / "cache" / "models" / f"smollm2-135m-{smollm2.model_hash()[:12]}"
    assert sorted(path.name for path in first.iterdir()) == ["manifest.json", "model.safetensors"]
    assert unfinished(LocalStore(tmp_path / "cache")) == {}


def test_of_two_that_ask_at_once_one_converts_and_the_other_waits(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(artifact, "POLL_SECONDS", 0.01)
    has_begun, may_end = threading.Event(), threading.Event()

    def slow(gguf: Path, folder: Path) -> None:
        assert not has_begun.is_set(), "the other one converts as well"
        has_begun.set()
        assert may_end.wait(60)
        convert(gguf, folder)

    monkeypatch.setattr(smollm2, "_convert", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(smollm2.model_folder, tmp_path / "cache")
        assert has_begun.wait(60)
        second = pool.submit(smollm2.model_folder, tmp_path / "cache")
        while "is at it; waiting" not in capsys.readouterr().err:
            assert not second.done()
        may_end.set()
        assert first.result() == second.result()


def test_a_failed_conversion_is_known_and_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(gguf: Path, folder: Path) -> None:
        (folder / "half").write_bytes(b"")
        raise OSError("disk is full")

    monkeypatch.setattr(smollm2, "_convert", fail)
    with pytest.raises(OSError, match="disk is full"):
        smollm2.model_folder(tmp_path / "cache")
    ((name, state),) = unfinished(LocalStore(tmp_path / "cache")).items()
    assert name.startswith("models/smollm2-135m-")
    assert state.error == "OSError: disk is full"
    assert not list((tmp_path / "cache").rglob("half"))
    monkeypatch.setattr(smollm2, "_convert", convert)
    assert smollm2.model_folder(tmp_path / "cache").is_dir()


def test_what_is_not_whole_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(smollm2, "_convert", convert)
    weights = smollm2.model_folder(tmp_path / "cache") / "model.safetensors"
    weights.unlink()
    with pytest.raises(Damaged, match=r"model\.safetensors is damaged: .* 7 bytes .*remove the folder models/smollm2"):
        smollm2.model_folder(tmp_path / "cache")
