from pathlib import Path

import pytest

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
    assert first.name == f"smollm2-135m-{smollm2.model_hash()[:12]}"
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_of_two_processes_the_first_wins(tmp_path, monkeypatch):
    def slow(gguf: Path, folder: Path) -> None:
        monkeypatch.setattr(smollm2, "_convert", convert)
        smollm2.model_folder(tmp_path / "cache")  # the other process, while this one converts
        convert(gguf, folder)

    monkeypatch.setattr(smollm2, "_convert", slow)
    folder = smollm2.model_folder(tmp_path / "cache")
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_failed_conversion_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(gguf: Path, folder: Path) -> None:
        (folder / "half").write_bytes(b"")
        raise OSError("disk is full")

    monkeypatch.setattr(smollm2, "_convert", fail)
    with pytest.raises(OSError, match="disk is full"):
        smollm2.model_folder(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
