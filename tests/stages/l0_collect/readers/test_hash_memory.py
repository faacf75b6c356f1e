"""Hashes of large inputs, remembered."""

import os
from pathlib import Path

import pytest

from pipeline.store.shard import file_sha256
from stages.l0_collect.readers import hash_memory
from stages.l0_collect.readers.files import identify


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as large and as settled, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hash_memory, "REMEMBERED_FROM", 10)
    monkeypatch.setattr(hash_memory, "SETTLED_SECONDS", -1)
    path = tmp_path / "a.jsonl"
    path.write_text("one two three", encoding="utf-8")
    return path


def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are really hashed from now on."""
    seen: list[str] = []

    def spy(path: Path) -> str:
        seen.append(path.name)
        return file_sha256(path)

    monkeypatch.setattr(hash_memory, "file_sha256", spy)
    return seen


def test_a_large_file_is_hashed_once(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = hashed(monkeypatch)
    first = identify(str(large))
    assert first[0] == file_sha256(large)
    assert identify(str(large)) == first
    os.rename(large, large.with_name("b.jsonl"))  # changes its entry's time (ctime), so it is hashed again
    assert identify(str(large.with_name("b.jsonl")))[0] == first[0]
    assert seen == ["a.jsonl", "b.jsonl"]


def test_another_content_of_the_same_size_and_time_is_another(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = large.stat()
    first = identify(str(large))
    large.write_text("one two thief", encoding="utf-8")
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    again = identify(str(large))
    assert again[0] == file_sha256(large)
    assert again[0] != first[0]


@pytest.mark.parametrize(("setting", "value"), [("REMEMBERED_FROM", 100), ("SETTLED_SECONDS", 1_000)])
def test_small_and_fresh_files_are_not_remembered(
    large: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: int
) -> None:
    monkeypatch.setattr(hash_memory, setting, value)
    seen = hashed(monkeypatch)
    assert identify(str(large)) == identify(str(large))
    assert len(seen) == 2


def test_a_damaged_or_unwritable_memory_costs_time_only(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = identify(str(large))
    [entry] = (large.parent / "cache" / "orefine" / "inputs").iterdir()
    entry.write_bytes(b"\xff no hash")
    assert identify(str(large)) == found
    assert entry.read_text() == found[0]
    entry.unlink()
    entry.parent.rmdir()
    entry.parent.write_text("a file where the folder should be")
    assert identify(str(large)) == found
