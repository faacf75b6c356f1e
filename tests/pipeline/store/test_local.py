"""What a folder alone does: disks without hard links, copies that share nothing, what killed processes left."""

import errno
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.store.appear import appearing
from pipeline.store.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


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
    assert store.remove_abandoned() == 2
    assert sorted(mine.parent.iterdir()) == sorted([mine, elsewhere, foreign])


def without_hard_links(*_: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_a_disk_without_hard_links_has_the_same_rules(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "link", without_hard_links)
    assert store.create("a/b", b"first")
    late = store.temporary()
    late.write_bytes(b"second")
    assert not store.commit(late, "a/b")
    assert store.read("a/b") == b"first"
    assert store.list(".") == ["a/b"]


def test_of_many_writers_without_hard_links_one_wins(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    rename = os.rename

    def slow(*paths: Path) -> None:
        time.sleep(0.01)  # the others look meanwhile whether the name is free
        rename(*paths)

    monkeypatch.setattr(os, "link", without_hard_links)
    monkeypatch.setattr(os, "rename", slow)
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda number: store.create("a", b"%d" % number), range(40)))
    assert won.count(True) == 1
    assert store.read("a") == b"%d" % won.index(True)


def test_a_full_disk_is_not_taken_for_one_without_hard_links(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="No space"):
        store.create("a", b"first")
    assert store.list(".") == []


@pytest.mark.parametrize("operation", ["create", "replace", "commit", "copy"])
@pytest.mark.parametrize("broken", ["fsync", "link and rename", "write"])
def test_what_could_not_be_written_keeps_no_room_and_is_named(store: LocalStore, monkeypatch, operation, broken):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store.create("old", b"old")
    temporary = store.temporary()
    temporary.write_bytes(b"new")
    with monkeypatch.context() as patch:
        for name in {"fsync": ["fsync"], "link and rename": ["link", "replace"], "write": []}[broken]:
            patch.setattr(os, name, full)
        if broken == "write":
            patch.setattr(Path, "write_bytes", lambda path, data: path.touch() or full())
            patch.setattr("shutil.copyfileobj", full)
        action = {
            "create": lambda: store.create("a", b"new"),
            "replace": lambda: store.replace("a", b"new"),
            "commit": lambda: store.commit(temporary, "a"),
            "copy": lambda: store.copy("old", "a"),
        }[operation]
        if (operation, broken) == ("commit", "write"):
            return
        with pytest.raises(OSError, match=r"No space left on device: '.*/store/a'"):
            action()
    assert store.list("tmp") == ([] if operation == "commit" else [f"tmp/{temporary.name}"])
    assert not store.exists("a")


@pytest.mark.parametrize("shared", [True, False])
def test_a_copy_is_another_file(store: LocalStore, monkeypatch: pytest.MonkeyPatch, shared: bool):
    if not shared:
        monkeypatch.setattr(os, "copy_file_range", without_hard_links)
    data = os.urandom(3 << 20)
    store.create("a", data)
    assert store.copy("a", "b")
    assert not store.copy("a", "b")
    with open(store.shown("b"), "r+b") as file:
        file.write(b"changed")
    assert store.read("a") == data
    assert store.read("b") == b"changed" + data[7:]


def fill(store: LocalStore, *names: str) -> None:
    with appearing(store, "releases/x/1") as filled:
        for name in names:
            store.create(f"{filled}/{name}", b"new")


def test_a_folder_appears_whole_read_only_and_once(store: LocalStore):
    with appearing(store, "releases/x/1") as filled:
        store.create(f"{filled}/data/a", b"a")
        store.create(f"{filled}/manifest.json", b"{}")
        assert store.list("releases") == []
    fill(store, "data/a", "manifest.json")
    assert store.list("releases") == ["releases/x/1/data/a", "releases/x/1/manifest.json"]
    assert (store.read("releases/x/1/data/a"), store.list("tmp")) == (b"a", [])
    assert {stat.S_IMODE(os.stat(store.shown(path)).st_mode) for path in store.list("releases")} == {0o444}


def test_what_is_missing_in_a_folder_is_added_the_manifest_last(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    store.create("releases/x/1/data/a", b"old")
    copied = []
    copy = store.copy
    monkeypatch.setattr(store, "copy", lambda source, target: copied.append(target) or copy(source, target))
    fill(store, "manifest.json", "z", "data/a")
    assert copied == ["releases/x/1/data/a", "releases/x/1/z", "releases/x/1/manifest.json"]
    assert store.read("releases/x/1/data/a") == b"old"


def test_where_folders_cannot_be_renamed_they_are_filled_in_place(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.store.appear.LocalStore", int)  # as for any other store
    with appearing(store, "releases/x/1") as filled:
        assert filled == "releases/x/1"


def test_a_folder_that_was_not_filled_does_not_appear(store: LocalStore):
    def stopped() -> None:
        with appearing(store, "releases/x/1") as filled:
            store.create(f"{filled}/data/a", b"a")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        stopped()
    assert store.list(".") == []


def test_writing_leaves_no_file_open(store: LocalStore):
    store.create("a/b", b"x")
    before = os.listdir("/proc/self/fd")
    for number in range(3):
        store.create(f"a/{number}", b"x")
        store.replace("a/b", b"y")
        store.compare_and_swap("a/c", None, b"z")
    assert os.listdir("/proc/self/fd") == before


def test_swaps_leave_only_what_they_write(store: LocalStore):
    for number in range(3):
        store.compare_and_swap(f"state/{number}.json", None, b"1")
    assert store.list(".") == ["state/0.json", "state/1.json", "state/2.json"]


def test_of_many_swaps_at_once_none_is_lost(store: LocalStore):
    def count(_: int) -> None:
        while not store.compare_and_swap("count", before := store.read("count"), str(int(before) + 1).encode()):
            pass

    store.create("count", b"0")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(40)))
    assert store.read("count") == b"40"
