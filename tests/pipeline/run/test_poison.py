"""Rows that kill the worker are found by halving; deaths that are no row's are not blamed on any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from pipeline.rows.document import BASE_SCHEMA, Document
from pipeline.run.failures import LevelError
from pipeline.run.level import run_level
from pipeline.run.poison import MAXIMUM_POISON, find_poison
from pipeline.run.rowpass import RowTask, run_row_task
from pipeline.run.runners import InlineRunner
from pipeline.run.runners.runner import ONE_CORE
from pipeline.run.shards import MAXIMUM_SEARCHES
from pipeline.steps import DocumentFilter, Fault, Resources, Step, Unit, WorkerDied
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import Lines, MinWords, l0, l1, silent, write_lines


class Dying:
    """Runs tasks here, but dies on those that touch one of these rows."""

    def __init__(self, *rows: int, reading: bool = False) -> None:
        self.rows, self.reading = rows, reading
        self.tried: list[tuple[int, int]] = []

    def map(
        self, function: Callable[[Any], Any], tasks: Sequence[Any], resources: Resources = ONE_CORE
    ) -> Iterator[tuple[int, Any]]:
        for index, probe in enumerate(tasks):
            self.tried.append((probe.start, probe.stop))
            if self.reading or any(probe.start <= row < probe.stop for row in self.rows):
                yield index, WorkerDied("killed")
            else:
                yield index, function(probe)


class Failing:
    """Answers with an error that says nothing of rows."""

    def map(
        self, function: Callable[[Any], Any], tasks: Sequence[Any], resources: Resources = ONE_CORE
    ) -> Iterator[tuple[int, Any]]:
        yield 0, MemoryError("no memory")


class DyingOnRows:
    """Dies on every range of rows that is not known to be poison, however small."""

    def map(
        self, function: Callable[[Any], Any], tasks: Sequence[Any], resources: Resources = ONE_CORE
    ) -> Iterator[tuple[int, Any]]:
        for index, one in enumerate(tasks):
            dies = not one.poison if isinstance(one, RowTask) else one.start < one.stop
            yield index, WorkerDied("killed") if dies else function(one)


class Deadly(DocumentFilter):
    """Ends like a killed worker on texts that end in one of these."""

    kind: Literal["deadly"] = "deadly"
    words: tuple[str, ...]

    def reason_to_drop(self, document: Document) -> str | None:
        if document.text.endswith(self.words):
            raise WorkerDied("killed")
        return None


def task(folder: Path, rows: int = 13, steps: tuple[Step, ...] = (MinWords(),)) -> RowTask:
    store = LocalStore(folder / "store")
    (file,) = write_lines(folder / "input", [f"line number {number}" for number in range(rows)])
    unit = Unit(file.path, file.sha256)
    return RowTask(store.root, "l0/x", 0, (unit,), 0, Lines(), (), steps, BASE_SCHEMA)


@pytest.mark.parametrize("rows", [(0,), (12,), (5,), (6, 7), (0, 6, 12), ()])
def test_exactly_the_rows_that_kill_are_found(tmp_path: Path, rows: tuple[int, ...]):
    assert find_poison(task(tmp_path), Dying(*rows)) == rows


@pytest.mark.parametrize("rows", [(0,), (12,), (6, 7)])
def test_a_trial_gives_the_steps_its_rows_and_no_others(tmp_path: Path, rows: tuple[int, ...]):
    found = task(tmp_path, steps=(Deadly(words=tuple(f"number {row}" for row in rows)),))
    assert find_poison(found, InlineRunner()) == rows


def test_they_come_in_order_and_cost_few_processes(tmp_path: Path):
    runner = Dying(200)
    assert find_poison(task(tmp_path, rows=1000), runner) == (200,)
    assert len(runner.tried) <= 2 + 2 * 10  # two a halving of a thousand rows, where each row would be a thousand
    assert len(set(runner.tried)) == len(runner.tried)


def test_a_worker_that_dies_before_any_row_blames_none(tmp_path: Path):
    with pytest.raises(WorkerDied, match="before any step sees a row"):
        find_poison(task(tmp_path), Dying(reading=True))


def test_as_many_rows_as_allowed_are_poison_and_one_more_is_a_broken_step(tmp_path: Path):
    allowed = tuple(range(MAXIMUM_POISON))
    assert find_poison(task(tmp_path, rows=16), Dying(*allowed)) == allowed
    with pytest.raises(Fault, match=f"more than {MAXIMUM_POISON} of the shard's 18 rows"):
        find_poison(task(tmp_path, rows=18), Dying(*allowed, MAXIMUM_POISON))


def test_half_of_a_small_shard_may_be_poison_and_more_is_a_broken_step(tmp_path: Path):
    assert find_poison(task(tmp_path, rows=1), Dying(0)) == (0,)
    assert find_poison(task(tmp_path, rows=5), Dying(0, 4)) == (0, 4)
    with pytest.raises(Fault, match="more than 2 of the shard's 5 rows"):
        find_poison(task(tmp_path, rows=5), Dying(0, 2, 4))


def test_another_error_of_a_trial_is_raised(tmp_path: Path):
    with pytest.raises(MemoryError, match="no memory"):
        find_poison(task(tmp_path), Failing())


def test_trials_leave_nothing_behind(tmp_path: Path):
    wanted = task(tmp_path)
    find_poison(wanted, Dying(3))
    store = LocalStore(wanted.store)
    assert store.list(".") == []
    # The shard itself is still to be done.
    assert run_row_task(wanted).counts.rows_out == 13


def test_a_worker_that_dies_on_shard_after_shard_is_no_rows_matter(tmp_path: Path):
    store = LocalStore(tmp_path / "store")
    lines = [[f"the only line of file {number}"] for number in range(MAXIMUM_SEARCHES + 1)]
    first = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / "input", *lines))
    with pytest.raises(LevelError, match="died again and again on 9 shards, while 8 went well; mend the step"):
        run_level(l1(MinWords()), store, DyingOnRows(), silent, parent=first)
    assert [path for path in store.list("l1_filter") if path.endswith("manifest.json")] == []
