"""Finds the rows that kill the worker, so that one document that crashes a library does not hold up its shard.

Used when a worker died on a task each time that Ray tried it. Ranges of the shard's rows are then tried alone, each in
a process that nothing else runs in, and halved until single rows are left. What is found is quarantined
(`RowTask.poison`). If no range dies, the death was the surroundings' (somebody else took the memory), and the task is
simply done again.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from pipeline.run.rowpass import RowTask, process_rows
from pipeline.run.runners import Runner
from pipeline.steps import Fault, WorkerDied
from pipeline.store.store import open_store

MAXIMUM_POISON = 8
"""Rows of one shard. More is a matter of a step or a machine, not of single rows, and each costs many processes. So are
more than half of a small shard's rows."""


@dataclass(frozen=True, slots=True)
class _Probe:
    task: RowTask
    start: int
    stop: int


def find_poison(task: RowTask, runner: Runner) -> tuple[int, ...]:
    """Numbers of the rows on which the worker dies. Raises Fault if it dies before any row, or on too many."""
    rows = _try(task, runner, 0, 0)
    if rows is None:
        raise WorkerDied("the worker dies while it reads the shard, before any step sees a row")
    allowed = min(MAXIMUM_POISON, max(1, rows // 2))
    found: list[int] = []
    waiting = [(0, rows)]
    while waiting:
        start, stop = waiting.pop()
        if stop <= start or _try(task, runner, start, stop) is not None:
            continue
        if stop - start == 1:
            found.append(start)
            if len(found) > allowed:
                raise Fault(f"the worker dies on more than {allowed} of the shard's {rows} rows, alone; mend the step")
            continue
        middle = (start + stop) // 2
        waiting += [(middle, stop), (start, middle)]
    return tuple(sorted(found))


def _try(task: RowTask, runner: Runner, start: int, stop: int) -> int | None:
    """How many rows the shard has; None if the worker died on those from `start` to `stop`."""
    ((_, result),) = runner.map(_run_probe, [_Probe(task, start, stop)])
    if isinstance(result, WorkerDied):
        return None
    if isinstance(result, Exception):
        raise result
    return result


def _run_probe(probe: _Probe) -> int:
    """The task on a range of its rows, its output thrown away."""
    store = open_store(probe.task.store)
    with ExitStack() as stack:
        files = probe.task.outputs(store, stack)
        return process_rows(store, probe.task, files, (probe.start, probe.stop))
