"""`orefine serve` as a user has it: a folder that fills, a schedule of seconds, a SIGKILL in the middle, a restart."""

import contextlib
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.serve.service import STOP_SECONDS
from tests.flows.helpers import rows

FLOWS = Path(__file__).parents[2] / "flows"
RECIPE = """
dataset: toy
l0_collect: {source: {kind: jsonl, paths: [/set/by/serve.yaml]}}
l1_filter: {alarm: null, steps: [{kind: exact_duplicates}]}
"""
"""Of rows that come 20,000 times nearly all are dropped, of which an alarm would tell."""


class Service:
    """A service of its own on a free port, and a webhook that hears of it; everything ends with the test."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.told = folder, list[dict[str, str]]()
        told = self.told

        class Hook(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.hook = http.server.HTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=self.hook.serve_forever, daemon=True).start()
        (folder / "recipe.yaml").write_text(RECIPE)
        (folder / "in").mkdir()
        (folder / "serve.yaml").write_text(
            f"port: {self.port}\nwebhooks: ['http://127.0.0.1:{self.hook.server_port}/']\n"
            "deployments:\n- {name: toy, recipe: recipe.yaml, inputs: [in], every: 10s, runner: inline}\n"
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # compiled kernels are shared
        self.environment = kept | {
            "PYTHONPATH": str(FLOWS.parent),
            "HOME": str(folder / "user"),
            "XDG_CACHE_HOME": cache,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.folder / "serve.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.cli", "serve", "serve.yaml"],
                cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def end(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(4 * STOP_SECONDS)  # two children, each told to end and then killed

    def drop(self, name: str, first: int, times: int = 1) -> None:
        """A file of ten rows, each so many times, appears whole, as files should in a folder that is watched."""
        part = self.folder / f".{name}"
        part.write_text("".join(json.dumps(row) + "\n" for row in rows(10, first)) * times)
        part.rename(self.folder / "in" / name)

    def runs(self, *states: str) -> list[dict[str, Any]]:
        body = {"flow_runs": {"state": {"type": {"any_": states}}}, "sort": "START_TIME_ASC"}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/flow_runs/filter",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=20) as answer:
            return list(json.load(answer))
        return []

    def numbers(self) -> list[int]:
        """Of the documents in the latest version."""
        refs = self.folder / "store" / "refs" / "toy.json"
        if not refs.exists():
            return []
        release = self.folder / "store" / "releases" / "toy" / json.loads(refs.read_text())["latest"]
        meta = pq.read_table(release / "data").column("meta").to_pylist()
        return sorted(json.loads(one)["number"] for one in meta)

    def until(self, is_so: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, f"not within {seconds} s\n{self.logs()}"
            time.sleep(0.2)

    def logs(self) -> str:
        paths = [self.folder / "serve.log", *self.folder.glob("store/prefect/*.log")]
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in paths if path.exists())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    started = Service(tmp_path)
    try:
        yield started
    finally:
        started.hook.shutdown()
        started.hook.server_close()
        if started.process is not None and started.process.poll() is None:
            started.process.kill()  # its children go with it
            started.process.wait(30)


@pytest.mark.prefect
@pytest.mark.slow
def test_each_file_comes_once_through_a_kill_and_a_restart(service: Service):
    service.drop("a.jsonl", first=0)
    service.start()
    service.until(lambda: service.numbers() == [*range(10)], 540)
    service.drop("b.jsonl", first=5, times=20_000)  # half of it is there already; it takes longer than a kill
    before = {run["id"] for run in service.runs("RUNNING", "COMPLETED")}
    # A run that has just begun: one that was there may be over before the kill comes.
    service.until(lambda: any(run["id"] not in before for run in service.runs("RUNNING")), 300)
    assert service.end(signal.SIGKILL) == -signal.SIGKILL
    service.drop("c.jsonl", first=15)
    service.start()
    service.until(lambda: service.numbers() == [*range(25)], 540)
    service.until(lambda: [run["state_name"] for run in service.runs("CRASHED")] == ["Crashed, cut off"], 100)
    service.until(lambda: {one["subject"] for one in service.told} >= {"orefine: crashed", "orefine: published"}, 200)
    assert not (service.folder / "user" / ".prefect").exists(), "the user's own Prefect is left alone"

    deploy = ["deploy", "--no-prompt", "--prefect-file", str(FLOWS / "prefect.yaml"), "--all"]
    settings = {"PREFECT_API_URL": f"http://127.0.0.1:{service.port}/api", "OREFINE_STORE": "/data/store"}
    subprocess.run(
        [sys.executable, "-m", "prefect", *deploy], check=True, timeout=120, capture_output=True,
        cwd=service.folder, env=service.environment | settings | {"PREFECT_HOME": str(service.folder / "home")},
    )  # fmt: skip
    assert service.end(signal.SIGTERM) == 0, service.logs()


@pytest.mark.prefect
def test_a_scheduled_run_refuses_a_relative_path():
    # In a process of its own: flows.refine sets Prefect's environment before it imports it.
    code = "from flows.refine import _check_paths; _check_paths('store', ['/data/a.parquet', 's3://bucket/b.parquet'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=FLOWS.parent, timeout=120)
    assert "'store' is a relative path" in done.stderr
    fine = code.replace("'store'", "'/data/store'")
    assert subprocess.run([sys.executable, "-c", fine], cwd=FLOWS.parent, timeout=120).returncode == 0
