"""Runs tasks on Ray: tasks per shard, long-lived actors for models."""

from __future__ import annotations

import functools
import os
import site
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pipeline.run.runners.cluster import reachable
from pipeline.run.runners.runner import ATTEMPTS, ONE_CORE, UnknownRunner, attempt
from pipeline.steps import Fault, Resources, WorkerDied
from pipeline.steps.interpreter import ROOT, safe_environment

T = TypeVar("T")
R = TypeVar("R")
WORKER = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
"""Environment of every worker, on other machines too."""
DRIVER = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # It would tell of tasks that nobody asks for any more, since the run has failed by another.
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    # `ray.init` would wait for first workers, of which we use none, and for ever if they die as they start.
    "RAY_prestart_worker_first_driver": "0",
}
"""Environment of this process, where it does not say otherwise itself."""
FIRST_SECONDS = 60
"""Without any result of a first task, after which it is looked whether workers start at all."""
START_SECONDS = 120
"""That a worker may then take to start: on a busy machine Ray's takes 30."""


class RayRunner:
    """Ray tasks per shard and long-lived actors for models, on a local Ray or an existing cluster.

    At most twice as many tasks are pending as there are workers, and only paths and counts travel.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        import ray

        for name, value in DRIVER.items():
            os.environ.setdefault(name, value)
        # Each task is one core's work; a library's own threads would fight the other tasks.
        environment = {"env_vars": {"OMP_NUM_THREADS": "1", **WORKER}}
        if not ray.is_initialized():
            _warn_on_stderr()
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
        self._started = False
        """Whether a worker has ever answered."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], resources: Resources = ONE_CORE
    ) -> Iterator[tuple[int, R | Exception]]:
        if resources.resident:
            yield from self._on_actors(function, tasks, resources)
            return
        # System faults (a lost node, a killed worker) are retried by Ray, passing errors by `attempt`. max_calls
        # gives a worker's memory back now and then.
        remote = self._ray.remote(max_retries=ATTEMPTS, max_calls=50, **self._wanted(resources))(attempt)
        yield from self._bounded(tasks, 2 * self._workers, lambda task: remote.remote(function, task))

    def _on_actors(
        self, function: Callable[[T], R], tasks: Sequence[T], resources: Resources
    ) -> Iterator[tuple[int, R | Exception]]:
        """Processes that stay: as many as the nodes' GPUs have room for, or one a node; who is free takes work."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        actor_class = self._ray.remote(max_restarts=ATTEMPTS, max_task_retries=ATTEMPTS, **self._wanted(resources))(
            _Resident
        )
        # Without OMP_NUM_THREADS: the model takes its node's cores by itself.
        environment = {"env_vars": WORKER}
        nodes = actor_nodes(self._ray.nodes(), resources.gpus)
        actors = [
            # Soft: an actor of a node that is lost starts on another one.
            actor_class.options(
                runtime_env=environment, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True)
            ).remote()
            for node in nodes[: len(tasks)]
        ]
        free = list(actors)
        at_work: dict[Any, Any] = {}

        def submit(task: T) -> Any:
            actor = free.pop()
            pending = actor.run.remote(function, task)
            at_work[pending] = actor
            return pending

        try:
            yield from self._bounded(tasks, len(actors), submit, lambda done: free.append(at_work.pop(done)))
        finally:
            for actor in actors:
                self._ray.kill(actor)

    def _wanted(self, resources: Resources) -> dict[str, Any]:
        """In Ray's words. GPUs are taken where the cluster has any: models also run without."""
        gpus = resources.gpus if self._ray.cluster_resources().get("GPU") else 0
        wanted: dict[str, Any] = {"num_cpus": resources.cpus, "num_gpus": gpus}
        return wanted | ({"memory": resources.memory} if resources.memory else {})

    def _bounded(
        self,
        tasks: Sequence[T],
        window: int,
        submit: Callable[[T], Any],
        finished: Callable[[Any], None] = lambda done: None,
    ) -> Iterator[tuple[int, R | Exception]]:
        pending: dict[Any, int] = {}
        waiting = iter(enumerate(tasks))
        while True:
            while len(pending) < window and (following := next(waiting, None)) is not None:
                index, task = following
                pending[submit(task)] = index
            if not pending:
                return
            done, _ = self._ray.wait(list(pending), num_returns=1, timeout=None if self._started else FIRST_SECONDS)
            if not self._started:
                self._check_workers(bool(done))
            if not done:
                continue
            try:
                result = self._ray.get(done[0])
            except self._ray.exceptions.OutOfMemoryError as error:
                result = WorkerDied(f"killed for lack of memory: {error}")
            except self._ray.exceptions.WorkerCrashedError as error:  # more often than Ray retries
                result = WorkerDied(str(error))
            except Exception as error:
                result = error
            finished(done[0])
            yield pending.pop(done[0]), result

    def _check_workers(self, answered: bool) -> None:
        """Raises Fault if no worker starts: one that dies before it knows of its task is replaced by Ray for ever."""
        if not answered:
            probe = self._ray.remote(num_cpus=0)(_nothing).remote()
            if not self._ray.wait([probe], num_returns=1, timeout=START_SECONDS)[0]:
                raise Fault(
                    f"no worker of Ray started in {FIRST_SECONDS + START_SECONDS} s; why it ends is in the logs of its "
                    "session, /tmp/ray/session_latest/logs unless it was told otherwise"
                )
        self._started = True


def _nothing() -> None:
    """What asks whether a worker is there."""


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


def _warn_on_stderr() -> None:
    """Standard output belongs to the result, whose last line is one JSON object. Ray writes there that a node is lost,
    from a thread of its own and as late as it likes, and offers no way to say otherwise."""
    from ray._private import worker

    tell = worker.print_to_stdstream
    if not hasattr(tell, "__wrapped__"):

        @functools.wraps(tell)
        def on_stderr(data: dict[str, Any], *args: Any, **more: Any) -> None:
            tell({**data, "is_err": True}, *args, **more)

        worker.print_to_stdstream = on_stderr


def actor_nodes(nodes: Sequence[Mapping[str, Any]], gpus: float) -> list[str]:
    """The node of each resident process: a node once for each group of `gpus` that it has; without GPUs, once.

    A group never spans nodes. On a cluster with GPUs nodes without any are left to the filters.
    """
    alive = [node for node in nodes if node["Alive"]]
    most = max((node["Resources"].get("GPU", 0) for node in alive), default=0)
    if gpus and most:
        if most < gpus:
            raise UnknownRunner(
                f"a step wants {gpus:g} GPUs of one node, and no node has more than {most:g}; "
                "give the step fewer, or add a node"
            )
        return [node["NodeID"] for node in alive for _ in range(int(node["Resources"].get("GPU", 0) // gpus))]
    working = [node["NodeID"] for node in alive if node["Resources"].get("CPU")]
    return working or [node["NodeID"] for node in alive]


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
