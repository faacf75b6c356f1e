"""What a finished level adds up to: its manifest, and whether anybody should use it."""

from __future__ import annotations

from typing import Any

from pipeline.books.accounting import Counts, total
from pipeline.books.alarm import explain, losses
from pipeline.books.emptiness import no_rows, unreadable_files
from pipeline.books.fingerprint import versions_of
from pipeline.books.manifest import Manifest, Parent, ShardRecord, content_id
from pipeline.run.failures import LevelError
from pipeline.run.passes import Level
from pipeline.run.shards import shard_records
from pipeline.steps import Step
from pipeline.store.checked import read_checked
from pipeline.store.index import index_rows
from pipeline.store.shard import FileEntry, describe_file
from pipeline.store.store import Store


def manifest_of(
    level: Level,
    store: Store,
    identity: str,
    directory: str,
    inputs: list[dict[str, str]],
    parents: list[Parent],
    records: list[ShardRecord],
) -> Manifest:
    """Of what the shards' records say. Raises LevelError if most rows could not be processed."""
    counts = total(record.counts for record in records)
    counts.check(level.name)
    _check_quarantine(level.name, store, counts, records)
    written = [file for record in records for file in record.files] + _kept_files(store, directory)
    files = [file.model_copy(update={"path": file.path.removeprefix(f"{directory}/")}) for file in written]
    return Manifest(
        level=level.name,
        dataset=level.dataset,
        recipe_id=identity,
        content_id=content_id(files),
        parents=parents,
        inputs=inputs,
        steps=[_described(step) for step in level.all_steps()],
        versions=versions_of(level.all_steps()),
        seconds=round(sum(record.seconds for record in records), 3),
        files=sorted(files, key=lambda file: (file.role, file.path)),
        **counts.model_dump(),
    )


def _described(step: Step) -> dict[str, Any]:
    shows = step.shows()
    return step.identity() | {"assets": dict(step.assets())} | ({"shows": shows} if shows else {})


def _kept_files(store: Store, directory: str) -> list[FileEntry]:
    """What grouping steps keep for later levels to compare with, and what people decided of the level's lots."""
    found = [describe_file(store, path, "index", index_rows(store, path)) for path in store.list(f"{directory}/index")]
    return found + [describe_file(store, path, "people", 0) for path in store.list(f"{directory}/people")]


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


def check_content(level: Level, store: Store, directory: str, manifest: Manifest) -> None:
    """Refuse what is seldom meant: a group of rows wiped out, a file that cannot be read, no rows at all."""
    if level.alarm and (found := losses(manifest.groups, level.alarm)):
        raise LevelError(explain(found, level.name, level.alarm, shard_records(store, directory), store.root))
    if level.allow_empty:
        return
    # Shard records are read only if there can be such a file.
    bad = unreadable_files(manifest, shard_records(store, directory)) if level.source and manifest.quarantined else ""
    if message := bad or no_rows(manifest):
        raise LevelError(message)
