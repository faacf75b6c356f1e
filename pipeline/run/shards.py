"""The passes of a level over its shards: a record per shard, found or made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pyarrow as pa

from pipeline.books.manifest import ShardRecord, load
from pipeline.run import reuse
from pipeline.run.decisions import Decided
from pipeline.run.failures import LevelError, failed
from pipeline.run.grouping import Grouping, TaskFailed
from pipeline.run.grouping_tasks import ShardRows
from pipeline.run.passes import Level, schema_after, split_passes, takes_whole
from pipeline.run.poison import find_poison
from pipeline.run.rowpass import RowTask, run_row_task
from pipeline.run.runners import Runner
from pipeline.steps import GroupingStep, Unit, WorkerDied, joined
from pipeline.store.store import Store

READERS = 128
"""Threads that read shard records: object storage answers each only after 50 ms or so, and 10,000 then take 5 s."""


PROGRESS = ("rows_in", "rows_out", "quarantined", "bytes_in")


Emit = Callable[[str, Mapping[str, Any]], None]
"""(event, fields): how a level tells what it does."""


def run_passes(
    level: Level, store: Store, runner: Runner, emit: Emit, directory: str, units: list[Unit], schema: pa.Schema
) -> list[ShardRecord]:
    passes = split_passes(level.steps)
    if level.source is not None and takes_whole(passes[0]):
        passes.insert(0, ())  # what is read must be written before it can be taken in another order
    records: list[ShardRecord] = []
    before, position = "", 0
    decided: tuple[Decided, ...] = ()
    clusters = False
    for number, part in enumerate(passes):
        last = number == len(passes) - 1
        folder = directory if last else f"{directory}/work/{number:02d}"
        if isinstance(part, GroupingStep):
            tables = _run_grouping(level.name, part, store, runner, folder, directory, units, decided, emit)
            decided, clusters = (*decided, tables), clusters or part.writes_clusters
            emit("grouped", {"level": level.name, "step": part.kind})
            continue
        schema = schema_after(schema, (*(one.step for one in decided), *part))
        whole = tuple(units) if takes_whole(part) else ()
        tasks = [
            RowTask(
                store=store.root,
                directory=folder,
                shard=shard,
                unit=unit,
                source=level.source if number == 0 else None,
                decided=decided,
                steps=part,
                schema=schema,
                position=position,
                before=before,
                clusters=clusters,
                keep_dropped_text=level.keep_dropped_text,
                whole=whole,
            )
            for shard, unit in enumerate(whole[:1] or units)
        ]
        records = _run_tasks(level.name if last else f"{level.name}, pass {number + 1}", tasks, store, runner, emit)
        units = [_output_unit(store, record) for record in records]
        before, position, decided = folder, position + len(decided) + len(part), ()
    return records


def _run_grouping(
    level: str,
    step: GroupingStep,
    store: Store,
    runner: Runner,
    folder: str,
    directory: str,
    units: list[Unit],
    decided: tuple[Decided, ...],
    emit: Emit,
) -> Decided:
    shards = [
        ShardRows(shard, unit.path, (unit.stop or 0) - unit.start, tuple(one.tables for one in decided), unit.sha256)
        for shard, unit in enumerate(units)
    ]
    grouping = Grouping(store, runner, folder, shards, directory)
    try:
        step.group(grouping)
    except TaskFailed as error:
        raise failed(level, f"{step.kind} ({error})", error.__cause__ or error) from error
    for name, count in grouping.counters.items():
        emit("note", {"text": f"{name}: {count:,}"})
    if grouping.decisions is None:
        raise LevelError(f"step '{step.kind}' ended without calling grouping.decide; a grouping step must")
    return Decided(step, grouping.decisions)


def _run_tasks(level: str, tasks: list[RowTask], store: Store, runner: Runner, emit: Emit) -> list[ShardRecord]:
    """A record per shard, those there found. A task that fails for good ends the run: only steps judge rows."""
    records = _found_records(store, tasks)
    if missing := [index for index in range(len(tasks)) if index not in records]:
        taken = reuse.copied(store, [tasks[index] for index in missing])
        records |= {missing[place]: record for place, record in taken.items()}
        if taken:
            emit("note", {"text": f"{level}: {len(taken)} of {len(tasks)} shards are there from an earlier version"})
    done = {name: sum(getattr(record.counts, name) for record in records.values()) for name in PROGRESS}
    resources = joined(step.resources() for task in tasks[:1] for step in task.steps)
    missing = [index for index in range(len(tasks)) if index not in records]
    for place, result in runner.map(run_row_task, [tasks[index] for index in missing], resources):
        task = tasks[missing[place]]
        if isinstance(result, WorkerDied) and not resources.resident and not task.whole:
            result = _without_poison(level, task, runner, emit)
        if isinstance(result, Exception):
            task.artifact(store).fail(result)  # here, since a worker that was killed cannot
            raise failed(level, f"shard {task.shard} ({task.unit.path.rpartition('/')[2]})", result) from result
        records[missing[place]] = result
        for name in PROGRESS:
            done[name] += getattr(result.counts, name)
        emit("shard_done", {"level": level, "done": len(records), "of": len(tasks), **done})
    reuse.note(store, tasks)
    return [records[index] for index in range(len(tasks))]


def _found_records(store: Store, tasks: list[RowTask]) -> dict[int, ShardRecord]:
    """The records that are there, by the task's index: listed once, since asking for each of 10,000 takes minutes."""
    there = set(store.list(f"{tasks[0].directory}/shards")) if tasks else set()
    found = [index for index, task in enumerate(tasks) if task.record in there]
    return dict(zip(found, read_records(store, [tasks[index].record for index in found]), strict=True))


def _without_poison(level: str, task: RowTask, runner: Runner, emit: Emit) -> ShardRecord | Exception:
    """The record of a shard on which a worker died again and again, less the rows that kill it."""
    emit("note", {"text": f"{level}: a worker died again and again on shard {task.shard}; looking for the rows"})
    try:
        task = replace(task, poison=find_poison(task, runner))
    except Exception as error:
        return error
    emit("note", {"text": f"{level}: shard {task.shard} without {len(task.poison)} rows that kill the worker"})
    ((_, result),) = runner.map(run_row_task, [task])
    return result


def _output_unit(store: Store, record: ShardRecord) -> Unit:
    data = next(file for file in record.files if file.role == "data")
    return Unit(data.path, data.sha256, 0, data.rows)


def shard_records(store: Store, directory: str) -> list[ShardRecord]:
    return read_records(store, [path for path in store.list(f"{directory}/shards") if path.endswith(".json")])


def read_records(store: Store, paths: Sequence[str]) -> list[ShardRecord]:
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda path: load(ShardRecord, store, path), paths))
