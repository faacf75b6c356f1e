"""A level: steps in order over shards, in as many passes as its grouping steps ask for.

    row pass        each shard by itself: read → steps → write (pipeline.run.rowpass)
    grouping step   shuffle over all shards, ends in decisions per row (pipeline.run.grouping)

The level's folder carries its recipe id. Shards that have a record there are done; a manifest there means that the
level is. Unfinished passes lie under `work/` until the manifest is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from pipeline.books.accounting import Counts, total
from pipeline.books.alarm import explain, losses
from pipeline.books.emptiness import no_rows, unreadable_files
from pipeline.books.fingerprint import recipe_id, versions_of
from pipeline.books.manifest import Manifest, Parent, ShardRecord, content_id, dump, load
from pipeline.errors import OrefineError, is_of_recipe
from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.grouping import Grouping, TaskFailed
from pipeline.run.grouping_tasks import ShardRows
from pipeline.run.passes import Level, PlanError, check_steps, schema_after, split_passes, takes_whole
from pipeline.run.poison import find_poison
from pipeline.run.rowpass import Decided, RowTask, run_row_task
from pipeline.run.runners import Runner
from pipeline.run.space import DoesNotFit
from pipeline.steps import GroupingStep, Step, Unit, WorkerDied, describe, distinct_names, joined
from pipeline.store.artifact import Artifact
from pipeline.store.checked import open_checked, read_checked
from pipeline.store.damage import damaged
from pipeline.store.index import index_rows
from pipeline.store.shard import FileEntry, describe_file
from pipeline.store.store import Store

READERS = 128
"""Threads that read shard records: object storage answers each only after 50 ms or so, and 10,000 then take 5 s."""
PROGRESS = ("rows_in", "rows_out", "quarantined", "bytes_in")
Emit = Callable[[str, Mapping[str, Any]], None]
"""(event, fields): how a level tells what it does."""


class LevelError(OrefineError):
    """The level cannot give a result that anybody should use."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that L0 reads, named by its content."""

    path: str
    sha256: str
    state: str = ""
    """What tells the file that was hashed from one that took its place (`pipeline.steps.Unit.state`)."""


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


def level_artifact(store: Store, level: Level, identity: str) -> Artifact:
    directory = directory_of(level, identity)
    return Artifact(store, directory, f"{directory}/manifest.json")


def find_level(store: Store, level: Level, identity: str) -> Finished | None:
    """The finished level, if it is there."""
    artifact = level_artifact(store, level, identity)
    found = artifact.found()
    return None if found is None else Finished(load(Manifest, store, artifact.done, found), artifact.done, reused=True)


def run_level(
    level: Level,
    store: Store,
    runner: Runner,
    emit: Emit,
    inputs: Sequence[InputFile] = (),
    parent: Finished | None = None,
) -> Finished:
    """The finished level: found, or made from the shards that are missing."""
    with _usable(level):
        identity = level_id(level, inputs, parent.manifest.recipe_id if parent else None)
    artifact = level_artifact(store, level, identity)
    found = artifact.found()
    if found is None:
        units, schema = _input_units(level, inputs) if parent is None else _parent_units(store, parent)
        if problems := check_steps(level.steps, schema, level.source)[0]:
            raise PlanError([f"{level.name} {problem}" for problem in problems])

    def make() -> bytes:
        emit("level_started", {"level": level.name, "shards": len(units), "directory": artifact.key})
        records = _run_passes(level, store, runner, emit, artifact.key, units, schema)
        manifest = _manifest(level, store, identity, artifact.key, inputs, parent, records)
        _check_parent(manifest, parent)
        _check_content(level, store, artifact.key, manifest)
        return dump(manifest)

    try:
        manifest = load(Manifest, store, artifact.done, artifact.make(make) if found is None else found)
    except DoesNotFit as error:
        raise PlanError([f"{level.name}: {error}"]) from error
    if found is not None:
        _check_parent(manifest, parent)
        _check_content(level, store, artifact.key, manifest)
    for line in _endings(manifest):
        emit("note", {"text": line})
    store.remove(f"{artifact.key}/work")  # also what a run left that was killed right after its manifest
    return Finished(manifest, artifact.done, reused=found is not None)


