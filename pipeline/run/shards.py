"""The passes of a level over its shards: a record per shard, found or made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from pipeline.books.manifest import ShardRecord, load
from pipeline.run import reuse
from pipeline.run.decisions import Decided
from pipeline.run.failures import LevelError, failed
from pipeline.run.grouping import Grouping, TaskFailed
from pipeline.run.grouping_tasks import ShardRows
from pipeline.run.passes import WORK, Level, schema_after, split_passes, takes_whole, together
from pipeline.run.poison import find_poison
from pipeline.run.rowpass import RowTask, run_row_task
from pipeline.run.runners import Runner
from pipeline.steps import Fault, GroupingStep, Unit, WorkerDied, joined
from pipeline.store.store import Store

READERS = 128
"""Threads that read shard records: object storage answers each only after 50 ms or so, and 10,000 then take 5 s."""
MAXIMUM_SEARCHES = 8
"""Shards of a pass that are searched for rows that kill the worker, or half as many as went well, if that is more: each
takes a minute or so, and a worker that dies everywhere is a matter of a step or a machine."""
PROGRESS = ("rows_in", "rows_out", "quarantined", "bytes_in")
Emit = Callable[[str, Mapping[str, Any]], None]
"""(event, fields): how a level tells what it does."""


@dataclass(frozen=True, slots=True)
class Passes:
    """The passes of one level, and where they run."""

    level: Level
    store: Store
    runner: Runner
    emit: Emit
    directory: str
    """Of the level."""

    def run(self, units: list[Unit], schema: pa.Schema) -> list[ShardRecord]:
        """The records of the last pass over rows, one for each shard of the level."""
        level = self.level
        passes = split_passes(level.steps)
        if level.source is not None and takes_whole(passes[0]):
            passes.insert(0, ())  # what is read must be written before it can be taken in another order
        records: list[ShardRecord] = []
        before, position = "", 0
        decided: tuple[Decided, ...] = ()
        clusters = False
        for number, part in enumerate(passes):
            last = number == len(passes) - 1
            folder = self.directory if last else f"{self.directory}/{WORK}/{number:02d}"
            if isinstance(part, GroupingStep):
                decided = (*decided, self._group(part, folder, units, decided))
                clusters = clusters or part.writes_clusters
                self.emit("grouped", {"level": level.name, "step": part.kind})
                continue
            schema = schema_after(schema, (*(one.step for one in decided), *part))
            source = level.source if number == 0 else None
            groups = together(part, units, each_alone=bool(decided) or source is not None)
            name = level.name if last else f"{level.name}, pass {number + 1}"
            if len(groups) < len(units) and not takes_whole(part):
                text = f"{len(units)} shards, those of few documents together, are the work of {len(groups)} tasks"
                self.emit("note", {"text": f"{name}: {text}"})
            tasks = [
                RowTask(
                    store=self.store.root,
                    directory=folder,
                    shard=shard,
                    units=tuple(units[numbers.start : numbers.stop]),
                    first=numbers.start,
                    source=source,
                    decided=decided,
                    steps=part,
                    schema=schema,
                    position=position,
                    before=before,
                    clusters=clusters,
                    keep_dropped_text=level.keep_dropped_text,
                )
                for shard, numbers in enumerate(groups)
            ]
            records = self._run_tasks(name, tasks)
            units = [_output_unit(record) for record in records]
            before, position, decided = folder, position + len(decided) + len(part), ()
        return records

    def _group(self, step: GroupingStep, folder: str, units: list[Unit], decided: tuple[Decided, ...]) -> Decided:
        before = tuple(one.tables for one in decided)
        shards = [
            ShardRows(shard, unit.path, (unit.stop or 0) - unit.start, before, unit.sha256)
            for shard, unit in enumerate(units)
        ]
        grouping = Grouping(self.store, self.runner, folder, shards, self.directory)
        try:
            step.group(grouping)
        except TaskFailed as error:
            raise failed(self.level.name, f"{step.kind} ({error})", error.__cause__ or error) from error
        for name, count in grouping.counters.items():
            self.emit("note", {"text": f"{name}: {count:,}"})
        if grouping.decisions is None:
            raise LevelError(f"step '{step.kind}' ended without calling grouping.decide; a grouping step must")
        return Decided(step, grouping.decisions)

    def _run_tasks(self, name: str, tasks: list[RowTask]) -> list[ShardRecord]:
        """A record per shard, those there found. A task that fails for good ends the run: only steps judge rows."""
        records = _found_records(self.store, tasks)
        if missing := [index for index in range(len(tasks)) if index not in records]:
            taken = reuse.copied(self.store, [tasks[index] for index in missing])
            records |= {missing[place]: record for place, record in taken.items()}
            if taken:
                text = f"{name}: {len(taken)} of {len(tasks)} shards are there from an earlier version"
                self.emit("note", {"text": text})
        done = {count: sum(getattr(record.counts, count) for record in records.values()) for count in PROGRESS}
        resources = joined(step.resources() for task in tasks[:1] for step in task.steps)
        missing = [index for index in range(len(tasks)) if index not in records]
        searched = 0
        for place, result in self.runner.map(run_row_task, [tasks[index] for index in missing], resources):
            task = tasks[missing[place]]
            if isinstance(result, WorkerDied) and not resources.resident and not takes_whole(task.steps):
                searched += 1
                result = self._without_poison(name, task, searched, len(records))
            if isinstance(result, Exception):
                task.artifact(self.store).fail(result)  # here, since a worker that was killed cannot
                raise failed(name, f"shard {task.shard} ({task.units[0].path.rpartition('/')[2]})", result) from result
            records[missing[place]] = result
            counts = {count: getattr(result.counts, count) for count in PROGRESS}
            done = {count: done[count] + counts[count] for count in PROGRESS}
            shard = {"shard": task.shard, "seconds": result.seconds, **counts}
            self.emit("shard_done", {"level": name, "done": len(records), "of": len(tasks), **done, "shard": shard})
        reuse.note(self.store, tasks)
        return [records[index] for index in range(len(tasks))]

    def _without_poison(self, name: str, task: RowTask, searched: int, done: int) -> ShardRecord | Exception:
        """The record of a shard on which a worker died again and again, less the rows that kill it."""
        if searched > max(MAXIMUM_SEARCHES, done // 2):
            return Fault(f"workers died again and again on {searched} shards, while {done} went well; mend the step")
        text = f"{name}: a worker died again and again on shard {task.shard}; looking for the rows"
        self.emit("note", {"text": text})
        try:
            task = replace(task, poison=find_poison(task, self.runner))
        except Exception as error:
            return error
        self.emit("note", {"text": f"{name}: shard {task.shard} without {len(task.poison)} rows that kill the worker"})
        ((_, result),) = self.runner.map(run_row_task, [task])
        return result


def _found_records(store: Store, tasks: list[RowTask]) -> dict[int, ShardRecord]:
    """The records that are there, by the task's index: listed once, since asking for each of 10,000 takes minutes."""
    there = set(store.list(f"{tasks[0].directory}/shards")) if tasks else set()
    found = [index for index, task in enumerate(tasks) if task.record in there]
    return dict(zip(found, _read_records(store, [tasks[index].record for index in found]), strict=True))


def _output_unit(record: ShardRecord) -> Unit:
    data = next(file for file in record.files if file.role == "data")
    return Unit(data.path, data.sha256, 0, data.rows)


def shard_records(store: Store, directory: str) -> list[ShardRecord]:
    return _read_records(store, [path for path in store.list(f"{directory}/shards") if path.endswith(".json")])


def _read_records(store: Store, paths: Sequence[str]) -> list[ShardRecord]:
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda path: load(ShardRecord, store, path), paths))
