"""A fault at every operation of the store: a reader only ever sees the old version or the new one, whole.

A version is made while another is there; then the same over and over, each time with one more operation that goes
well before one goes wrong; each time readers look, and a run without faults ends what was begun.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest

from pipeline.publish.release import datasets, load_release, publish, resolve
from pipeline.publish.verify import verify_release
from pipeline.run.level import InputFile, run_level
from pipeline.run.passes import WORK
from pipeline.run.runners import InlineRunner, runner
from pipeline.store import local
from pipeline.store.store import Store, open_store
from tests.pipeline.helpers import MinWords, SameFirstWord, Shout, l0, l1, silent, write_lines
from tests.pipeline.store.faulty import FATES, Faults, Killed, install, install_memory

OLD = [["apple pie is good", "banana split"]]
NEW = [["apple pie is good", "banana split"], ["cherry cake", "apple tart is better", "short"]]
NEW_OF_SERVER = [["cherry cake", "apple tart is better", "apple pie is good", "short"]]
"""Of one file, as each request takes its time: two thirds of the operations."""
SOME = int(os.environ.get("FAULT_STEP", "47"))
"""A fault at each so many operations; FAULT_STEP=1: at every one, also in the bucket of a server, which takes minutes.
In a folder and in a bucket without a server every one is always met."""
WRITES = {"create", "commit", "copy", "compare_and_swap", "replace", "remove", "temporary"}


def refine(store: Store, inputs: list[InputFile]) -> str:
    """Two levels with a shuffle and the release; its version."""
    first = run_level(l0(), store, InlineRunner(), silent, inputs)
    second = run_level(l1(MinWords(), SameFirstWord(), Shout()), store, InlineRunner(), silent, parent=first)
    return publish(store, [first, second]).version


class Readers:
    """What people and programs may see of a store at any moment."""

    def __init__(self, old: str, new: str) -> None:
        self.versions = {old, new}
        self.contents: dict[str, bytes] = {}
        """Of every name that any run gave; a name has one content ever."""

    def look(self, store: Store) -> str:
        """The latest version, every name and byte of the store being whole."""
        seen = {path: store.read(path) for path in store.list(".")}
        for path, data in seen.items():
            if path.endswith(".json"):  # whole; it tells how long things took, so that no two runs write the same
                json.loads(data)
            else:
                assert self.contents.setdefault(path, data) == data, path
        # What hangs together is looked at in a folder: each byte has come from the store, and a request takes long.
        with TemporaryDirectory() as folder:
            return self._look_closely(make(open_store(folder), seen))

    def _look_closely(self, store: Store) -> str:
        known = datasets(store)["toy"]
        assert set(known.history) <= self.versions
        for version in known.history:
            assert verify_release(store, f"releases/toy/{version}") == []
        release = load_release(store, resolve(store, "toy"))
        for file in (file for file in release.files if file.role == "data"):
            with store.open(f"releases/toy/{release.version}/{file.path}") as opened:
                assert pq.read_table(opened).num_rows == file.rows
        return known.latest


def make(store: Store, files: dict[str, bytes]) -> Store:
    for path, data in files.items():
        store.create(path, data)
    return store


def fresh(base: str, name: str, files: dict[str, bytes]) -> Store:
    """A new store that holds these files."""
    return make(open_store(f"{base}/{name}"), files)


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    monkeypatch.setattr(runner, "BACK_OFF", 0)
    monkeypatch.setattr(local, "fsync", lambda path: None)  # no power is lost here, and it takes most of the time
    return install(monkeypatch)


def fail_everywhere(
    base: str, faults: Faults, folder: Path, fate: str, step: int = 1, added: list[list[str]] = NEW
) -> int:
    """Every `step`-th operation of the second run meets this fate; how many runs that ended."""
    inputs = [write_lines(folder / name, *lines) for name, lines in (("old", OLD), ("new", added))]
    clean = open_store(f"{base}/clean")
    old = refine(clean, inputs[0])
    before = {path: clean.read(path) for path in clean.list(".")}
    faults.plan(0, "")
    new = refine(open_store(faults.location(clean.root)), inputs[1])
    operations = list(faults.seen)
    assert {"create", "commit", "copy", "compare_and_swap", "remove", "open"} <= set(operations)
    readers = Readers(old, new)
    assert readers.look(clean) == new
    met = 0
    numbers = list(range(1, len(operations) + 1))
    if fate in ("reply lost", "killed"):  # of what only reads: the same as `before`; as killed after the last write
        numbers = [number for number in numbers if operations[number - 1] in WRITES]
    for number in numbers[-1 - FATES.index(fate) % step :: -step]:
        store = fresh(base, str(number), before)
        faults.plan(number, fate)
        try:
            made = refine(open_store(faults.location(store.root)), inputs[1])
        except (Exception, Killed):
            met += 1
        else:  # the work was done by then, or tried again
            assert made == new
        assert len(faults.seen) >= number
        readers.look(store)
        faults.plan(0, "")
        assert refine(store, inputs[1]) == new, (fate, number, operations[number - 1])
        assert readers.look(store) == new
        assert [path for path in store.list(".") if f"/{WORK}/" in path or path.startswith("tmp/")] == []
    return met


def test_a_fault_at_some_operations(tmp_path: Path, faults: Faults):
    assert sum(fail_everywhere(f"{tmp_path}/{fate.split()[0]}", faults, tmp_path, fate, SOME) for fate in FATES) > 5


@pytest.mark.slow
@pytest.mark.parametrize("fate", FATES)
def test_a_fault_at_some_operations_on_the_bucket_of_a_server(fate, bucket: str, tmp_path: Path, faults: Faults):
    assert fail_everywhere(bucket, faults, tmp_path, fate, SOME, NEW_OF_SERVER) > 0


@pytest.mark.slow
@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("place", ["folder", "memory"])
def test_a_fault_at_every_operation(place, fate, tmp_path: Path, faults: Faults, monkeypatch):
    base = install_memory(monkeypatch) if place == "memory" else str(tmp_path)
    assert fail_everywhere(base, faults, tmp_path, fate) > 10
