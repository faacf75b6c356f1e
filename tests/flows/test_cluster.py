"""A cluster of nodes made with `ray start` as the README has it: one content id, work on all, a token demanded, and a
node that is lost in the middle of a run.

`FINEWEB=FOLDER pytest tests/flows/test_cluster.py -s` takes `ultra_fineweb_en` over the files of that folder.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.buckets import make_bucket, variables
from tests.flows.helpers import rows, write_parquet

pytestmark = [pytest.mark.ray, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
RECIPE = Path(__file__).parent / "l1.yaml"
FINEWEB = os.environ.get("FINEWEB")
HEAD, OTHER, LOST = "127.0.0.2", "127.0.0.3", "127.0.0.4"
"""All of 127.0.0.0/8 is this machine, so that its nodes are told apart and no other machine reaches them."""
RAY = Path(sysconfig.get_path("scripts"), "ray")
SECONDS = 120
"""For any one command; a quiet machine takes ten."""
WHERE_TASKS_RAN = """
import json, sys, ray
ray.init(address=sys.argv[1], log_to_driver=False)
print(json.dumps(sorted({event["pid"] for event in ray.timeline() if event["cat"].startswith("task::")})))
"""


class RayCluster(NamedTuple):
    """Where it is, the environment of a user on one of its nodes, and the folder of its logs."""

    address: str
    environment: dict[str, str]
    folder: Path


@pytest.fixture(scope="module")
def cluster(s3_endpoint: str) -> Iterator[RayCluster]:
    """Two nodes of one core each, of which this module ends only its own processes."""
    folder = Path(tempfile.mkdtemp(prefix="orefine-"))  # short: the path of a socket ends at 107 bytes
    environment = user_in(folder / "home") | variables(s3_endpoint)
    with socket.socket() as free:
        free.bind((HEAD, 0))
        address = f"{HEAD}:{free.getsockname()[1]}"
    nodes: list[subprocess.Popen[bytes]] = []
    try:
        subprocess.run([RAY, "get-auth-token", "--generate"], env=environment, timeout=SECONDS, check=True)
        port = ("--port", address.partition(":")[2])
        head = ("--head", *port, "--node-ip-address", HEAD, "--temp-dir", str(folder), "--include-dashboard", "false")
        start(nodes, folder / "head.log", environment, *head)
        other = ("--address", address, "--node-ip-address", OTHER)
        start(nodes, folder / "other.log", environment | {"RAY_AUTH_MODE": "token"}, *other)
        yield RayCluster(address, environment, folder)
    finally:
        for node in nodes[::-1]:
            stop(node)
        shutil.rmtree(folder, ignore_errors=True)


def user_in(home: Path) -> dict[str, str]:
    """The environment of a user who has set nothing for Ray; compiled kernels are shared with this process."""
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return kept | {
        "HOME": str(home),
        "XDG_CACHE_HOME": cache,
        "PYTHONPATH": str(ROOT),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def start(nodes: list[subprocess.Popen[bytes]], log: Path, environment: dict[str, str], *options: str) -> None:
    command = [RAY, "start", "--block", "--num-cpus", "1", "--object-store-memory", str(80 << 20), *options]
    with log.open("wb") as output:
        node = subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
    nodes.append(node)
    until = time.monotonic() + SECONDS
    while "Ray runtime started" not in log.read_text(encoding="utf-8"):
        assert node.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < until, log.read_text(encoding="utf-8")
        time.sleep(0.2)


def stop(node: subprocess.Popen[bytes]) -> None:
    node.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        node.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(node.pid, signal.SIGKILL)  # what it started and has outlived it
    node.wait(20)


def orefine(environment: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)


@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_two_nodes_give_the_content_id_of_this_process_and_both_work(
    cluster: RayCluster, tmp_path: Path, s3_endpoint: str, place: str
):
    bucket = f"s3://{make_bucket(s3_endpoint, 'two-nodes')}" if place == "bucket" else ""
    shared = bucket or tmp_path / "ray"
    files = [write_parquet(tmp_path / f"{part}.parquet", rows(30, first=25 * part)) for part in range(6)]
    inputs = [argument for file in files for argument in ("--input", file)]
    found = []
    here = (tmp_path / "inline", "--runner", "inline")
    for store, *runner in (here, (shared, "--ray-address", cluster.address)):
        done = orefine(cluster.environment, "run", RECIPE, *inputs, "--store", store, *runner, "--json")
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout.splitlines()[-1]))
    inline, ray = found
    assert [level["content_id"] for level in ray["levels"]] == [level["content_id"] for level in inline["levels"]]
    assert ray["content_id"] == inline["content_id"]
    assert ray["levels"][1]["dropped"]["exact_duplicates.repeat"] == 25  # pairs that lie in two shards

    ask = [sys.executable, "-c", WHERE_TASKS_RAN, cluster.address]
    environment = cluster.environment | {"RAY_AUTH_MODE": "token"}
    told = subprocess.run(ask, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout.splitlines()[-1]) == [HEAD, OTHER]


def test_a_node_lost_in_the_middle_of_a_run_changes_nothing(cluster: RayCluster, tmp_path: Path, s3_endpoint: str):
    if FINEWEB:
        recipe, files = "ultra_fineweb_en", sorted(Path(FINEWEB).glob("*.parquet"))
    else:
        recipe = str(RECIPE)
        files = [write_parquet(tmp_path / f"{part}.parquet", rows(300, first=250 * part)) for part in range(12)]
    inputs = [argument for file in files for argument in ("--input", str(file))]
    inline = orefine(
        cluster.environment, "run", recipe, *inputs, "--store", tmp_path / "inline", "--runner", "inline", "--json"
    )
    assert inline.returncode == 0, inline.stderr
    joined: list[subprocess.Popen[bytes]] = []
    options = ("--address", cluster.address, "--node-ip-address", LOST)
    start(joined, cluster.folder / "lost.log", cluster.environment | {"RAY_AUTH_MODE": "token"}, *options)
    bucket = f"s3://{make_bucket(s3_endpoint, 'node-lost')}"
    command = ("run", recipe, *inputs, "--store", bucket, "--ray-address", cluster.address, "--json")
    run = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *command], env=cluster.environment, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        until = time.monotonic() + SECONDS
        while not at_work(joined[0].pid):
            assert run.poll() is None, "the run ended before the node had anything to do"
            assert time.monotonic() < until
            time.sleep(0.05)
        os.killpg(joined[0].pid, signal.SIGKILL)  # the node with all its workers, without a word
    finally:
        stop(joined[0])
    output, errors = run.communicate(timeout=4 * SECONDS)
    assert run.returncode == 0, errors
    ray, here = (json.loads(text.splitlines()[-1]) for text in (output, inline.stdout))
    assert ray["content_id"] == here["content_id"]
    print(f"lost {LOST} at work; {len(files)} files, content id {ray['content_id']} as in this process")


def at_work(node: int) -> bool:
    """Whether a worker of the node has a task."""
    for process in psutil.Process(node).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[:1] == ["ray::attempt"]:
                return True
    return False


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({}, "it wants a token, and there is none or another one here; copy ~/.ray/auth_token of its head node"),
        ({"RAY_AUTH_MODE": "token"}, "it wants a token, and there is none or another one here"),
        ({"RAY_AUTH_TOKEN": "0" * 64}, "it wants a token, and there is none or another one here"),
        ({"RAY_AUTH_MODE": "disabled"}, "it wants a token, and RAY_AUTH_MODE is 'disabled' here"),
    ],
)
def test_without_the_token_one_line_says_so_and_at_once(
    cluster: RayCluster, tmp_path: Path, setting: dict[str, str], message: str
):
    environment = user_in(tmp_path / "home") | setting
    source = write_parquet(tmp_path / "a.parquet", rows(3))
    started = time.monotonic()
    done = orefine(
        environment, "run", RECIPE, "--input", source, "--store", tmp_path / "s", "--ray-address", cluster.address
    )
    assert done.returncode == 2, done.stderr
    assert f"orefine: Ray cluster {cluster.address}: {message}" in done.stderr.splitlines()[-1]
    # Ray's own words: a warning a second for twenty seconds, three times over.
    assert len(done.stderr.splitlines()) <= 3
    assert time.monotonic() - started < 20
    assert not (tmp_path / "s" / "l0_collect").exists()


def test_where_nobody_listens_one_line_says_so(tmp_path: Path):
    source = write_parquet(tmp_path / "a.parquet", rows(3))
    with socket.socket() as taken:  # bound, so that nobody else takes it, but not listening
        taken.bind((HEAD, 0))
        address = f"{HEAD}:{taken.getsockname()[1]}"
        done = orefine(
            user_in(tmp_path / "home"), "run", RECIPE, "--input", source, "--store", tmp_path / "s",
            "--ray-address", address,
        )  # fmt: skip
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"orefine: Ray cluster {address}: [Errno 111] Connection refused; start it with `ray start`")
