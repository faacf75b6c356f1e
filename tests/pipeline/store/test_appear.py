"""A folder appears with all of its files or not at all, and stays as it first appeared."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.store import appear
from pipeline.store.appear import appearing
from pipeline.store.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def fill(store: LocalStore, text: bytes, names: tuple[str, ...] = ("data/a", "manifest.json")) -> None:
    with appearing(store, "releases/toy/v1") as folder:
        for name in names:
            store.create(f"{folder}/{name}", text)


def test_nothing_is_there_before_the_end_of_the_block(store: LocalStore):
    with appearing(store, "releases/toy/v1") as folder:
        store.create(f"{folder}/manifest.json", b"x")
        assert store.list("releases") == []
        assert store.list("tmp") == [f"{folder}/manifest.json"]
    assert store.list(".") == ["releases/toy/v1/manifest.json"]


def test_its_files_can_only_be_read(store: LocalStore):
    fill(store, b"x")
    for path in store.list("releases"):
        assert Path(store.shown(path)).stat().st_mode & 0o777 == 0o444


def test_all_folders_of_it_and_the_one_around_it_are_flushed(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    flushed: list[Path] = []
    monkeypatch.setattr(appear, "fsync", flushed.append)
    fill(store, b"x")
    *inside, around = [path.relative_to(store.root) for path in flushed]
    assert around == Path("releases/toy")
    assert [path.parts[0] for path in inside] == ["tmp", "tmp"]  # under the name that it is renamed from
    assert [path.name == "data" for path in inside] == [False, True]


def test_an_error_in_the_block_leaves_nothing(store: LocalStore):
    with pytest.raises(KeyError), appearing(store, "releases/toy/v1") as folder:
        raise KeyError(store.create(f"{folder}/data/a", b"x"))
    assert store.list(".") == []


def test_what_is_there_stays(store: LocalStore):
    fill(store, b"first")
    fill(store, b"second")
    assert store.list(".") == ["releases/toy/v1/data/a", "releases/toy/v1/manifest.json"]
    assert {store.read(path) for path in store.list("releases")} == {b"first"}


def test_a_part_that_is_there_is_completed_with_the_manifest_last(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    store.create("releases/toy/v1/data/a", b"first")
    copied: list[str] = []
    copy = store.copy
    monkeypatch.setattr(store, "copy", lambda source, target: (copied.append(target), copy(source, target)))
    fill(store, b"second", ("data/a", "manifest.json", "z"))
    assert copied == [f"releases/toy/v1/{name}" for name in ("data/a", "z", "manifest.json")]
    assert [store.read(path) for path in store.list("releases")] == [b"first", b"second", b"second"]
    assert store.list("tmp") == []


def test_a_fault_of_the_disk_is_raised(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    def full(*_: Path) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="no space left"):
        fill(store, b"x")
    assert store.list(".") == []


def test_a_store_that_cannot_rename_is_filled_in_place():
    class Bucket:
        """Only what is no folder matters."""

    with appearing(Bucket(), "releases/toy/v1") as folder:
        assert folder == "releases/toy/v1"
