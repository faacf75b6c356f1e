"""The service: a server if none is configured, a worker, and what keeps both alive until the service is stopped.

    start    lock · server · deployments · runs that died are marked, told of and started again · worker
    then     a child that ends is started again, MAXIMUM_DEATHS times within an hour
    SIGTERM  worker and its runs, then server; what was running is marked by the next start

A kill of the service takes its children with it (PR_SET_PDEATHSIG), so that the next start may call every run dead
that its server still takes for live. A run that outlives this all the same harms nobody: the store's names decide.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from flows.runs.live import Ends
from flows.serve.parent import OWNED, end_with_parent
from flows.serve.settings import Service
from pipeline.errors import Fault, UsageError
from pipeline.store.cache import cache_folder
from pipeline.store.store import open_store

START_SECONDS = 180.0
"""A server on a cold disk has taken 46 s until it answered."""
STOP_SECONDS = 30.0
MAXIMUM_DEATHS = 5
POLL_SECONDS = 0.5
LOOK_SECONDS = 3.0
"""Between two looks at what runs have ended."""
HOST = "127.0.0.1"


class AlreadyServed(UsageError):
    """Another service is at work there."""


def serve(service: Service, say: Callable[[str], None]) -> None:
    """Bring up everything and stay until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    home = _home(service.store)
    with _alone(home), contextlib.ExitStack() as children:
        own_server, server = not os.environ.get("PREFECT_API_URL"), None
        environment = _environment(home, service.port)
        from flows.serve import deployments  # reads the environment

        deployments.check_schedules(service)
        if own_server:
            _check_free(service.port)
            command = ["server", "start", "--host", HOST, "--port", str(service.port)]
            server = children.enter_context(Child("server", command, home, environment))
            if not _is_up(os.environ["PREFECT_API_URL"], server, stop):
                return
            say(f"server     {os.environ['PREFECT_API_URL'].removesuffix('/api')}")
        ids = {str(value): name for name, value in deployments.register(service).items()}
        for one in service.deployments:
            say(f"deployment {one.name}: {one.every or one.cron or 'no schedule'}, into {one.store}")
        crashed = deployments.mark_dead(ids, all_of_them=own_server)
        for dead in crashed:
            say(f"crashed    {ids[dead]}: its last run was cut off; it is started again and goes on from there")
        missed = [] if not own_server else deployments.drop_missed(ids)
        deployments.run_again([*dict.fromkeys([*crashed, *missed])])
        command = ["worker", "start", "--pool", deployments.POOL, "--type", "process", "--name", socket.gethostname()]
        worker = children.enter_context(Child("worker", command, home, environment | {OWNED: str(os.getpid())}))
        say("worker     up; stop with Ctrl-C or SIGTERM")
        stores = [Ends(open_store(store)) for store in dict.fromkeys(one.store for one in service.deployments)]
        looked = time.monotonic()
        while not stop.wait(POLL_SECONDS):
            for child in filter(None, (server, worker)):
                child.look(say)
            if time.monotonic() - looked >= LOOK_SECONDS:
                looked = time.monotonic()
                for ended in (run for ends in stores for run in ends.new()):
                    say(f"run        {ended.line()}")
        say("stopping")


def _home(store: str) -> Path:
    """Prefect's database and logs: in the store, or in the user's cache where that is a bucket."""
    beside = cache_folder() if "://" in store else Path(store)
    home = Path(os.environ.setdefault("PREFECT_HOME", str(beside / "prefect")))
    home.mkdir(parents=True, exist_ok=True)
    return home


def _environment(home: Path, port: int) -> dict[str, str]:
    """Of the children, and of this process, which talks to the server too."""
    for name, value in {
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        # Two that write to ~/.prefect whatever the home is:
        "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "RAY_USAGE_STATS_ENABLED": "0",
    }.items():
        os.environ.setdefault(name, value)
    code = str(Path(__file__).parents[2])  # runs start in folders of their own, and find a source tree all the same
    paths = [code, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PREFECT_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths)}


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """The lock goes with the process, however it ends."""
    with open(home / "serve.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyServed(
                f"another `orefine serve` is at work in {home}; stop it first, or set PREFECT_HOME to another folder"
            ) from None
        yield


def _check_free(port: int) -> None:
    with socket.socket() as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((HOST, port))
        except OSError:
            raise AlreadyServed(
                f"port {port} of {HOST} is taken; set `port` in serve.yaml, or PREFECT_API_URL to the server that is "
                "to be used"
            ) from None


def _is_up(api: str, server: Child, stop: threading.Event) -> bool:
    """Wait until the server answers; False if the service is stopped before."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and not stop.is_set():
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            if server.code() is not None:
                raise Fault(f"Prefect's server ended at once; its last words are in {server.log}") from None
        stop.wait(POLL_SECONDS)
    if stop.is_set():
        return False
    raise Fault(f"Prefect's server did not answer within {START_SECONDS:.0f} s; its words are in {server.log}")


class Child:
    """A process of `prefect`, in a group of its own with all that it starts. A context manager."""

    def __init__(self, name: str, command: list[str], home: Path, environment: dict[str, str]) -> None:
        self.name, self.log = name, home / f"{name}.log"
        self._command, self._environment, self._home = command, environment, home
        self._deaths: list[float] = []
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Child:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def code(self) -> int | None:
        return self._process.poll() if self._process else None

    def look(self, say: Callable[[str], None]) -> None:
        """Start it again if it has ended; Fault if that happens again and again."""
        code = self.code()
        if code is None:
            return
        self._stop()  # what it left of its group
        now = time.monotonic()
        self._deaths = [*(at for at in self._deaths if now - at < 3600), now]
        if len(self._deaths) > MAXIMUM_DEATHS:
            raise Fault(f"the {self.name} ended {len(self._deaths)} times within an hour; its words are in {self.log}")
        say(f"{self.name} ended with {code}; starting it again")
        self._start()

    def _start(self) -> None:
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "prefect", *self._command],
                cwd=self._home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)
