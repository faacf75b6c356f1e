"""A level: steps in order over shards, in as many passes as its grouping steps ask for.

    row pass        each shard by itself: read → steps → write (pipeline.run.rowpass)
    grouping step   shuffle over all shards, ends in decisions per row (pipeline.run.grouping)

The level's folder carries its recipe id. Shards that have a record there are done; a manifest there means that the
level is. Unfinished passes lie under `work/` until the manifest is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from pipeline.books.accounting import Counts, total
from pipeline.books.alarm import Alarm, explain, losses
from pipeline.books.fingerprint import recipe_id, versions
from pipeline.books.manifest import Manifest, Parent, ShardRecord, content_id, dump
from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.grouping import DoesNotFit, Grouping, ShardRows
from pipeline.run.passes import check_steps, schema_after, split_passes
from pipeline.run.poison import find_poison
from pipeline.run.rowpass import Decided, RowTask, run_row_task
from pipeline.run.runners import Runner
from pipeline.steps import GroupingStep, Source, Step, Unit, WorkerDied, describe, joined
from pipeline.store.shard import FileEntry, describe_file, read_batches, read_schema
from pipeline.store.store import Store

Emit = Callable[[str, Mapping[str, Any]], None]
"""(event, fields): how a level tells what it does."""


class LevelError(RuntimeError):
    """The level cannot give a result that anybody should use."""


class PlanError(ValueError):
    """Input, parameters or model do not fit; found before any row was processed."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that L0 reads, named by its content."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Level:
    """A level of a recipe."""

    name: str
    dataset: str
    steps: tuple[Step, ...]
    source: Source | None = None
    keep_dropped_text: bool = False
    alarm: Alarm | None = None

    def all_steps(self) -> tuple[Step, ...]:
        return (*((self.source,) if self.source else ()), *self.steps)


@dataclass(frozen=True, slots=True)
class Finished:
    """A complete level on the store."""

    manifest: Manifest
    path: str
    """Of the manifest, relative to the store."""
    reused: bool = False

    @property
    def directory(self) -> str:
        return self.path.rsplit("/", 1)[0]


def level_id(level: Level, inputs: Sequence[InputFile] = (), parent_id: str | None = None) -> str:
    """The level's recipe id, known before running; the order of the input files does not matter."""
    names = [parent_id] if parent_id else sorted(file.sha256 for file in inputs)
    settings = [level.dataset, str(level.keep_dropped_text)]
    return recipe_id(level.name, [*settings, *names], level.all_steps())


def directory_of(level: Level, identity: str) -> str:
    return f"{level.name}/{level.dataset}-{identity[:16]}"


def find_level(store: Store, level: Level, identity: str) -> Finished | None:
    """The finished level, if it is there."""
    path = f"{directory_of(level, identity)}/manifest.json"
    if not store.exists(path):
        return None
    return Finished(Manifest.model_validate_json(store.read(path)), path, reused=True)


def run_level(
    level: Level,
    store: Store,
    runner: Runner,
    emit: Emit,
    inputs: Sequence[InputFile] = (),
    parent: Finished | None = None,
) -> Finished:
    """The finished level: found, or made from the shards that are missing."""
    try:
        identity = level_id(level, inputs, parent.manifest.recipe_id if parent else None)
        found = find_level(store, level, identity)
        if found is None:
            units, schema = _units(level, store, inputs, parent)
            if problems := check_steps(level.steps, schema, level.source)[0]:
                raise ValueError("; ".join(problems))
    except (ValueError, OSError) as error:
        raise PlanError(f"{level.name}: {error}") from error
    if found:
        store.remove(f"{found.directory}/work")  # a run that was killed right after its manifest leaves it
        _check_losses(level, store, found.directory, found.manifest)
        return found
    directory = directory_of(level, identity)
    emit("level_started", {"level": level.name, "shards": len(units), "directory": directory})
    try:
        records = _run_passes(level, store, runner, emit, directory, units, schema)
    except DoesNotFit as error:
        raise PlanError(f"{level.name}: {error}") from error
    except Exception:
        # Another run of the same recipe was faster, and tidied up what this one still read.
        if found := find_level(store, level, identity):
            return found
        raise
    manifest = _manifest(level, store, identity, directory, inputs, parent, records)
    _check_losses(level, store, directory, manifest)
    path = f"{directory}/manifest.json"
    if not store.create(path, dump(manifest)):  # another run of the same recipe was faster
        manifest = Manifest.model_validate_json(store.read(path))
    store.remove(f"{directory}/work")
    return Finished(manifest, path)