def _endings(manifest: Manifest) -> list[str]:
    """What ended the steps that were asked for a number of rows or given a budget."""
    return [
        f"{manifest.level}, {name}: {line}"
        for name, at in manifest.by_step.items()
        if at.ending is not None
        for line in at.ending.lines()
    ]


@contextmanager
def _usable(level: Level) -> Iterator[None]:
    """An input or a step that cannot be used as a PlanError; faults stay what they are."""
    try:
        yield
    except (ValueError, OSError) as error:
        if not is_of_recipe(error):
            raise
        raise PlanError([f"{level.name}: {error}"]) from error


def _input_units(level: Level, inputs: Sequence[InputFile]) -> tuple[list[Unit], pa.Schema]:
    """What each task reads of the input, in an order that follows from content, and the schema it comes in."""
    if level.source is None:
        raise PlanError([f"{level.name} has neither a source nor a level before it; add `l0_collect` to the recipe"])
    ordered = sorted(inputs, key=lambda file: (file.sha256, file.path))
    names = distinct_names([file.path for file in ordered])
    with _usable(level):
        units = [
            replace(unit, state=file.state, name=names[file.path])
            for file in ordered
            for unit in level.source.units(file.path, file.sha256)
        ]
    # Without a single row there still is a shard, so that what comes after finds a file with a schema.
    return units or [Unit(file.path, file.sha256, 0, 0, file.state) for file in ordered[:1]], BASE_SCHEMA


def _parent_units(store: Store, parent: Finished) -> tuple[list[Unit], pa.Schema]:
    """A file of the level before per task, and the schema they have."""
    files = parent.manifest.of("data")
    units = [Unit(f"{parent.directory}/{file.path}", file.sha256, 0, file.rows) for file in files]
    if not units:
        return units, BASE_SCHEMA
    try:
        # Its columns are read here; each task compares all bytes of its own file.
        with open_checked(store, units[0].path, files[0]) as first:
            return units, first.schema_arrow
    except FileNotFoundError:
        raise damaged(store, units[0].path, "it is gone") from None


