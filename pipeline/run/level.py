"""A level: steps in order over shards, in as many passes as its grouping steps ask for.

    row pass        each shard by itself: read → steps → write (pipeline.run.rowpass)
    grouping step   shuffle over all shards, ends in decisions per row (pipeline.run.grouping)

The level's folder carries its recipe id. Shards that have a record there are done; a manifest there means that the
level is. Unfinished passes lie under `work/` until the manifest is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pyarrow as pa

from pipeline.books.fingerprint import recipe_id
from pipeline.books.manifest import Manifest, Parent, dump, load
from pipeline.errors import of_recipe
from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.failures import LevelError
from pipeline.run.passes import WORK, Level, PlanError, check_steps
from pipeline.run.runners import Runner
from pipeline.run.shards import Emit, Passes
from pipeline.run.space import DoesNotFit
from pipeline.run.totals import check_content, manifest_of
from pipeline.steps import Unit, distinct_names
from pipeline.store.artifact import Artifact
from pipeline.store.checked import open_checked
from pipeline.store.damage import damaged
from pipeline.store.store import Store


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
        records = Passes(level, store, runner, emit, artifact.key).run(units, schema)
        files = sorted(inputs, key=lambda file: file.sha256)
        named = [{"path": file.path, "sha256": file.sha256} for file in files]
        parents = [as_parent(parent)] if parent else []
        manifest = manifest_of(level, store, identity, artifact.key, named, parents, records)
        _check_parent(manifest, parent)
        check_content(level, store, artifact.key, manifest)
        return dump(manifest)

    try:
        manifest = load(Manifest, store, artifact.done, artifact.make(make) if found is None else found)
    except DoesNotFit as error:
        raise PlanError([f"{level.name}: {error}"]) from error
    if found is not None:
        _check_parent(manifest, parent)
        check_content(level, store, artifact.key, manifest)
    for line in _endings(manifest):
        emit("note", {"text": line})
    store.remove(f"{artifact.key}/{WORK}")  # also what a run left that was killed right after its manifest
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
    with of_recipe() as said:
        yield
    if said:
        raise PlanError([f"{level.name}: {text}" for text in said])


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