def _units(
    level: Level, store: Store, inputs: Sequence[InputFile], parent: Finished | None
) -> tuple[list[Unit], pa.Schema]:
    """What each task reads, in an order that follows from content, and the schema it comes in."""
    if level.source is not None:
        ordered = sorted(inputs, key=lambda file: (file.sha256, file.path))
        units = [unit for file in ordered for unit in level.source.units(file.path, file.sha256)]
        # Without a single row there still is a shard, so that what comes after finds a file with a schema.
        return units or [Unit(file.path, file.sha256, 0, 0) for file in ordered[:1]], BASE_SCHEMA
    if parent is None:
        raise ValueError(f"{level.name} has neither a source nor a level before it; add `l0_collect` to the recipe")
    files = [file for file in parent.manifest.files if file.role == "data"]
    paths = [f"{parent.directory}/{file.path}" for file in files]
    units = [Unit(path, file.sha256, 0, file.rows) for path, file in zip(paths, files, strict=True)]
    return units, read_schema(store, paths[0]) if paths else BASE_SCHEMA


def _run_passes(
    level: Level, store: Store, runner: Runner, emit: Emit, directory: str, units: list[Unit], schema: pa.Schema
) -> list[ShardRecord]:
    passes = split_passes(level.steps)
    records: list[ShardRecord] = []
    before, position = "", 0
    decided: tuple[Decided, ...] = ()
    clusters = False
    for number, part in enumerate(passes):
        last = number == len(passes) - 1
        folder = directory if last else f"{directory}/work/{number:02d}"
        if isinstance(part, GroupingStep):
            tables = _run_grouping(part, store, runner, folder, directory, units, decided, emit)
            decided, clusters = (*decided, tables), clusters or part.writes_clusters
            emit("grouped", {"level": level.name, "step": part.kind})
            continue
        schema = schema_after(schema, (*(one.step for one in decided), *part))
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
            )
            for shard, unit in enumerate(units)
        ]
        records = _run_tasks(level.name if last else f"{level.name}, pass {number + 1}", tasks, runner, emit)
        units = [_output_unit(store, record) for record in records]
        before, position, decided = folder, position + len(decided) + len(part), ()
    return records


def _run_grouping(
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
        ShardRows(shard, unit.path, (unit.stop or 0) - unit.start, tuple(one.tables for one in decided))
        for shard, unit in enumerate(units)
    ]
    grouping = Grouping(store, runner, folder, shards, directory)
    step.group(grouping)
    for name, count in grouping.counters.items():
        emit("note", {"text": f"{name}: {count:,}"})
    if grouping.decisions is None:
        raise LevelError(f"step '{step.kind}' ended without calling grouping.decide; a grouping step must")
    return Decided(step, grouping.decisions)


def _run_tasks(level: str, tasks: list[RowTask], runner: Runner, emit: Emit) -> list[ShardRecord]:
    """A record per shard. A task that fails for good ends the run: only steps may say something of rows."""
    records: dict[int, ShardRecord] = {}
    done = Counts()
    resources = joined(step.resources() for task in tasks[:1] for step in task.steps)
    for index, result in runner.map(run_row_task, tasks, resources):
        if isinstance(result, WorkerDied) and not resources.resident:
            result = _without_poison(level, tasks[index], runner, emit)
        if isinstance(result, Exception):
            raise _failed(level, tasks[index], result) from result
        records[index] = result
        done.rows_in += result.counts.rows_in
        done.rows_out += result.counts.rows_out
        done.quarantined += result.counts.quarantined
        emit(
            "shard_done",
            {
                "level": level,
                "done": len(records),
                "of": len(tasks),
                "rows_in": done.rows_in,
                "rows_out": done.rows_out,
                "quarantined": done.quarantined,
            },
        )
    return [records[index] for index in range(len(tasks))]


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


