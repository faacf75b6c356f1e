"""SIGKILL at random moments, then run again: nothing is lost, nothing is there twice, every content id is the same.

The seed is fixed; the moments still vary with the machine, which is what is wanted. KILLS=100 makes a hundred of them
on each store, in one process and again of Ray's drivers and workers.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.runs.certify import checkers_of
from pipeline.books.manifest import Manifest, load
from pipeline.publish import certificate
from pipeline.publish.release import resolve
from pipeline.publish.verify import verify_release
from pipeline.run.level import Finished
from pipeline.run.passes import WORK
from pipeline.store.artifact import unfinished
from pipeline.store.store import Store, open_store
from tests.killed_run import ROWS, ROWS_PER_FILE, Forks, refine, write_inputs

ASKED = os.environ.get("KILLS")
KILLS = {"folder": int(ASKED or 6), "bucket": int(ASKED or 2)}
RAY_KILLS = int(ASKED or 5)
RAY_PLACES = ["folder", "bucket"] if ASKED else ["folder"]
"""A Ray takes ten seconds to start."""
FILES = 3
SECONDS = 200


@pytest.fixture
def forks(tmp_path: Path, request: pytest.FixtureRequest):
    request.getfixturevalue("bucket")  # before the process starts that is to know of it
    write_inputs(tmp_path, FILES)
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
    while kills < KILLS[place]:
        store, left = f"{base}/{stores}", length
        for _ in range(moments.randint(1, 5)):  # several kills may hit one store
            process = forks.start(store)
            moment = moments.uniform(0, left)
            time.sleep(moment)
            os.kill(process, signal.SIGKILL)
            kills += forks.ended() == -signal.SIGKILL
            left = max(left - moment, length / 4)  # the next one goes on from there
        again, _ = forks.finish(store)
        assert again == clean
        check(open_store(store), FILES * ROWS_PER_FILE)
        assert list((tmp_path / "tmp").iterdir()) == []
        stores += 1
    print(f"{place}: {kills} kills, {stores} stores, a run takes {length:.1f} s")


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("place", RAY_PLACES)
def test_killed_workers_and_drivers_of_ray_lose_and_duplicate_nothing(
    tmp_path: Path, place: str, request: pytest.FixtureRequest
):
    base = str(tmp_path / "stores") if place == "folder" else request.getfixturevalue("bucket")
    write_inputs(tmp_path, FILES)
    clean = refine(tmp_path, f"{base}/clean")
    moments = random.Random(20261126)
    stores = workers = drivers = 0
    while workers + drivers < RAY_KILLS:
        store = f"{base}/{stores}"
        driver = start_on_ray(tmp_path, store)
        for _ in range(moments.randint(1, 6)):
            time.sleep(moments.uniform(0, 1))
            workers += kill_a_worker(driver)
        orphans = below(driver.pid)
        drivers += stop(driver)
        stores += 1
        assert refine(tmp_path, store) == clean
        wait_for_the_end_of(orphans)
        # A worker may outlive its driver, and even the run above, and write once more; the next run tidies up after it.
        assert refine(tmp_path, store) == clean
        check(open_store(store), FILES * ROWS_PER_FILE)
    driver = start_on_ray(tmp_path, f"{base}/last")
    for _ in range(3):  # fewer than a task is tried again
        kill_a_worker(driver)
    assert driver.wait(SECONDS) == 0
    stop(driver)
    assert refine(tmp_path, f"{base}/last") == clean
    print(f"Ray, {place}: {workers} workers and {drivers} drivers killed")


def start_on_ray(folder: Path, store: str) -> subprocess.Popen[bytes]:
    """A run on a Ray of its own, of which a worker is at work."""
    options = ["--input", str(folder / "in"), "--store", store, "--runner", "ray", "--workers", "2"]
    command = [sys.executable, "-m", "flows.cli", "run", str(folder / "recipe.yaml"), *options]
    environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
    quiet = subprocess.DEVNULL
    driver = subprocess.Popen(command, env=environment, start_new_session=True, stdout=quiet, stderr=quiet)
    until = time.monotonic() + SECONDS
    while not working(driver.pid):
        assert driver.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    return driver


def below(driver: int) -> dict[int, bytes]:
    """This process and all that it has started, with their names."""
    parents, names = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            process = int(place.name)
            parents[process] = int((place / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            names[process] = (place / "cmdline").read_bytes()

    def is_below(process: int) -> bool:
        return process == driver or (process in parents and is_below(parents[process]))

    return {process: name for process, name in names.items() if is_below(process)}


def working(driver: int) -> list[int]:
    """The worker processes below this one that are at a task now, as Ray names them."""
    return [process for process, name in below(driver).items() if name.startswith(b"ray::attempt")]


def wait_for_the_end_of(processes: dict[int, bytes]) -> None:
    """Workers notice by themselves that their Ray is gone."""
    until = time.monotonic() + SECONDS
    for process in processes:
        with contextlib.suppress(OSError):  # it is gone
            while Path(f"/proc/{process}/cmdline").read_bytes():  # empty: it has ended, and nobody has asked how
                assert time.monotonic() < until, processes[process]
                time.sleep(0.05)


def kill_a_worker(driver: subprocess.Popen[bytes]) -> bool:
    """Kill one as soon as any is at work; False if the run has ended first."""
    while driver.poll() is None:
        for process in working(driver.pid)[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                return True
        time.sleep(0.02)
    return False


def stop(driver: subprocess.Popen[bytes]) -> bool:
    """Kill the driver, and what it has started and has outlived it; False if it had ended by itself."""
    driver.kill()
    driver.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(driver.pid, signal.SIGKILL)
    return driver.returncode == -signal.SIGKILL


def check(store: Store, rows: int = ROWS) -> None:
    """Every input row has one fate, all is as its manifest says, nothing unfinished is left."""
    assert verify_release(store, resolve(store, "toy")) == []
    for name in ("l0_collect", "l1_filter", "l2_select", "l3_synthesize", "l4_verify"):
        (path,) = [path for path in store.list(name) if path.endswith("/manifest.json")]
        manifest = load(Manifest, store, path)
        assert manifest.rows_in + manifest.rows_made == manifest.rows_out + sum(manifest.dropped.values())
        assert name != "l0_collect" or manifest.rows_out == rows
    lot = Finished(manifest, path)
    made = json.loads(store.read(f"{lot.directory}/certificate.json"))
    assert certificate.verify(made, store, lot.directory, checkers_of(manifest)) == []
    assert unfinished(store) == {}
    assert [path for path in store.list(".") if path.startswith("tmp/") or f"/{WORK}/" in path] == []
