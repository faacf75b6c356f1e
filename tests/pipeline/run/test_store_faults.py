"""A fault at every operation of a small run, one after the other: a reader sees whole things only, and the next run
gives what a run without faults gives."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.publish.release import Refs, load_release, publish, verify_release
from pipeline.run.level import Finished, run_level
from pipeline.run.runners import InlineRunner
from pipeline.store import local
from pipeline.store.store import Store, open_store
from tests.pipeline.helpers import SameFirstWord, Shout, l0, l1, silent, write_lines
from tests.pipeline.store.faulty import Faults

EVERY = 7
"""Operation in a bucket: each costs a server of the tests hundreds of requests. In a folder it is every one."""
LINES = (["one a", "two b", "one c"], ["two d", "three e"])


def run(location: str, inputs) -> tuple[Finished, Finished]:
    store = open_store(location)
    collected = run_level(l0(), store, InlineRunner(), silent, inputs)
    filtered = run_level(l1(SameFirstWord(), Shout()), store, InlineRunner(), silent, (), collected)
    publish(store, [collected, filtered])
    return collected, filtered


def assert_whole(store: Store) -> None:
    """Every file under its name is complete, and what a manifest or ref names is there."""
    for path in store.list("."):
        if path.endswith(".parquet"):
            with store.open(path) as file:
                pq.read_table(file)
        elif path.endswith(".json"):
            json.loads(store.read(path))
        if path.endswith("/manifest.json") and not path.startswith("releases/"):
            named = json.loads(store.read(path))["files"]
            assert all(store.exists(f"{path.rpartition('/')[0]}/{file['path']}") for file in named)
        if path.startswith("refs/") and path.endswith(".json"):
            directory = f"releases/toy/{Refs.model_validate_json(store.read(path)).latest}"
            assert verify_release(store, directory) == []
            assert load_release(store, directory).rows == 3


def one_fault(inner: str, at: int, after: bool, inputs, expected: list[str], monkeypatch) -> bool:
    """False if the run is over before operation `at`."""
    faults = Faults(inner, monkeypatch)
    faults.fail(at, after)
    try:
        run(faults.location, inputs)
    except Exception as error:
        if f"operation {at}, " not in str(error):
            raise
    else:
        if faults.done < at:
            return False
    assert_whole(open_store(inner))
    faults.fail(0)
    assert [level.manifest.content_id for level in run(faults.location, inputs)] == expected
    assert_whole(open_store(inner))
    return True


@pytest.fixture(autouse=True)
def hasty_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine stays on here, and a hundred runs wait long for a disk."""
    monkeypatch.setattr(local, "_fsync", lambda path: None)


@pytest.mark.parametrize("after", [False, True], ids=["before", "reply lost"])
@pytest.mark.slow
def test_a_fault_at_any_operation_of_a_folder(tmp_path: Path, monkeypatch, after: bool):
    inputs = write_lines(tmp_path / "in", *LINES)
    expected = [level.manifest.content_id for level in run(str(tmp_path / "sound"), inputs)]
    at = 1
    while one_fault(str(tmp_path / f"store-{at}"), at, after, inputs, expected, monkeypatch):
        at += 1
    assert at > 50


@pytest.mark.parametrize(("after", "at"), [(False, 1), (True, 4)], ids=["before", "reply lost"])
@pytest.mark.slow
def test_a_fault_at_operations_of_a_bucket(bucket: str, tmp_path: Path, monkeypatch, after: bool, at: int):
    inputs = write_lines(tmp_path / "in", *LINES)
    expected = [level.manifest.content_id for level in run(str(tmp_path / "sound"), inputs)]
    while one_fault(f"{bucket}/store-{at}", at, after, inputs, expected, monkeypatch):
        at += EVERY
    assert at > 50