def _run_passes(
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
        raise _failed(level, f"{step.kind} ({error})", error.__cause__ or error) from error
    for name, count in grouping.counters.items():
        emit("note", {"text": f"{name}: {count:,}"})
    if grouping.decisions is None:
        raise LevelError(f"step '{step.kind}' ended without calling grouping.decide; a grouping step must")
    return Decided(step, grouping.decisions)


def _run_tasks(level: str, tasks: list[RowTask], store: Store, runner: Runner, emit: Emit) -> list[ShardRecord]:
    """A record per shard, those there found. A task that fails for good ends the run: only steps judge rows."""
    records = _found_records(store, tasks)
    done = {name: sum(getattr(record.counts, name) for record in records.values()) for name in PROGRESS}
    resources = joined(step.resources() for task in tasks[:1] for step in task.steps)
    missing = [index for index in range(len(tasks)) if index not in records]
    for place, result in runner.map(run_row_task, [tasks[index] for index in missing], resources):
        task = tasks[missing[place]]
        if isinstance(result, WorkerDied) and not resources.resident and not task.whole:
            result = _without_poison(level, task, runner, emit)
        if isinstance(result, Exception):
            task.artifact(store).fail(result)  # here, since a worker that was killed cannot
            raise _failed(level, f"shard {task.shard} ({task.unit.path.rpartition('/')[2]})", result) from result
        records[missing[place]] = result
        for name in PROGRESS:
            done[name] += getattr(result.counts, name)
        emit("shard_done", {"level": level, "done": len(records), "of": len(tasks), **done})
    return [records[index] for index in range(len(tasks))]


def _found_records(store: Store, tasks: list[RowTask]) -> dict[int, ShardRecord]:
    """The records that are there, by the task's index: listed once, since asking for each of 10,000 takes minutes."""
    there = set(store.list(f"{tasks[0].directory}/shards")) if tasks else set()
    found = [index for index, task in enumerate(tasks) if task.record in there]
    return dict(zip(found, _read_records(store, [tasks[index].record for index in found]), strict=True))


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


def _failed(level: str, task: str, error: BaseException) -> LevelError:
    return LevelError(
        f"{level}: {task} failed with {describe(error)}. No row was blamed and nothing was published; "
        "finished shards are kept, so mend the cause and run the same command again"
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
    files += _index_files(store, directory) + _people_files(store, directory)
    return Manifest(
        level=level.name,
        dataset=level.dataset,
        recipe_id=identity,
        content_id=content_id(files),
        parents=[as_parent(parent)] if parent else [],
        inputs=[{"path": file.path, "sha256": file.sha256} for file in sorted(inputs, key=lambda file: file.sha256)],
        steps=[_described(step) for step in level.all_steps()],
        versions=versions_of(level.all_steps()),
        seconds=round(sum(record.seconds for record in records), 3),
        files=sorted(files, key=lambda file: (file.role, file.path)),
        **counts.model_dump(),
    )


def _described(step: Step) -> dict[str, Any]:
    shows = step.shows()
    return step.identity() | {"assets": dict(step.assets())} | ({"shows": shows} if shows else {})


def _index_files(store: Store, directory: str) -> list[FileEntry]:
    """What grouping steps keep for later levels to compare with."""
    found = []
    for path in store.list(f"{directory}/index"):
        entry = describe_file(store, path, "index", index_rows(store, path))
        found.append(entry.model_copy(update={"path": path.removeprefix(f"{directory}/")}))
    return found


def _people_files(store: Store, directory: str) -> list[FileEntry]:
    """What people decided of the level's lots, so that its certificate needs nothing from elsewhere."""
    found = [describe_file(store, path, "people", 0) for path in store.list(f"{directory}/people")]
    return [entry.model_copy(update={"path": entry.path.removeprefix(f"{directory}/")}) for entry in found]


def as_parent(parent: Finished) -> Parent:
    manifest = parent.manifest
    return Parent(
        level=manifest.level, recipe_id=manifest.recipe_id, content_id=manifest.content_id, manifest=parent.path
    )


def _check_parent(manifest: Manifest, parent: Finished | None) -> None:
    """The rows that came in are those that the level before gave, and it is still the one that was read."""
    if parent is None:
        return
    if manifest.rows_in != parent.manifest.rows_out:
        raise LevelError(
            f"{manifest.level}: {manifest.rows_in:,} rows came in, but {parent.path} says that {parent.manifest.level} "
            f"gave {parent.manifest.rows_out:,}; `orefine verify` names the file that changed"
        )
    read = manifest.parents[0].content_id if manifest.parents else ""
    if read != parent.manifest.content_id:
        raise LevelError(
            f"{manifest.level}: it was made from {parent.manifest.level} with content id {read}, and there now lies "
            f"{parent.manifest.content_id}; remove its folder and run again to make it from that"
        )


def _check_quarantine(level: str, store: Store, counts: Counts, records: list[ShardRecord]) -> None:
    # A defect of a step or a wrong model fails on nearly every row; single bad rows are the data's.
    if counts.rows_in <= 20 or 2 * counts.quarantined <= counts.rows_in:
        return
    files = [file for record in records for file in record.files if file.role == "quarantine" and file.rows]
    first = next(read_checked(store, files[0].path, files[0].sha256)).slice(0, 1).to_pylist()[0]
    raise LevelError(
        f"{level}: {counts.quarantined} of {counts.rows_in} rows could not be processed, more than half; nothing was "
        f"published. The first failed at {first['step']} with: {first['error']}. All errors: {files[0].path}"
    )


def _check_content(level: Level, store: Store, directory: str, manifest: Manifest) -> None:
    """Refuse what is seldom meant: a group of rows wiped out, a file that cannot be read, no rows at all."""
    if level.alarm and (found := losses(manifest.groups, level.alarm)):
        raise LevelError(explain(found, level.name, level.alarm, _shard_records(store, directory), store.root))
    if level.allow_empty:
        return
    # Shard records are read only if there can be such a file.
    bad = unreadable_files(manifest, _shard_records(store, directory)) if level.source and manifest.quarantined else ""
    if message := bad or no_rows(manifest):
        raise LevelError(message)


def _shard_records(store: Store, directory: str) -> list[ShardRecord]:
    return _read_records(store, [path for path in store.list(f"{directory}/shards") if path.endswith(".json")])


def _read_records(store: Store, paths: Sequence[str]) -> list[ShardRecord]:
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda path: load(ShardRecord, store, path), paths))