def _failed(level: str, task: RowTask, error: Exception) -> LevelError:
    name = task.unit.path.rpartition("/")[2]
    return LevelError(
        f"{level}: shard {task.shard} ({name}) failed with {describe(error)}. No row was blamed and nothing was "
        "published; finished shards are kept, so mend the cause and run the same command again"
    )


def _output_unit(store: Store, record: ShardRecord) -> Unit:
    data = next(file for file in record.files if file.role == "data")
    return Unit(data.path, data.sha256, 0, data.rows)


def _manifest(
    level: Level,
    store: Store,
    identity: str,
    directory: str,
    inputs: Sequence[InputFile],
    parent: Finished | None,
    records: list[ShardRecord],
) -> Manifest:
    counts = total(record.counts for record in records)
    counts.check(level.name)
    _check_quarantine(level.name, store, counts, records)
    files = [
        file.model_copy(update={"path": file.path.removeprefix(f"{directory}/")})
        for record in records
        for file in record.files
    ]
    files += _index_files(store, directory)
    return Manifest(
        level=level.name,
        dataset=level.dataset,
        recipe_id=identity,
        content_id=content_id(files),
        parents=[_as_parent(parent)] if parent else [],
        inputs=[{"path": file.path, "sha256": file.sha256} for file in sorted(inputs, key=lambda file: file.sha256)],
        steps=[step.identity() | {"assets": dict(step.assets())} for step in level.all_steps()],
        versions=versions(library for step in level.all_steps() for library in step.libraries),
        seconds=round(sum(record.seconds for record in records), 3),
        files=sorted(files, key=lambda file: (file.role, file.path)),
        **counts.model_dump(),
    )


def _index_files(store: Store, directory: str) -> list[FileEntry]:
    """What grouping steps keep for later levels to compare with."""
    found = []
    for path in store.list(f"{directory}/index"):
        with store.map(path) as source:
            reader = pa.ipc.open_file(source)
            rows = sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))
        entry = describe_file(store, path, "index", rows)
        found.append(entry.model_copy(update={"path": path.removeprefix(f"{directory}/")}))
    return found


def _as_parent(parent: Finished) -> Parent:
    manifest = parent.manifest
    return Parent(
        level=manifest.level, recipe_id=manifest.recipe_id, content_id=manifest.content_id, manifest=parent.path
    )


def _check_quarantine(level: str, store: Store, counts: Counts, records: list[ShardRecord]) -> None:
    # A defect of a step or a wrong model fails on nearly every row; single bad rows are the data's.
    if counts.rows_in <= 20 or 2 * counts.quarantined <= counts.rows_in:
        return
    files = [file for record in records for file in record.files if file.role == "quarantine" and file.rows]
    first = next(read_batches(store.open(files[0].path))).slice(0, 1).to_pylist()[0]
    raise LevelError(
        f"{level}: {counts.quarantined} of {counts.rows_in} rows could not be processed, more than half; nothing was "
        f"published. The first failed at {first['step']} with: {first['error']}. All errors: {files[0].path}"
    )


def _check_losses(level: Level, store: Store, directory: str, manifest: Manifest) -> None:
    if level.alarm and (found := losses(manifest.groups, level.alarm)):
        paths = (path for path in store.list(f"{directory}/shards") if path.endswith(".json"))
        records = [ShardRecord.model_validate_json(store.read(path)) for path in paths]
        raise LevelError(explain(found, level.name, level.alarm, records, store.root))
