"""One contract for every place where tasks run: the same results, errors as values, nothing lost with a node."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.run.level import run_level
from pipeline.run.runners import InlineRunner, Runner, UnknownRunner, open_runner
from pipeline.run.runners.ray import RayRunner, actor_nodes
from pipeline.run.runners.runner import ATTEMPTS
from pipeline.steps import Resources
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import MinWords, SameFirstWord, Shout, l0, l1, silent, write_lines

FILES = [[f"word{(file * 30 + line) % 41} number {line} of {file}" for line in range(30)] for file in range(6)]


RESIDENT = Resources(cpus=0, resident=True)


def double(number: int) -> int:
    if number == 3:
        raise ValueError("three is bad")
    return 2 * number


def passing(path: str) -> int:
    """Fails with an error that may pass, until it has been tried often enough; counts its tries in a file."""
    with open(path, "a", encoding="utf-8") as file:
        file.write("x")
    tries = os.path.getsize(path)
    if tries < ATTEMPTS:
        raise OSError("not yet")
    return tries


def who(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def slow(number: int) -> int:
    time.sleep(1)
    return number


def content_of(folder: Path, runner: Runner, files: list[list[str]]) -> str:
    store = LocalStore(folder / "store")
    first = run_level(l0(), store, runner, silent, write_lines(folder / "input", *files))
    steps = (MinWords(), SameFirstWord(), Shout())
    return run_level(l1(*steps), store, runner, silent, parent=first).manifest.content_id


def check_contract(runner: Runner, tmp_path: Path) -> None:
    found = dict(runner.map(double, [1, 2, 3, 4]))
    assert [found[0], found[1], found[3]] == [2, 4, 8]
    assert isinstance(found[2], ValueError)
    assert dict(runner.map(passing, [str(tmp_path / "tries")])) == {0: ATTEMPTS}
    assert dict(runner.map(double, [5, 6], RESIDENT)) == {0: 10, 1: 12}
    assert list(runner.map(double, [])) == []


def test_inline_keeps_the_contract(tmp_path: Path):
    check_contract(InlineRunner(), tmp_path)


def test_an_unknown_runner_is_refused():
    with pytest.raises(ValueError, match="'spark': give inline or ray"):
        open_runner("spark")


def node(name: str, cpus: int = 0, gpus: int = 0, alive: bool = True) -> dict[str, Any]:
    return {"NodeID": name, "Alive": alive, "Resources": {"CPU": cpus, **({"GPU": gpus} if gpus else {})}}


def test_resident_processes_are_one_for_each_group_of_gpus_or_one_a_node():
    nodes = [
        node("head"),
        node("small", 4),
        node("large", 8, gpus=8),
        node("odd", 8, gpus=3),
        node("lost", 8, 8, False),
    ]
    assert actor_nodes(nodes, 0) == ["small", "large", "odd"]
    assert actor_nodes(nodes[:2], 1) == ["small"]
    assert actor_nodes(nodes, 2) == ["large"] * 4 + ["odd"]
    assert actor_nodes(nodes, 4) == ["large"] * 2
    assert actor_nodes(nodes, 8) == ["large"]
    assert actor_nodes(nodes[:1], 0) == ["head"]
    with pytest.raises(UnknownRunner, match="wants 16 GPUs of one node, and no node has more than 8"):
        actor_nodes(nodes, 16)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Ray with two worker nodes and a head that works on nothing."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster, nodes
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")  # Ray's own warnings about its future defaults
def test_ray_on_two_nodes_gives_the_same_and_survives_the_loss_of_one(cluster: Any, tmp_path: Path):
    cluster, nodes = cluster
    expected = content_of(tmp_path / "inline", InlineRunner(), FILES)
    for workers in (1, 2):
        runner = RayRunner(workers=workers)
        tries = tmp_path / f"tries{workers}"
        tries.mkdir()
        check_contract(runner, tries)
        assert content_of(tmp_path / f"ray{workers}", runner, FILES[::-1]) == expected

    # Whoever is free takes work: one process sleeps on its first task, so the other does all others.
    assert dict(RayRunner(workers=2).map(who, [0])) != {0: os.getpid()}
    done = dict(RayRunner(workers=2).map(who, [3, 0, 0, 0, 0], RESIDENT))
    assert len(set(done.values())) == 2
    assert list(done.values()).count(done[0]) == 1

    outcomes = RayRunner(workers=2).map(slow, list(range(6)))
    first = next(outcomes)
    cluster.remove_node(nodes[0], allow_graceful=False)
    assert dict([first, *outcomes]) == {number: number for number in range(6)}
