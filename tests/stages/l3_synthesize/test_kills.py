"""Driver, endpoint, engine and actor killed at random moments: each row once, no recorded request asked again, and none
quarantined for it. KILLS=30 makes thirty of them.
"""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.books.manifest import Manifest, load
from pipeline.rows.document import Document
from pipeline.run.ledger import Ledger
from pipeline.steps import Reply, Request, describe
from pipeline.store.store import open_store
from stages.l3_synthesize.engines.background import Background
from stages.l3_synthesize.engines.engine import EngineError
from stages.l3_synthesize.engines.vllm_engine import VllmEngine
from tests.flows.helpers import rows
from tests.killed_run import Forks
from tests.stages.l3_synthesize.said_again import hashed

KILLS = int(os.environ.get("KILLS", "4"))
FILES, ROWS = 2, 30
PROMPT = """---
name: again
version: 1
about: says the text again
form: {kind: prose}
rewrites: false
---
# system
Say it.
# user
{document}
"""
RECIPE = """
dataset: toy
l0_collect: {{source: {{kind: jsonl, paths: [x]}}}}
l3_synthesize:
  steps:
    - {{kind: rewrite, engine: http, model: toy, endpoints: [{endpoints}], prompts: [{prompt}], max_input_tokens: 2000,
        min_words: 5, max_concurrent: 4}}
"""


class Endpoint:
    """A server in a process of its own, started again on its port after it was killed."""

    def __init__(self, log: Path) -> None:
        self.log = log
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.stages.l3_synthesize.said_again", str(self.port), str(self.log)]
        self.process = subprocess.Popen(command)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise TimeoutError("the endpoint did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def endpoints(tmp_path: Path) -> Iterator[list[Endpoint]]:
    (tmp_path / "in").mkdir()
    (tmp_path / "tmp").mkdir()
    for number in range(FILES):
        lines = [json.dumps(row) + "\n" for row in rows(ROWS, first=number * ROWS)]
        (tmp_path / "in" / f"{number}.jsonl").write_text("".join(lines))
    (tmp_path / "again.md").write_text(PROMPT)
    found = [Endpoint(tmp_path / "log") for _ in range(2)]
    urls = ", ".join(f'"http://127.0.0.1:{one.port}/v1"' for one in found)
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(endpoints=urls, prompt=tmp_path / "again.md"))
    yield found
    for one in found:
        one.kill()


class Recorded:
    """What the ledger held at a moment, and what was asked after it."""

    def __init__(self, store: str, log: Path) -> None:
        self.log, self.at = log, log.stat().st_size
        self.texts = {hashed(reply.text) for reply in Ledger(open_store(store)).replies()}

    def asked(self) -> bool:
        return self.log.stat().st_size > self.at

    def asked_again(self) -> set[str]:
        with self.log.open() as log:
            log.seek(self.at)
            return self.texts & set(log.read().split())


def check(store: str) -> None:
    place = open_store(store)
    (path,) = (name for name in place.list("l3_synthesize") if name.endswith("/manifest.json"))
    manifest = load(Manifest, place, path)
    assert (manifest.rows_in, manifest.rows_out, manifest.quarantined) == (FILES * ROWS, FILES * ROWS, 0)
    texts = [reply.text for reply in Ledger(place).replies()]
    assert len(texts) == len(set(texts)) == FILES * ROWS


@pytest.mark.slow
def test_killed_drivers_and_endpoints_lose_and_ask_nothing_twice(tmp_path: Path, endpoints: list[Endpoint]):
    forks, moments = Forks(tmp_path, {}), random.Random(13)
    try:
        clean, length = forks.finish(str(tmp_path / "clean"))
        kills = {"driver": 0, "endpoint": 0}
        while sum(kills.values()) < KILLS:
            store = str(tmp_path / f"store-{sum(kills.values())}")
            for _ in range(moments.randint(1, 4)):
                recorded = Recorded(store, endpoints[0].log)
                driver = forks.start(store)
                time.sleep(moments.uniform(0, length))
                if moments.random() < 0.5:
                    endpoint = moments.choice(endpoints)
                    endpoint.kill()
                    kills["endpoint"] += 1
                    time.sleep(moments.uniform(0, 0.5))
                    endpoint.start()
                    # One that is gone when the plan asks for its models is told before anything is asked.
                    assert forks.ended() == 0 or not recorded.asked()
                else:
                    os.kill(driver, signal.SIGKILL)
                    kills["driver"] += forks.ended() == -signal.SIGKILL
                assert recorded.asked_again() == set()
            recorded = Recorded(store, endpoints[0].log)
            assert forks.finish(store)[0] == clean
            assert recorded.asked_again() == set()
            check(store)
        print(f"{kills}, a run takes {length:.1f} s")
    finally:
        forks.close()


@pytest.mark.ray
@pytest.mark.slow
def test_killed_actors_lose_and_ask_nothing_twice(tmp_path: Path, endpoints: list[Endpoint]):
    """A run on Ray goes on with another actor; one that is killed more often than Ray starts it anew fails, and the
    next goes on."""
    moments, kills, store = random.Random(13), 0, str(tmp_path / "store")
    options = ["--input", str(tmp_path / "in"), "--store", store, "--runner", "ray", "--workers", "2"]
    command = [sys.executable, "-m", "flows.cli", "run", str(tmp_path / "recipe.yaml"), *options]
    while True:
        recorded = Recorded(store, endpoints[0].log)
        environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
        driver = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        while driver.poll() is None and kills < max(2, KILLS // 3):
            time.sleep(moments.uniform(0, 0.5))
            for actor in actors(driver.pid)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(actor, signal.SIGKILL)
                    kills += 1
                    time.sleep(1)
        if driver.wait(300) == 0:
            break
        assert recorded.asked_again() == set()
    assert kills
    check(store)
    print(f"{kills} actors killed")


def actors(driver: int) -> list[int]:
    """The processes below this one that hold a step and are at work."""
    found = []
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(driver).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if " ".join(process.cmdline()).startswith("ray::_Resident.run"):
                    found.append(process.pid)
    return found


class Dying(VllmEngine):
    """vLLM's engine around a process that echoes, in place of a model."""

    def __init__(self) -> None:
        super().__init__("folder", "toy", "rev", 100, 4)
        self.starts = 0

    def _start(self) -> Background:
        with self._starting:
            if self._background is None:
                self._background = Background("dying")
                self.process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
                self.starts += 1
            return self._background

    async def _shut_down(self) -> None:
        self.process.kill()
        self.process.communicate()

    async def _answer(self, request: Request) -> Reply:
        try:
            self.process.stdin.write(f"{request.shown}\n".encode())
            line = self.process.stdout.readline()
            if not line:
                raise BrokenPipeError("it is gone")
        except (OSError, ValueError) as error:
            raise EngineError(f"died: {describe(error)}") from error
        time.sleep(0.002)
        return Reply(request.key, line.decode().strip(), "stop")


def test_killed_engines_lose_no_request():
    engine, moments = Dying(), random.Random(13)
    asked = [Request(f"{n:032x}", Document(str(n), ""), "p@1", (), {}, f"text {n}") for n in range(400)]
    replies: dict[str, Any] = {}
    kill_at = set(moments.sample(range(399), max(KILLS, 10)))
    for reply in engine.generate(asked):
        assert reply.key not in replies
        replies[reply.key] = reply.text
        if len(replies) in kill_at:
            engine.process.kill()
    engine.close()
    assert replies == {one.key: one.shown for one in asked}
    assert engine.starts > 5
