"""Runs tasks: in this process, or on Ray. The only file that imports ray.

A task is a module-level function and one picklable argument. Results come back as tasks finish, errors as values,
so one failing task costs no other.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from pipeline.faults import WorkerDied

T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS = 3
"""Tries of a task whose error may pass by itself. Steps and Prefect do not retry: one owner."""
PASSING_ERRORS = (OSError, TimeoutError)
ANSWER_SECONDS = 10.0
"""Patience with a cluster's head node, which either answers at once or not at all."""
BACK_OFF = 0.5
"""Seconds before the second try; four times as long before each one after it."""


class UnknownRunner(ValueError):
    """No runner of that name."""


class NoCluster(UnknownRunner):
    """No Ray cluster there, or it does not let us in."""


class Runner(Protocol):
    """Where tasks run. The output of a run never depends on it."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], resident: bool = False
    ) -> Iterator[tuple[int, R | Exception]]:
        """(index of the task, its result or its error), in order of completion.

        `resident` asks for long-lived processes, worth it for tasks that load a language model.
        """
        ...


def results(runner: Runner, function: Callable[[T], R], tasks: Sequence[T]) -> list[R]:
    """All results in the order of the tasks; the first error is raised."""
    found: dict[int, R] = {}
    for index, result in runner.map(function, tasks):
        if isinstance(result, Exception):
            raise result
        found[index] = result
    return [found[index] for index in range(len(tasks))]


class InlineRunner:
    """One task after the other in this process: for one shard, for tests, for debugging."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], resident: bool = False
    ) -> Iterator[tuple[int, R | Exception]]:
        for index, task in enumerate(tasks):
            yield index, _attempt(function, task)


def _attempt(function: Callable[[T], R], task: T) -> R | Exception:
    for attempt in range(ATTEMPTS):
        try:
            return function(task)
        except PASSING_ERRORS as error:
            if attempt == ATTEMPTS - 1:
                return error
            time.sleep(BACK_OFF * 4**attempt)
        except Exception as error:
            return error
    raise AssertionError("unreachable: the last attempt returns")


class RayRunner:
    """Ray tasks per shard and long-lived actors for models, on a local Ray or an existing cluster.

    At most twice as many tasks are pending as there are workers, and only paths and counts travel.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        import ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Each task is one core's work; a library's own threads would fight the other tasks.
        environment = {"env_vars": {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}}
        if not ray.is_initialized():
            settings: dict[str, Any] = {"log_to_driver": False, "runtime_env": environment}
            if address is None or address == "local":
                # "local" always starts its own Ray; without it a stray cluster on the machine would be joined.
                settings |= {"address": "local", "num_cpus": workers or os.cpu_count(), "include_dashboard": False}
                # Nothing large travels, and Docker's /dev/shm may be 64 MiB.
                settings["object_store_memory"] = 128 << 20
                _start(ray, settings)
            else:
                ray.init(address=_reachable(address), **settings)
        self._ray = ray
        self._workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], resident: bool = False
    ) -> Iterator[tuple[int, R | Exception]]:
        if resident:
            yield from self._on_actors(function, tasks)
            return
        # System faults (a lost node, a killed worker) are retried by Ray, passing errors by `_attempt`. max_calls
        # gives a worker's memory back now and then.
        remote = self._ray.remote(num_cpus=1, max_retries=ATTEMPTS, max_calls=50)(_attempt)
        yield from self._bounded(tasks, 2 * self._workers, lambda task: remote.remote(function, task))

    def _on_actors(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R | Exception]]:
        # The model takes the machine's cores or GPU by itself: one actor per node, with the threads it wants.
        gpus = 1 if self._ray.cluster_resources().get("GPU") else 0
        actor_class = self._ray.remote(num_cpus=0, num_gpus=gpus, max_restarts=ATTEMPTS, max_task_retries=ATTEMPTS)(
            _Resident
        )
        count = max(1, int(self._ray.cluster_resources().get("GPU", 1)))
        environment = {"env_vars": {"RAY_USAGE_STATS_ENABLED": "0"}}
        actors = [actor_class.options(runtime_env=environment).remote() for _ in range(min(count, len(tasks)))]
        turn = iter(range(len(tasks)))
        try:
            yield from self._bounded(
                tasks, 2 * len(actors), lambda task: actors[next(turn) % len(actors)].run.remote(function, task)
            )
        finally:
            for actor in actors:
                self._ray.kill(actor)

    def _bounded(
        self, tasks: Sequence[T], window: int, submit: Callable[[T], Any]
    ) -> Iterator[tuple[int, R | Exception]]:
        pending: dict[Any, int] = {}
        waiting = iter(enumerate(tasks))
        while True:
            while len(pending) < window and (following := next(waiting, None)) is not None:
                index, task = following
                pending[submit(task)] = index
            if not pending:
                return
            done, _ = self._ray.wait(list(pending), num_returns=1)
            try:
                result = self._ray.get(done[0])
            except self._ray.exceptions.OutOfMemoryError as error:
                result = WorkerDied(f"killed for lack of memory: {error}")
            except self._ray.exceptions.WorkerCrashedError as error:  # more often than Ray retries
                result = WorkerDied(str(error))
            except Exception as error:
                result = error
            yield pending.pop(done[0]), result


def _start(ray: Any, settings: dict[str, Any]) -> None:
    """`ray.init`, tried again: Ray gives its node 30 s to start, and a busy machine takes longer."""
    for attempt in range(ATTEMPTS):
        try:
            ray.init(**settings)
            return
        except Exception:
            ray.shutdown()
            if attempt == ATTEMPTS - 1:
                raise


def _reachable(address: str) -> str:
    """The cluster's address as host:port, with its token in use. Raises NoCluster at once, where `ray.init` would warn
    for a minute.

    `ray start --head` demands a token as soon as there is one (~/.ray/auth_token, which every local Ray leaves behind),
    but who joins by host:port must say so: RAY_AUTH_MODE=token. Ray has no public interface for any of this; the extra
    `ray` pins its version.
    """
    from ray._private.authentication import authentication_token_setup as tokens
    from ray._private.services import canonicalize_bootstrap_address_or_die
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.exceptions import AuthenticationError

    if "://" in address:  # Ray Client: another protocol, which checks by itself
        return address
    try:
        address = canonicalize_bootstrap_address_or_die(address)
        host, _, port = address.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
        tokens.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
        tokens.ensure_token_if_auth_enabled(create_token_if_missing=False)
        GcsClient(address=address)
    except AuthenticationError as error:
        mode = os.environ.get("RAY_AUTH_MODE", "")
        found = f"RAY_AUTH_MODE is '{mode}' here" if mode not in ("", "token") else "there is none or another one here"
        raise NoCluster(
            f"Ray cluster {address}: it wants a token, and {found}; copy ~/.ray/auth_token of its head node to this "
            "machine and set RAY_AUTH_MODE=token"
        ) from error
    except (OSError, ValueError) as error:
        raise NoCluster(f"Ray cluster {address}: {error}; start it with `ray start`, or correct the address") from error
    return address


class _Resident:
    """A process that stays, so that what a step loaded once serves all its tasks."""

    def run(self, function: Callable[[T], R], task: T) -> R | Exception:
        return _attempt(function, task)


def open_runner(kind: str, address: str | None = None, workers: int | None = None) -> Runner:
    """`inline` or `ray`."""
    if kind == "inline":
        return InlineRunner()
    if kind == "ray":
        return RayRunner(address, workers)
    raise UnknownRunner(f"runner '{kind}': give inline or ray")
