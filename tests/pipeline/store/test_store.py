"""The local store: written once, seen whole, swapped by comparison."""

import os
from pathlib import Path

import pytest

from pipeline.store.store import LocalStore, open_store, remove_abandoned


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_the_first_writer_wins(store: LocalStore):
    assert store.create("a/b", b"first")
    assert not store.create("a/b", b"second")
    assert store.read("a/b") == b"first"


def test_a_late_commit_changes_nothing_and_leaves_nothing(store: LocalStore):
    store.create("a", b"first")
    late = store.temporary()
    late.write_bytes(b"second")
    assert not store.commit(late, "a")
    assert store.read("a") == b"first"
    assert store.list("tmp") == []


def test_compare_and_swap_refuses_what_it_did_not_read(store: LocalStore):
    assert store.compare_and_swap("ref", None, b"1")
    assert not store.compare_and_swap("ref", None, b"2")
    assert not store.compare_and_swap("ref", b"0", b"2")
    assert store.compare_and_swap("ref", b"1", b"2")
    assert store.read("ref") == b"2"


def test_what_is_not_there(store: LocalStore):
    assert store.list("nothing") == []
    store.remove("nothing")
    assert not store.exists("nothing")


def test_only_temporary_files_of_the_dead_are_removed(store: LocalStore):
    mine = store.temporary()
    machine, _, chance = mine.name.rsplit("-", 2)
    dead, elsewhere, old, foreign = (
        mine.with_name(name)
        for name in (f"{machine}-999999999-{chance}", f"other-machine-1-{chance}", f"other-2-{chance}", "notes.txt")
    )
    for path in (mine, dead, elsewhere, old, foreign):
        path.write_bytes(b"half")
    for path in (old, foreign):
        os.utime(path, (0, 0))
    assert remove_abandoned(store) == 2
    assert sorted(mine.parent.iterdir()) == sorted([mine, elsewhere, foreign])


def test_object_storage_is_refused_by_name():
    with pytest.raises(ValueError, match=r"s3://bucket/x.*only local paths"):
        open_store("s3://bucket/x")
