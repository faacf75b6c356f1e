"""Why one document was kept or dropped: its way through the levels of a store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.books.manifest import Manifest, load
from pipeline.store.checked import check_sha256, open_checked
from pipeline.store.shard import FileEntry
from pipeline.store.store import Store

FATES = {"data": "kept", "dropped": "dropped", "quarantine": "quarantined", "clusters": "in a cluster"}
NAMES = ("id", "url", "parent_id", "cluster", "kept_id")
"""Columns in which a document can be named."""
TEXTS = ("text", "source_text")
COPIES_SHOWN = 10
"""Of the documents that were dropped in favour of this one."""
RUN_WORDS, RUNS_SHOWN, WORDS_SHOWN = 5, 3, 40
"""Shared text: least words of a run, the longest runs, words shown of each."""


def trace(store: Store, name: str) -> list[dict[str, Any]]:
    """Every row of every finished level that is about this id or url, in the order of the levels."""
    found = []
    names = {name}  # the url, and the ids that go with it
    for path, manifest in manifests(store):
        folder = path.rsplit("/", 1)[0]
        for role, fate in FATES.items():
            rows = [row for file in manifest.of(role) for row in _rows(store, f"{folder}/{file.path}", file, names)]
            names |= {row["id"] for row in rows if row.get("url") == name and "id" in row}
            if role == "clusters":
                rows = _with_shared_text(store, _few(rows, names), names)
            found += [{"level": manifest.level, "recipe_id": manifest.recipe_id, "fate": fate} | row for row in rows]
    return found


def _few(rows: list[dict[str, Any]], names: set[str]) -> list[dict[str, Any]]:
    """This document's own rows, and a few of those that were dropped for it."""
    own = [row for row in rows if row["id"] in names]
    others = [row for row in rows if row["id"] not in names]
    more = [{"more_copies": len(others) - COPIES_SHOWN}] if len(others) > COPIES_SHOWN else []
    return own + others[:COPIES_SHOWN] + more


def _with_shared_text(store: Store, rows: list[dict[str, Any]], names: set[str]) -> list[dict[str, Any]]:
    """The same rows; where this document lost to another, with the text that both have."""
    for row in rows:
        if row.get("id") in names and row["kept_id"] != row["id"]:
            mine, kept = find_text(store, row["id"]), find_text(store, row["kept_id"])
            if mine is None or kept is None:
                missing = "its text" if mine is None else "the text of the kept document"
                row["shared_text"] = f"unknown: {missing} is in no level of this store"
            else:
                row["shared_text"] = shared_runs(mine, kept)
    return rows


def find_text(store: Store, name: str) -> str | None:
    """The text of a document in the last level that has it, dropped text included where it was kept."""
    for path, manifest in reversed(list(manifests(store))):
        folder = path.rsplit("/", 1)[0]
        for file in (*manifest.of("data"), *manifest.of("dropped")):
            text = _text_in(store, f"{folder}/{file.path}", file, name)
            if text is not None:
                return text
    return None


def _text_in(store: Store, path: str, entry: FileEntry, name: str) -> str | None:
    with open_checked(store, path, entry) as file:
        for group in range(file.num_row_groups):  # ids first: the text of one row group is read at most
            place = pc.index(file.read_row_group(group, ["id"]).column("id"), name).as_py()
            if place >= 0:
                check_sha256(store, path, entry.sha256)
                text: str | None = file.read_row_group(group, ["text"]).column("text")[place].as_py()
                return text
    return None


def shared_runs(text: str, other: str) -> list[str]:
    """The longest runs of words that both texts have, case and punctuation aside, as `text` spells them."""
    words, others = text.split(), other.split()
    keys, other_keys = ([re.sub(r"\W", "", word).lower() for word in side] for side in (words, others))
    starts: dict[tuple[str, ...], int] = {}
    for start in range(len(other_keys) - RUN_WORDS + 1):
        starts.setdefault(tuple(other_keys[start : start + RUN_WORDS]), start)
    runs, place = [], 0
    while place + RUN_WORDS <= len(keys):
        twin = starts.get(tuple(keys[place : place + RUN_WORDS]))
        length = 0
        if twin is not None:
            left = min(len(keys) - place, len(other_keys) - twin)
            length = next((step for step in range(left) if keys[place + step] != other_keys[twin + step]), left)
            runs.append(words[place : place + length])
        place += max(1, length)
    longest = sorted(runs, key=len, reverse=True)[:RUNS_SHOWN]
    return [f"{len(run)} words: {' '.join(run[:WORDS_SHOWN])}{' …' * (len(run) > WORDS_SHOWN)}" for run in longest]


def manifests(store: Store) -> Iterator[tuple[str, Manifest]]:
    """(path, manifest) of every finished level, first level first."""
    for path in store.list("."):
        if path.endswith("/manifest.json") and path.startswith("l"):
            yield path, load(Manifest, store, path)


def _rows(store: Store, path: str, entry: FileEntry, names: set[str]) -> list[dict[str, Any]]:
    """The rows that name one of these documents. A file with such a row is compared with its hash as a whole."""
    wanted = pa.array(sorted(names), pa.string())
    found: list[dict[str, Any]] = []
    with open_checked(store, path, entry) as file:
        known = file.schema_arrow.names
        named, shown = ([name for name in known if name in NAMES], [name for name in known if name not in TEXTS])
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, named)
            hit = reduce(pc.or_, (pc.is_in(column, value_set=wanted) for column in table.columns))
            if pc.any(hit).as_py():
                check_sha256(store, path, entry.sha256)
                found += file.read_row_group(group, shown).filter(hit).to_pylist()
    return [{key: value for key, value in row.items() if value is not None} for row in found]


def explain_lines(rows: list[dict[str, Any]]) -> list[str]:
    """One line per level and fate."""
    lines = []
    for row in rows:
        details = {key: value for key, value in row.items() if key not in ("level", "recipe_id", "fate", "meta")}
        if row["fate"] == "dropped":
            value, threshold = details.get("value"), details.get("threshold")
            measured = "" if value is None else f": measured {value:.4g}"
            limit = "" if threshold is None else f", threshold {threshold:.4g}"
            lines.append(f"{row['level']:<14} dropped by {row['reason']}{measured}{limit} (step {row['step']})")
        elif row["fate"] == "quarantined":
            lines.append(f"{row['level']:<14} quarantined at {row['step']}: {row['error']}")
        elif "more_copies" in row:
            lines.append(f"{row['level']:<14} and {row['more_copies']:,} more copies of it")
        elif "shared_text" in row:
            similar = "" if row.get("similarity") is None else f", similarity {row['similarity']:.4g}"
            lines.append(f"{row['level']:<14} {row['id']} lost to {row['kept_id']}{similar}; both have")
            runs = row["shared_text"]
            lines += [f"{'':<14}   {run}" for run in ([runs] if isinstance(runs, str) else runs or ["no run of words"])]
        else:
            facts = ", ".join(f"{key}={value}" for key, value in details.items() if key not in ("text_hash", "source"))
            lines.append(f"{row['level']:<14} {row['fate']}: {facts}")
    return lines
