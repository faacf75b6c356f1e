"""Runs tasks in this process: for one shard, for tests, for debugging."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pipeline.run.runners.runner import ONE_CORE, attempt
from pipeline.steps import Resources

T = TypeVar("T")
R = TypeVar("R")


class InlineRunner:
    """One task after the other."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], resources: Resources = ONE_CORE
    ) -> Iterator[tuple[int, R | Exception]]:
        for index, task in enumerate(tasks):
            yield index, attempt(function, task)
