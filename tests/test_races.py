"""Two drivers at one recipe and one store at the same time make one version, with nothing doubled.

`RACES=50 pytest tests/test_races.py -s` makes so many.
"""

import json
import os
from pathlib import Path

import pytest

from pipeline.publish.release import datasets
from pipeline.publish.verify import verify_release
from pipeline.run.passes import WORK
from pipeline.store.store import open_store
from tests.killed_run import Forks, write_inputs

RACES = int(os.environ.get("RACES", "2"))


@pytest.fixture
def drivers(tmp_path: Path):
    """Two servers of forked runs over the same inputs."""
    started = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        write_inputs(folder)
        (folder / "tmp").mkdir()
        started.append((folder, Forks(folder, {})))
    yield started
    for _, forks in started:
        forks.close()


@pytest.mark.slow
def test_two_drivers_make_one_version(drivers: list[tuple[Path, Forks]], tmp_path: Path):
    versions = set()
    for race in range(RACES):
        store = str(tmp_path / "stores" / str(race))
        for _, forks in drivers:
            forks.start(store)
        assert [forks.ended() for _, forks in drivers] == [0, 0]
        results = [json.loads((folder / "result.json").read_text()) for folder, _ in drivers]
        assert results[0] == results[1]
        opened = open_store(store)
        (refs,) = datasets(opened).values()
        assert refs.history == [results[0]["version"]]
        assert verify_release(opened, f"releases/toy/{refs.latest}") == []
        assert not [path for path in opened.list(".") if f"/{WORK}/" in path or path.startswith("tmp/")]
        versions.add(refs.latest)
    assert len(versions) == 1
    print(f"{RACES} races, one version: {versions}")
