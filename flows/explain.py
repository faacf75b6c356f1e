"""Why one document was kept or dropped: its way through the levels of a store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipeline.manifest import Manifest
from pipeline.store import Store

FATES = {"data": "kept", "dropped": "dropped", "quarantine": "quarantined", "clusters": "in a cluster"}
NAMES = ("id", "url", "parent_id", "cluster", "kept_id")
"""Columns in which a document can be named."""
TEXTS = ("text", "source_text")


def trace(store: Store, name: str) -> list[dict[str, Any]]:
    """Every row of every finished level that is about this id or url, in the order of the levels."""
    found = []
    for path, manifest in manifests(store):
        folder = path.rsplit("/", 1)[0]
        for role, fate in FATES.items():
            files = [store.location(f"{folder}/{file}") for file in manifest.paths(role)]
            for row in _rows(files, name) if files else ():
                found.append({"level": manifest.level, "recipe_id": manifest.recipe_id, "fate": fate} | row)
    return found


def manifests(store: Store) -> Iterator[tuple[str, Manifest]]:
    """(path, manifest) of every finished level, first level first."""
    for path in store.list("."):
        if path.endswith("/manifest.json") and path.startswith("l"):
            yield path, Manifest.model_validate_json(store.read(path))


def _rows(files: list[str], name: str) -> list[dict[str, Any]]:
    data = ds.dataset(files, format="parquet")
    names = [column for column in NAMES if column in data.schema.names]
    condition = pc.field(names[0]) == name
    for column in names[1:]:
        condition |= pc.field(column) == name
    columns = [column for column in data.schema.names if column not in TEXTS]
    table: pa.Table = data.to_table(columns=columns, filter=condition)
    return [{key: value for key, value in row.items() if value is not None} for row in table.to_pylist()]


def explain_lines(rows: list[dict[str, Any]]) -> list[str]:
    """One line per level and fate."""
    lines = []
    for row in rows:
        details = {key: value for key, value in row.items() if key not in ("level", "recipe_id", "fate", "meta")}
        if row["fate"] == "dropped":
            value, threshold = details.get("value"), details.get("threshold")
            measured = "" if value is None else f": measured {value:.4g}"
            limit = "" if threshold is None else f", threshold {threshold:.4g}"
            lines.append(f"{row['level']:<14} dropped by {row['reason']}{measured}{limit}")
        elif row["fate"] == "quarantined":
            lines.append(f"{row['level']:<14} quarantined at {row['step']}: {row['error']}")
        else:
            facts = ", ".join(f"{key}={value}" for key, value in details.items() if key not in ("text_hash", "source"))
            lines.append(f"{row['level']:<14} {row['fate']}: {facts}")
    return lines
