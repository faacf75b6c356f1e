"""Runs tasks on Ray: tasks per shard, long-lived actors for models."""

from __future__ import annotations

import os
import site
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from pipeline.run.runners.cluster import reachable
from pipeline.run.runners.runner import ATTEMPTS, attempt
from pipeline.steps import WorkerDied
from pipeline.steps.interpreter import ROOT, safe_environment

T = TypeVar("T")
R = TypeVar("R")
WORKER = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
"""Environment of every worker, on other machines too."""


class RayRunner:
    """Ray tasks per shard and long-lived actors for models, on a local Ray or an existing cluster.

    At most twice as many tasks are pending as there are workers, and only paths and counts travel.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        import ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Each task is one core's work; a library's own threads would fight the other tasks.
        environment = {"env_vars": {"OMP_NUM_THREADS": "1", **WORKER}}
        if not ray.is_initialized():
            settings: dict[str, Any] = {"log_to_driver": False, "runtime_env": environment, "job_config": _job()}
            if address is None or address == "local":
                # "local" always starts its own Ray; without it a stray cluster on the machine would be joined.
                settings |= {"address": "local", "num_cpus": workers or os.cpu_count(), "include_dashboard": False}
                # Nothing large travels, and Docker's /dev/shm may be 64 MiB.
                settings["object_store_memory"] = 128 << 20
                os.environ |= safe_environment()  # its processes, workers among them, inherit it
                _start(ray, settings)
            else:
                ray.init(address=reachable(address), **settings)
        self._ray = ray
        self._workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], resident: bool = False
    ) -> Iterator[tuple[int, R | Exception]]:
        if resident:
            yield from self._on_actors(function, tasks)
            return
        # System faults (a lost node, a killed worker) are retried by Ray, passing errors by `attempt`. max_calls
        # gives a worker's memory back now and then.
        remote = self._ray.remote(num_cpus=1, max_retries=ATTEMPTS, max_calls=50)(attempt)
        yield from self._bounded(tasks, 2 * self._workers, lambda task: remote.remote(function, task))

    def _on_actors(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R | Exception]]:
        # The model takes the machine's cores or GPU by itself: one actor per node, with the threads it wants.
        gpus = 1 if self._ray.cluster_resources().get("GPU") else 0
        actor_class = self._ray.remote(num_cpus=0, num_gpus=gpus, max_restarts=ATTEMPTS, max_task_retries=ATTEMPTS)(
            _Resident
        )
        count = max(1, int(self._ray.cluster_resources().get("GPU", 1)))
        environment = {"env_vars": WORKER}
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


def _job() -> Any:
    """Lets workers import what the driver imports: our packages, and nothing of the working directory.

    Ray puts that folder, and the one of the script, first on the path of all workers, unless the job brings files along
    as its working directory. There is no public way to say so otherwise; the extra `ray` pins the version.
    """
    from ray.job_config import JobConfig

    class Job(JobConfig):  # type: ignore[misc]
        def _runtime_env_has_working_dir(self) -> bool:
            return True

    is_installed = str(ROOT) in (*site.getsitepackages(), site.getusersitepackages())
    return Job(_py_driver_sys_path=[] if is_installed else [str(ROOT)])


def _start(ray: Any, settings: dict[str, Any]) -> None:
    """`ray.init`, tried again: Ray gives its node 30 s to start, and a busy machine takes longer."""
    for number in range(ATTEMPTS):
        try:
            ray.init(**settings)
            return
        except Exception:
            ray.shutdown()
            if number == ATTEMPTS - 1:
                raise


class _Resident:
    """A process that stays, so that what a step loaded once serves all its tasks."""

    def run(self, function: Callable[[T], R], task: T) -> R | Exception:
        return attempt(function, task)
