"""Texts of rows that a level dropped, a few for each reason: what a threshold does is seen by reading."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.books.manifest import Manifest, load
from pipeline.store.checked import open_checked, read_checked
from pipeline.store.shard import FileEntry
from pipeline.store.store import Store

SAMPLES = 5
"""Dropped rows shown per reason."""
CHOICE = 4
"""Times as many are looked at, the first of each shard: their texts lie in few row groups."""
FILES = 10
"""Shards that samples are taken from."""
SHOWN = 400
"""Characters of each."""
COLUMNS = ["id", "url", "reason", "value", "threshold", "step", "text"]


def dropped_samples(
    store: Store, folder: str, manifest: Manifest, wanted: int = SAMPLES
) -> dict[str, list[dict[str, Any]]]:
    """Reason (`02 threshold.below_minimum`) → dropped rows, of the first ones in some of the shards."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in evenly(manifest.of("dropped")):
        for rows in read_checked(store, f"{folder}/{file.path}", file.sha256, COLUMNS):
            parts = (rows.column(name).cast(pa.string()) for name in ("step", "reason"))
            kinds = pc.binary_join_element_wise(*parts, "\n", null_handling="replace")
            for kind in kinds.unique():
                step, reason = kind.as_py().split("\n")
                known = found.setdefault(reason_of({"step": step, "reason": reason}), [])
                known += rows.filter(pc.equal(kinds, kind)).slice(0, CHOICE * wanted - len(known)).to_pylist()
    for known in found.values():
        known.sort(key=lambda row: row["id"] or "")  # a hash: these are as good as drawn
        del known[wanted:]
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
    folder, found = path.rpartition("/")[0], dict[str, str]()
    for file in load(Manifest, store, path).of("data"):
        with open_checked(store, f"{folder}/{file.path}", file) as opened:
            for group in range(opened.num_row_groups):
                here = pc.is_in(opened.read_row_group(group, ["id"]).column("id"), value_set=wanted)
                if pc.any(here).as_py():  # texts are most of a file, and few of its row groups hold one that is wanted
                    hit = opened.read_row_group(group, ["id", "text"]).filter(here)
                    found |= dict(zip(hit.column("id").to_pylist(), hit.column("text").to_pylist(), strict=True))
                if len(found) == len(wanted):
                    return found
    return found


def evenly(files: Sequence[FileEntry]) -> Sequence[FileEntry]:
    """At most FILES of them, evenly spread."""
    return files[:: max(1, -(-len(files) // FILES))]
