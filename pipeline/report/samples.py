"""Texts of rows that a level dropped, a few for each reason: what a threshold does is seen by reading."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.books.manifest import Manifest, load, read_rows
from pipeline.store.store import Store

SAMPLES = 5
"""Dropped rows shown per reason."""
SHOWN = 400
"""Characters of each."""
COLUMNS = ["id", "url", "reason", "value", "threshold", "step", "text"]


def dropped_samples(
    store: Store, folder: str, manifest: Manifest, wanted: int = SAMPLES
) -> dict[str, list[dict[str, Any]]]:
    """Reason (`02 threshold.below_minimum`) → the dropped rows with the smallest ids: whatever the order, the same."""
    found: dict[str, list[dict[str, Any]]] = {}
    for rows in read_rows(store, folder, manifest, "dropped", COLUMNS):
        for row in rows.to_pylist():
            known = found.setdefault(reason_of(row), [])
            known.append(row)
            if len(known) > 4 * wanted:
                _smallest(known, wanted)
    for known in found.values():
        _smallest(known, wanted)
    chosen = [row for known in found.values() for row in known if row["text"] is None]
    texts = texts_before(store, manifest, {row["id"] for row in chosen if row["id"]})
    for row in chosen:
        row["text"] = texts.get(row["id"])
    return found


def reason_of(row: dict[str, Any]) -> str:
    """`02 threshold.below_minimum`; by kind alone in levels from before steps had places."""
    place = (row["step"] or "").partition(" ")[0]
    return f"{place} {row['reason']}" if place.isdigit() else str(row["reason"])


def texts_before(store: Store, manifest: Manifest, ids: Iterable[str]) -> dict[str, str]:
    """The texts that these rows came to the level with, as far as the level before is still there."""
    wanted = pa.array(sorted(ids), pa.string())
    if not len(wanted) or not manifest.parents or not store.exists(manifest.parents[0].manifest):
        return {}
    path = manifest.parents[0].manifest
    found: dict[str, str] = {}
    for rows in read_rows(store, path.rsplit("/", 1)[0], load(Manifest, store, path), "data", ["id", "text"]):
        hit = rows.filter(pc.is_in(rows.column("id"), value_set=wanted))
        found |= dict(zip(hit.column("id").to_pylist(), hit.column("text").to_pylist(), strict=True))
        if len(found) == len(wanted):
            break
    return found


def _smallest(rows: list[dict[str, Any]], wanted: int) -> None:
    rows.sort(key=lambda row: row["id"] or "")
    del rows[wanted:]
