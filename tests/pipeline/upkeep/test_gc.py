"""What nothing leads to any more is found with its bytes, and removed with all that was noted of it."""

from pathlib import Path

import pytest

from pipeline.publish.release import datasets, resolve
from pipeline.publish.verify import verify_release
from pipeline.run.reuse import FOLDER as REUSE
from pipeline.store.artifact import FOLDER as STATE
from pipeline.store.artifact import Artifact, supersede, unfinished
from pipeline.upkeep.gc import Busy, Garbage, collect, find_garbage
from tests.pipeline.upkeep.pages import APPLE, PEAR, PLUM, refine


def test_all_that_versions_lead_to_is_kept(tmp_path: Path):
    store, _ = refine(tmp_path, APPLE)
    refine(tmp_path, APPLE, PEAR)
    assert find_garbage(store) == Garbage()
    assert Garbage().lines() == ["              0 bytes in 0 folders"]


def test_of_old_versions_levels_notes_and_states_go(tmp_path: Path):
    store, old = refine(tmp_path, APPLE)
    _, middle = refine(tmp_path, APPLE, PEAR)
    _, new = refine(tmp_path, APPLE, PEAR, PLUM)
    gone = sorted(parent.manifest.rpartition("/")[0] for parent in old.levels)
    for folder in gone:
        for key in (folder, f"{folder}/shards/part-00009"):
            Artifact(store, key, f"{key}/absent").fail(OSError("no space"))
            assert store.exists(f"{STATE}/{key}.json")
    reusable = set(store.list(REUSE))
    assert f"{REUSE}/{gone[0]}.json" in reusable
    found = find_garbage(store, keep_versions=2)
    assert found.versions == [f"toy@{old.version}"]
    assert sorted(found.folders) == [*gone, f"releases/toy/{old.version}"]
    for folder, size in found.folders.items():
        assert size == sum(store.size(path) for path in store.list(folder))
    assert found.lines()[0] == f"version toy@{old.version} leaves the history"
    assert found.lines()[-1].endswith("bytes in 3 folders")
    collect(store, found)
    assert datasets(store)["toy"].history == [middle.version, new.version]
    left = [path for path in store.list(".") if any(folder in path for folder in found.folders)]
    assert left == []
    assert find_garbage(store) == Garbage()
    assert resolve(store, "toy") == f"releases/toy/{new.version}"
    assert verify_release(store, resolve(store, "toy")) == []
    assert set(store.list(REUSE)) == reusable - {f"{REUSE}/{gone[0]}.json"}


def test_an_unfinished_level_is_garbage_and_one_at_work_is_not(tmp_path: Path):
    store, _ = refine(tmp_path, APPLE)
    store.create("l1_filter/toy-half/data/part-00000.parquet", b"12345")
    assert find_garbage(store).folders == {"l1_filter/toy-half": 5}
    lease = Artifact(store, "l1_filter/toy-half", "l1_filter/toy-half/manifest.json")
    with pytest.raises(RuntimeError, match="stopped"):
        lease.make(lambda: looks(store), lease=True)
    assert find_garbage(store).folders == {"l1_filter/toy-half": 5}, "it has ended"


def looks(store) -> bytes:
    with pytest.raises(Busy, match="l1_filter/toy-half is being made"):
        find_garbage(store)
    raise RuntimeError("stopped")


def test_an_attempt_that_wrote_nothing_goes_once_another_version_was_published(tmp_path: Path):
    store, _ = refine(tmp_path, APPLE)
    Artifact(store, "l1_filter/toy-1", "l1_filter/toy-1/manifest.json").fail(OSError("no space"))
    assert find_garbage(store) == Garbage()
    supersede(store, ("l1_filter/toy-",), "toy@12")
    found = find_garbage(store)
    assert found.folders == {"l1_filter/toy-1": 0}
    collect(store, found)
    assert unfinished(store) == {}
