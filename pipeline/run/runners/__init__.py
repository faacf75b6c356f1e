"""Where tasks run: in this process, or on Ray. Only `ray.py` and `cluster.py` import ray."""

from __future__ import annotations

from pipeline.run.runners.inline import InlineRunner
from pipeline.run.runners.runner import Runner, UnknownRunner

__all__ = ["InlineRunner", "Runner", "UnknownRunner", "open_runner"]


def open_runner(kind: str, address: str | None = None, workers: int | None = None) -> Runner:
    """`inline` or `ray`."""
    if kind == "inline":
        return InlineRunner()
    if kind == "ray":
        from pipeline.run.runners.ray import RayRunner

        return RayRunner(address, workers)
    raise UnknownRunner(f"runner '{kind}': give inline or ray")
