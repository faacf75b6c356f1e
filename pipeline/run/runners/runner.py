"""What a runner is: where tasks run. The output of a run never depends on it.

A task is a module-level function and one picklable argument. Results come back as tasks finish, errors as values,
so one failing task costs no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from pipeline.errors import UsageError
from pipeline.steps import Resources
from pipeline.store.damage import Damaged

T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS = 3
"""Tries of a task whose error may pass by itself. Steps and Prefect do not retry: one owner."""
ONE_CORE = Resources()
PASSING_ERRORS = (OSError, TimeoutError)
BACK_OFF = 0.5
"""Seconds before the second try; four times as long before each one after it."""


class UnknownRunner(UsageError):
    """No runner of that name."""


class Runner(Protocol):
    """Where tasks run. The output of a run never depends on it."""

    def map(
        self, function: Callable[[T], R], tasks: Sequence[T], resources: Resources = ONE_CORE
    ) -> Iterator[tuple[int, R | Exception]]:
        """(index of the task, its result or its error), in order of completion. `resources` are those of each task."""
        ...


def attempt(function: Callable[[T], R], task: T) -> R | Exception:
    for number in range(ATTEMPTS):
        try:
            return function(task)
        except Damaged as error:  # an OSError that does not pass
            return error
        except PASSING_ERRORS as error:
            if number == ATTEMPTS - 1:
                return error
            time.sleep(BACK_OFF * 4**number)
        except Exception as error:
            return error
    raise AssertionError("unreachable: the last attempt returns")
