"""A disk that is really full, and memory that is really gone: nothing is published, and the next run is a clean one."""

import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.runs.recipe import LEVELS
from pipeline.publish.release import resolve
from pipeline.publish.verify import verify_release
from pipeline.store.local import LocalStore
from tests.killed_run import Forks, refine, write_inputs
from tests.test_kills import check

pytestmark = pytest.mark.slow
DISK_BYTES = 16 << 20
MORE_BYTES = 80 << 10
"""What the disk gets from run to run: more than the events and the report of a run take, less than any level."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk, and not in every container; this test needs one")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_full_everywhere_in_turn(tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.run.runners.runner.BACK_OFF", 0)
    monkeypatch.setattr("pipeline.run.passes.TOGETHER", 0)  # several files of a level take more than MORE_BYTES
    write_inputs(tmp_path)
    clean = refine(tmp_path, str(tmp_path / "clean"))
    ballast, store = disk / "ballast", disk / "store"
    ballast.write_bytes(bytes(DISK_BYTES - (64 << 10)))
    failed: dict[str, str] = {}
    while (error := failure(lambda: refine(tmp_path, str(store)))) is not None:
        assert "No space left on device" in str(error)
        made = {path.parts[-3] for path in store.glob("l*/*/manifest.json")}
        place = next((level for level in LEVELS if level not in made), "publishing")
        failed[place] = failed.get(place, "") + str(error)
        check_nothing_false(store, clean)
        os.truncate(ballast, ballast.stat().st_size - MORE_BYTES)
    assert set(failed) == {*LEVELS, "publishing"}
    assert "exact_duplicates (" in failed["l1_filter"], "in the shuffle too"
    os.truncate(ballast, 0)
    assert refine(tmp_path, str(store)) == clean
    check(LocalStore(store))


def failure(run: Callable[[], object]) -> Exception | None:
    try:
        run()
    except Exception as error:
        return error
    return None


def check_nothing_false(store: Path, clean: dict[str, str]) -> None:
    """No row is blamed, and what is published, if anything, is what a clean run publishes."""
    quarantined = [pq.read_metadata(file).num_rows for file in store.glob("**/quarantine/*.parquet")]
    assert sum(quarantined) == 0
    place = LocalStore(store)
    if place.exists("refs/toy.json"):
        assert resolve(place, "toy") == f"releases/toy/{clean['version']}"
        assert verify_release(place, resolve(place, "toy")) == []


@pytest.fixture
def forks(tmp_path: Path) -> Iterator[Forks]:
    write_inputs(tmp_path)
    (tmp_path / "tmp").mkdir()
    forks = Forks(tmp_path, {})
    yield forks
    forks.close()


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A control group of its own, whose memory the kernel watches."""
    folder = Path("/sys/fs/cgroup/memory", f"orefine-{uuid.uuid4().hex}")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("only root may make a control group, of version 1 here; this test needs one")
    yield folder
    folder.rmdir()


def test_a_process_that_the_kernel_kills_for_its_memory(forks: Forks, tmp_path: Path, cgroup: Path):
    clean, _ = forks.finish(str(tmp_path / "clean"))
    ends = []
    for megabytes in (6, 12, 18, 24, 1000):
        (cgroup / "memory.limit_in_bytes").write_text(str(megabytes << 20))
        store = tmp_path / f"{megabytes} MB"
        forks.start(str(store), cgroup)
        ends.append(forks.ended())
        check_nothing_false(store, clean)
        again, _ = forks.finish(str(store))
        assert again == clean
        check(LocalStore(store))
    assert set(ends[:2]) == {-signal.SIGKILL}
    assert ends[-1] == 0
