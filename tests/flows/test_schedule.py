"""A schedule fires: server, work pool, deployment and worker, started with the README's commands in its order."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.helpers import rows, write_parquet

RECIPE = Path(__file__).parent / "l1.yaml"
FLOWS = Path(__file__).parents[2] / "flows"
INTERVAL = 15
"""Seconds between two runs, and the least that Prefect is sure to schedule in time."""


class Prefect:
    """A server of its own on a free port, and what talks to it; everything ends with the test."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.api = f"http://127.0.0.1:{self.port}/api"
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        self.environment = kept | {
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "OREFINE_STORE": str(folder / "store"),
            "PYTHONPATH": str(FLOWS.parent),
        }
        (folder / "home").mkdir()
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> None:
        """A process that runs until the test ends, in a group of its own with all that it starts."""
        with open(self.folder / f"{arguments[0]}.log", "wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "prefect", *arguments],
                    cwd=self.folder,
                    env=self.environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def run(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}/{path}", data, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def is_up(self) -> bool:
        try:
            return bool(self.ask("health"))
        except OSError:
            return False

    def finished(self) -> list[dict[str, Any]]:
        """Runs that ended, first to last."""
        ended = {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}
        return list(self.ask("flow_runs/filter", {"flow_runs": {"state": ended}, "sort": "START_TIME_ASC"}))

    def stop(self) -> None:
        for process in reversed(self.processes):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=30)

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in sorted(self.folder.glob("*.log")))


@pytest.fixture
def prefect(tmp_path: Path) -> Iterator[Prefect]:
    started = Prefect(tmp_path)
    try:
        yield started
    finally:
        started.stop()


def wait_until(is_so: Callable[[], bool], seconds: float, prefect: Prefect) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not within {seconds} s\n{prefect.logs()}"
        time.sleep(1)


@pytest.mark.prefect
@pytest.mark.slow
def test_a_schedule_fires_twice(prefect: Prefect):
    source = write_parquet(prefect.folder / "a.parquet", rows(30))
    prefect.start("server", "start", "--host", "127.0.0.1", "--port", str(prefect.port))
    wait_until(prefect.is_up, 120, prefect)
    prefect.run("work-pool", "create", "orefine", "--type", "process")
    parameters = [f"recipe={RECIPE}", f"inputs={json.dumps([str(source)])}"]
    deploy = ["deploy", "--no-prompt", "--prefect-file", str(FLOWS / "prefect.yaml"), "--name", "nightly"]
    prefect.run(*deploy, "--interval", str(INTERVAL), *(part for one in parameters for part in ("--param", one)))
    prefect.start("worker", "start", "--pool", "orefine")
    wait_until(lambda: len(prefect.finished()) >= 2, 300, prefect)

    first, second = prefect.finished()[:2]
    assert {first["state_type"], second["state_type"]} == {"COMPLETED"}, prefect.logs()
    assert first["auto_scheduled"]
    assert first["name"].startswith("toy "), "a run is named by its data set"
    store = prefect.folder / "store"
    version = json.loads((store / "refs" / "toy.json").read_text())
    assert (store / "releases" / "toy" / version["latest"] / "manifest.json").is_file()
    assert version["history"] == [version["latest"]], "the second run found the first one's work"
    funnels = prefect.ask("artifacts/filter", {"artifacts": {"key": {"any_": ["funnel-toy"]}}, "sort": "CREATED_DESC"})
    of_run = {artifact["flow_run_id"]: artifact["data"] for artifact in funnels}
    assert "(reused)" not in of_run[first["id"]]
    assert of_run[second["id"]].count("(reused)") == 3, "a person sees which levels were found"


@pytest.mark.prefect
def test_a_scheduled_run_refuses_a_relative_path():
    # In a process of its own: flows.refine sets Prefect's environment before it imports it.
    code = "from flows.refine import _check_paths; _check_paths('store', ['/data/a.parquet', 's3://bucket/b.parquet'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=FLOWS.parent, timeout=120)
    assert "'store' is a relative path" in done.stderr
    fine = code.replace("'store'", "'/data/store'")
    assert subprocess.run([sys.executable, "-c", fine], cwd=FLOWS.parent, timeout=120).returncode == 0
