"""Tries of a task: errors that may pass are waited for, others are not, and the last one is the answer."""

import time

import pytest

from pipeline.run.runners import UnknownRunner, open_runner
from pipeline.run.runners.runner import ATTEMPTS, attempt


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


class Failing:
    """Fails so many times, then answers with its number of tries."""

    def __init__(self, error: Exception, times: int = 99) -> None:
        self.error, self.times, self.tries = error, times, 0

    def __call__(self, task: int) -> int:
        self.tries += 1
        if self.tries <= self.times:
            raise self.error
        return self.tries


def test_an_error_that_passes_costs_a_wait(slept: list[float]):
    assert attempt(Failing(OSError("busy"), 2), 0) == 3
    assert slept == [0.5, 2.0]


def test_an_error_that_stays_is_the_answer_after_the_last_try(slept: list[float]):
    function = Failing(TimeoutError("busy"))
    assert attempt(function, 0) is function.error
    assert function.tries == ATTEMPTS == 3
    assert len(slept) == 2  # nobody waits after the last one


def test_an_error_of_the_task_itself_is_not_tried_again(slept: list[float]):
    function = Failing(ValueError("wrong"))
    assert attempt(function, 0) is function.error
    assert (function.tries, slept) == (1, [])


def test_a_runner_nobody_knows_is_named_with_those_there_are():
    with pytest.raises(UnknownRunner, match="runner 'spark': give inline or ray"):
        open_runner("spark")
