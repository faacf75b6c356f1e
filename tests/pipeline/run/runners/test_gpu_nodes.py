"""Two real Ray nodes, one of which says that it has four GPUs: Ray counts them and looks at none."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.run.runners.ray import RayRunner, actor_nodes
from pipeline.run.runners.runner import UnknownRunner
from pipeline.steps import Resources

PAIR = Resources(cpus=0, gpus=2, resident=True)


def test_a_group_of_gpus_lies_on_one_node_and_nodes_without_are_left_to_filters():
    nodes = [
        {"NodeID": name, "Alive": name != "dead", "Resources": {"CPU": 8.0} | ({"GPU": gpus} if gpus else {})}
        for name, gpus in (("filters", 0), ("four", 4.0), ("three", 3.0), ("dead", 8.0))
    ]
    assert actor_nodes(nodes, 2) == ["four", "four", "three"]
    assert actor_nodes(nodes, 1) == ["four"] * 4 + ["three"] * 3
    assert actor_nodes(nodes, 0) == ["filters", "four", "three"], "a process that needs none stays once on every node"
    with pytest.raises(UnknownRunner, match="wants 5 GPUs of one node, and no node has more than 4"):
        actor_nodes(nodes, 5)


def place(task: tuple[int, float]) -> dict[str, Any]:
    """Where the task ran."""
    import ray

    time.sleep(task[1])
    context = ray.get_runtime_context()
    gpus = tuple(sorted(context.get_accelerator_ids()["GPU"]))
    return {"node": context.get_node_id(), "process": os.getpid(), "gpus": gpus, "task": task[0]}


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, str]]:
    """The node with one core and that with four GPUs and no core."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        cores = cluster.add_node(num_cpus=1, num_gpus=0, object_store_memory=100 << 20, include_dashboard=False)
        ray.init(address=cluster.address, log_to_driver=False)
        gpus = cluster.add_node(num_cpus=0, num_gpus=4, object_store_memory=100 << 20)
        cluster.wait_for_nodes()
        yield {"cores": cores.node_id, "gpus": gpus.node_id}
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own warnings about its future defaults
def test_models_take_their_gpus_and_whoever_is_free_takes_work(nodes: dict[str, str]):
    runner = RayRunner()
    slow_first = [(0, 4.0), *((number, 0.05) for number in range(1, 12))]
    ran = [found for _, found in runner.map(place, slow_first, PAIR)]
    assert {one["node"] for one in ran} == {nodes["gpus"]}
    groups = {one["process"]: one["gpus"] for one in ran}
    assert sorted(groups.values()) in ([("0", "1"), ("2", "3")], [("0", "2"), ("1", "3")], [("0", "3"), ("1", "2")])
    by_process = Counter(one["process"] for one in ran)
    slow = next(one["process"] for one in ran if one["task"] == 0)
    assert by_process[slow] == 1, "the other group did all else while one was at its long task"
    assert sorted(by_process.values()) == [1, 11]
    # All GPUs are given back, and filters run where the cores are.
    filters = [found for _, found in runner.map(place, [(number, 0.0) for number in range(3)])]
    assert {(one["node"], one["gpus"]) for one in filters} == {(nodes["cores"], ())}
    again = [found for _, found in runner.map(place, [(0, 0.0)], Resources(cpus=0, gpus=4, resident=True))]
    assert again[0]["gpus"] == ("0", "1", "2", "3")
