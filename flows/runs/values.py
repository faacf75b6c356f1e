"""Every value of every rule for one document, or for the rows that came to a level of a version.

A level keeps the first reason alone. The others are measured again, by the recipe that lies in a version that holds the
level, on the text that came to the level; where one of these is gone, it is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from flows.runs.models import with_trained
from flows.runs.report import measuring, recipe_of
from pipeline.books.manifest import Manifest, load
from pipeline.publish.release import Refs, load_release
from pipeline.rows.batch import Batch
from pipeline.run.measure import Measured, measure
from pipeline.run.passes import Level
from pipeline.store.checked import check_sha256, open_checked
from pipeline.store.store import Store


def level_of(store: Store, manifest: Manifest) -> Level | None:
    """The level with its steps as they were, from a version that holds it; None if no version keeps its recipe."""
    path = f"refs/{manifest.dataset}.json"
    for version in reversed(load(Refs, store, path).history) if store.exists(path) else ():
        directory = f"releases/{manifest.dataset}/{version}"
        if not store.exists(f"{directory}/manifest.json"):
            continue
        release = load_release(store, directory)
        if not any(one.recipe_id == manifest.recipe_id for one in release.levels):
            continue
        recipe = recipe_of(store, directory)
        for level in recipe.levels() if recipe else ():
            if level.name == manifest.level:
                return with_trained(level, store, manifest.parents[0].recipe_id) if manifest.parents else level
    return None


def values_of(store: Store, manifest: Manifest, name: str) -> Measured | str:
    """What the level's rules measure on the document with this id, or why that is not known."""
    if not manifest.parents:
        return ""
    level = level_of(store, manifest)
    if level is None:
        return "no version keeps the recipe of this level"
    batch = row_before(store, manifest, name)
    if batch is None:
        return "the text that came to the level is in this store no more"
    return measure(measuring(level.steps), batch)


def row_before(store: Store, manifest: Manifest, name: str) -> Batch | None:
    """The row as it came to the level."""
    path = manifest.parents[0].manifest
    if not store.exists(path):
        return None
    folder = path.rpartition("/")[0]
    for entry in load(Manifest, store, path).of("data"):
        where = f"{folder}/{entry.path}"
        with open_checked(store, where, entry) as file:
            for group in range(file.num_row_groups):  # ids first: one row group is read whole at most
                place = pc.index(file.read_row_group(group, ["id"]).column("id"), name).as_py()
                if place >= 0:
                    check_sha256(store, where, entry.sha256)
                    return _one(file.read_row_group(group).slice(place, 1))
    return None


def _one(table: pa.Table) -> Batch:
    return Batch(table.combine_chunks().to_batches()[0])


def found_language(found: Measured) -> tuple[str, float] | None:
    """Language and its probability, where a step has found one."""
    names: Sequence[str] = found.batch.rows.schema.names
    if "language" not in names or "language_score" not in names or not len(found.batch):
        return None
    return found.batch.rows.column("language")[0].as_py() or "", found.batch.rows.column("language_score")[
        0
    ].as_py() or 0.0
