"""SIGKILL at random moments, then run again: nothing is lost, nothing is there twice, every content id is the same.

The seed is fixed; the moments still vary with the machine, which is what is wanted. KILLS=100 makes a hundred of them
on each store.
"""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from flows.runs.certify import checkers_of
from pipeline.books.manifest import Manifest, load
from pipeline.publish import certificate
from pipeline.publish.release import resolve
from pipeline.publish.verify import verify_release
from pipeline.run.level import Finished
from pipeline.store.artifact import unfinished
from pipeline.store.store import Store, open_store
from tests.killed_run import ROWS, Forks, write_inputs

KILLS = int(os.environ.get("KILLS", "10"))


@pytest.fixture
def forks(tmp_path: Path, request: pytest.FixtureRequest):
    request.getfixturevalue("bucket")  # before the process starts that is to know of it
    write_inputs(tmp_path)
    (tmp_path / "tmp").mkdir()
    forks = Forks(tmp_path, {})
    yield forks
    forks.close()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_killed_runs_lose_and_duplicate_nothing(forks: Forks, tmp_path: Path, bucket: str, place: str):
    base = str(tmp_path / "stores") if place == "folder" else bucket
    clean, length = forks.finish(f"{base}/clean")
    moments = random.Random(20261126)
    kills = stores = 0
    while kills < KILLS:
        store = f"{base}/{stores}"
        for _ in range(moments.randint(1, 5)):  # several kills may hit one store
            process = forks.start(store)
            time.sleep(moments.uniform(0, length))
            os.kill(process, signal.SIGKILL)
            kills += forks.ended() == -signal.SIGKILL
        again, _ = forks.finish(store)
        assert again == clean
        check(open_store(store))
        assert list((tmp_path / "tmp").iterdir()) == []
        stores += 1
    print(f"{place}: {kills} kills, {stores} stores, a run takes {length:.1f} s")


def check(store: Store) -> None:
    """Every input row has one fate, all is as its manifest says, nothing unfinished is left."""
    assert verify_release(store, resolve(store, "toy")) == []
    for name in ("l0_collect", "l1_filter", "l2_select", "l3_synthesize", "l4_verify"):
        (path,) = [path for path in store.list(name) if path.endswith("/manifest.json")]
        manifest = load(Manifest, store, path)
        assert manifest.rows_in + manifest.rows_made == manifest.rows_out + sum(manifest.dropped.values())
        assert name != "l0_collect" or manifest.rows_out == ROWS
    lot = Finished(manifest, path)
    made = json.loads(store.read(f"{lot.directory}/certificate.json"))
    assert certificate.verify(made, store, lot.directory, checkers_of(manifest)) == []
    assert unfinished(store) == {}
    assert [path for path in store.list(".") if path.startswith("tmp/") or "/work/" in path] == []
