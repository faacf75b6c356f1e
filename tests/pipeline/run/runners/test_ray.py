"""What is asked of Ray, of a stand-in for it that works in this process; `test_runners.py` asks Ray itself."""

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pipeline.run.runners import ray as module
from pipeline.run.runners.ray import RayRunner
from pipeline.run.runners.runner import ATTEMPTS
from pipeline.steps import Fault, Resources, WorkerDied
from pipeline.steps.interpreter import ROOT, safe_environment


class OutOfMemoryError(Exception):
    pass


class WorkerCrashedError(Exception):
    pass


class FakeRay(ModuleType):
    """Two nodes of four cores and two GPUs each. Tasks run when they are asked for, the last one first."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.exceptions = SimpleNamespace(OutOfMemoryError=OutOfMemoryError, WorkerCrashedError=WorkerCrashedError)
        self.started: list[dict[str, Any]] = []
        self.wanted: list[dict[str, Any]] = []
        self.actors: list[Any] = []
        self.killed: list[Any] = []
        self.pending, self.most_pending = 0, 0
        self.resources = {"CPU": 8.0, "GPU": 4.0}
        self.running = False
        self.failures = 0
        self.answers: list[bool] = []
        """Whether something has come, at the first times that it is waited."""
        self.timeouts: list[float | None] = []

    def is_initialized(self) -> bool:
        return self.running

    def init(self, **settings: Any) -> None:
        self.started.append(settings)
        if self.failures:
            self.failures -= 1
            raise TimeoutError("the node did not start")

    def shutdown(self) -> None:
        self.started.append({})

    def cluster_resources(self) -> dict[str, float]:
        return self.resources

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": name, "Alive": True, "Resources": {"CPU": 4, "GPU": 2}} for name in ("a", "b")]

    def remote(self, **wanted: Any) -> Any:
        self.wanted.append(wanted)
        return lambda thing: Actors(self) if isinstance(thing, type) else Remote(self, thing)

    def wait(self, pending: list[Any], num_returns: int, timeout: float | None) -> tuple[list[Any], list[Any]]:
        assert num_returns == 1
        self.timeouts.append(timeout)
        if self.answers and not self.answers.pop(0):
            return [], pending
        return pending[-1:], pending[:-1]

    def get(self, future: Any) -> Any:
        self.pending -= 1
        return future()

    def kill(self, actor: Any) -> None:
        self.killed.append(actor)


class Remote:
    def __init__(self, ray: FakeRay, function: Any, actor: Any = None) -> None:
        self.ray, self.function, self.actor = ray, function, actor

    def remote(self, *arguments: Any) -> Any:
        self.ray.pending += 1
        self.ray.most_pending = max(self.ray.most_pending, self.ray.pending)
        if self.actor is not None:
            assert not self.actor.busy, "an actor does one task at a time"
            self.actor.busy = True

        def run() -> Any:
            if self.actor is not None:
                self.actor.busy = False
            return self.function(*arguments)

        return run


class Actors:
    def __init__(self, ray: FakeRay) -> None:
        self.ray = ray

    def options(self, **options: Any) -> Any:
        def start() -> Any:
            actor = SimpleNamespace(options=options, busy=False)
            actor.run = Remote(self.ray, module.attempt, actor)
            self.ray.actors.append(actor)
            return actor

        return SimpleNamespace(remote=start)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    strategies = SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: (node, soft))
    for name, found in {
        "ray": fake, "ray.util": ModuleType("ray.util"), "ray.util.scheduling_strategies": strategies,
        "ray.job_config": SimpleNamespace(JobConfig=SimpleJob),
    }.items():  # fmt: skip
        monkeypatch.setitem(sys.modules, name, found)
    monkeypatch.setattr(module, "_warn_on_stderr", lambda: None)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return fake


class SimpleJob:
    def __init__(self, _py_driver_sys_path: list[str]) -> None:
        self.path = _py_driver_sys_path


def double(number: int) -> int:
    errors = {3: ValueError("three"), 4: OutOfMemoryError("full"), 5: WorkerCrashedError("gone")}
    if number in errors:
        raise errors[number]
    return 2 * number


def test_a_local_ray_is_started_for_us_alone(ray: FakeRay):
    RayRunner(workers=3)
    (settings,) = ray.started
    assert settings["address"] == "local"
    assert (settings["num_cpus"], settings["object_store_memory"]) == (3, 128 << 20)
    assert (settings["include_dashboard"], settings["log_to_driver"]) == (False, False)
    assert settings["runtime_env"]["env_vars"] == {"OMP_NUM_THREADS": "1"} | module.WORKER
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert safe_environment().items() <= os.environ.items()
    RayRunner("local")
    assert ray.started[1]["num_cpus"] == os.cpu_count()


def test_a_cluster_is_joined_as_it_is(ray: FakeRay, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "reachable", lambda address: f"{address}:6379")
    runner = RayRunner("head")
    (settings,) = ray.started
    assert settings["address"] == "head:6379"
    assert not {"num_cpus", "object_store_memory", "include_dashboard"} & settings.keys()
    assert runner._workers == 8
    for resources in ({}, {"CPU": 0.0}):  # a head node that gives none
        ray.resources = resources
        assert RayRunner("head")._workers == 1


def test_a_running_ray_is_used(ray: FakeRay):
    ray.running = True
    assert RayRunner(workers=2)._workers == 2
    assert ray.started == []


def test_a_start_that_fails_is_tried_again_and_its_last_error_told(ray: FakeRay):
    ray.failures = ATTEMPTS - 1
    RayRunner(workers=1)
    assert [bool(settings) for settings in ray.started] == [True, False, True, False, True]
    ray.failures = ATTEMPTS
    with pytest.raises(TimeoutError, match="the node did not start"):
        RayRunner(workers=1)


def test_results_come_with_the_number_of_their_task_and_errors_as_values(ray: FakeRay):
    found = dict(RayRunner(workers=1).map(double, [1, 2, 3, 6]))
    assert (found[0], found[1], found[3]) == (2, 4, 12)
    assert isinstance(found[2], ValueError)
    assert ray.most_pending == 2
    assert ray.wanted == [{"max_retries": ATTEMPTS, "max_calls": 50, "num_cpus": 1, "num_gpus": 0}]
    assert list(RayRunner(workers=1).map(double, [])) == []


def test_a_worker_that_dies_again_and_again_is_told_from_an_error(ray: FakeRay, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "attempt", lambda function, task: function(task))  # these are Ray's own errors
    found = dict(RayRunner(workers=4).map(double, [4, 5, 3]))
    assert (type(found[0]), str(found[0])) == (WorkerDied, "killed for lack of memory: full")
    assert (type(found[1]), str(found[1])) == (WorkerDied, "gone")
    assert type(found[2]) is ValueError


def test_a_ray_whose_workers_never_start_ends_the_run(ray: FakeRay):
    ray.answers = [False, False]
    with pytest.raises(Fault, match="no worker of Ray started in 180 s; why it ends is in the logs"):
        list(RayRunner(workers=1).map(double, [1]))
    assert ray.timeouts == [60, 120]
    assert ray.wanted[-1] == {"num_cpus": 0}, "it waits for no core, which others may hold for hours"


def test_a_first_task_that_takes_long_is_waited_for_as_long_as_workers_start(ray: FakeRay):
    ray.answers = [False, True, True, False, True]
    assert dict(RayRunner(workers=1).map(double, [1, 2])) == {0: 2, 1: 4}
    assert ray.timeouts == [60, 120, None, None, None], "asked for once"


def test_models_stay_one_for_each_group_of_gpus(ray: FakeRay):
    resources = Resources(cpus=0, gpus=1, memory=5, resident=True)
    assert dict(RayRunner(workers=1).map(double, [1, 2, 6, 7, 8, 9], resources)) == {
        0: 2, 1: 4, 2: 12, 3: 14, 4: 16, 5: 18,
    }  # fmt: skip
    assert [actor.options["scheduling_strategy"] for actor in ray.actors] == [
        ("a", True), ("a", True), ("b", True), ("b", True),
    ]  # fmt: skip
    assert all(actor.options["runtime_env"] == {"env_vars": module.WORKER} for actor in ray.actors)
    assert ray.most_pending == 4
    assert ray.wanted == [
        {"max_restarts": ATTEMPTS, "max_task_retries": ATTEMPTS, "num_cpus": 0, "num_gpus": 1, "memory": 5}
    ]
    assert ray.killed == ray.actors


def test_no_more_models_are_started_than_there_are_tasks_and_all_are_ended(ray: FakeRay):
    outcomes = RayRunner(workers=1).map(double, [1], Resources(gpus=1, resident=True))
    assert next(outcomes) == (0, 2)
    outcomes.close()
    assert len(ray.actors) == 1
    assert ray.killed == ray.actors


def test_a_cluster_without_gpus_is_asked_for_none(ray: FakeRay):
    ray.resources = {"CPU": 8.0}
    assert RayRunner(workers=1)._wanted(Resources(cpus=2, gpus=1)) == {"num_cpus": 2, "num_gpus": 0}


def test_workers_find_our_packages_and_not_the_working_directory(ray: FakeRay, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module.site, "getsitepackages", lambda: ["/elsewhere"])
    job: Any = module._job()
    assert job.path == [str(ROOT)]
    assert job._runtime_env_has_working_dir()
    monkeypatch.setattr(module.site, "getsitepackages", lambda: [str(Path(ROOT))])
    assert module._job().path == []  # an installed package is found without


def test_what_ray_has_to_say_is_not_written_among_the_results(capsys: pytest.CaptureFixture[str]):
    worker = pytest.importorskip("ray._private.worker")
    for _ in range(2):
        module._warn_on_stderr()
    worker.print_to_stdstream({"lines": ["a node is lost"], "pid": "raylet", "is_err": False}, ignore_prefix=False)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("a node is lost") == 1
