"""Runs tasks in this process: for one shard, for tests, for debugging."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pipeline.run.runners.runner import attempt

T = TypeVar("T")
R = TypeVar("R")


class InlineRunner:
    """One task after the other."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], resident: bool = False
    ) -> Iterator[tuple[int, R | Exception]]:
        for index, task in enumerate(tasks):
            yield index, attempt(function, task)
