"""Why one document was kept or dropped: its way through the levels of a store, every rule's value beside its threshold.

A document is named by its id, by the first six or more digits of it, or by its url.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.runs.values import found_language, values_of
from pipeline.books.manifest import Manifest, load
from pipeline.publish.release import UnknownRef, load_release, resolve
from pipeline.store.checked import check_sha256, open_checked
from pipeline.store.shard import FileEntry
from pipeline.store.store import Store

FATES = {"data": "kept", "dropped": "dropped", "quarantine": "quarantined", "clusters": "in a cluster"}
PREFIX = re.compile("[0-9a-f]{6,31}")
"""Of an id, which has 32 digits."""
NAMES = ("id", "url", "parent_id", "cluster", "kept_id")
"""Columns in which a document can be named."""
TEXTS = ("text", "source_text")
COPIES_SHOWN = 10
"""Of the documents that were dropped in favour of this one."""
RUN_WORDS, RUNS_SHOWN, WORDS_SHOWN = 5, 3, 40
"""Shared text: least words of a run, the longest runs, words shown of each."""


def trace(store: Store, name: str, ref: str | None = None) -> list[dict[str, Any]]:
    """Every row of every finished level that is about this id or url, in the order of the levels.

    `ref`: only of the levels behind this version.
    """
    found = []
    levels = list(manifests(store, ref))
    name = _whole_name(store, name, levels)
    names = {name}  # the url, and the ids that go with it
    for path, manifest in levels:
        folder = path.rsplit("/", 1)[0]
        for role, fate in FATES.items():
            rows = [row for file in manifest.of(role) for row in _rows(store, f"{folder}/{file.path}", file, names)]
            names |= {row["id"] for row in rows if row.get("url") == name and "id" in row}
            if role == "clusters":
                rows = _with_shared_text(store, _few(rows, names), names)
            elif role in ("data", "dropped"):
                rows = [row | _values(store, manifest, row) for row in rows]
            found += [{"level": manifest.level, "recipe_id": manifest.recipe_id, "fate": fate} | row for row in rows]
    return found


def _values(store: Store, manifest: Manifest, row: dict[str, Any]) -> dict[str, Any]:
    """What every rule of the level says of the row, and the language that was found in it."""
    measured = values_of(store, manifest, row.get("id", ""))
    if isinstance(measured, str):
        return {"values_unknown": measured} if measured else {}
    rules = [
        {
            "rule": rule.full_name,
            "value": _finite(rule.value[0]),
            "threshold": _finite(rule.threshold[0]),
            "breaks": bool(rule.breaks[0]),
        }
        for rule in measured.rules
    ]
    language = found_language(measured)
    return {"values": rules} | ({"found_language": [language[0], round(language[1], 4)]} if language else {})


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _whole_name(store: Store, name: str, levels: Iterable[tuple[str, Manifest]]) -> str:
    """The id that begins with these digits, or the name as it is. UnknownRef if several do."""
    if not PREFIX.fullmatch(name):
        return name
    ids: set[str] = set()
    for path, manifest in levels:
        folder = path.rsplit("/", 1)[0]
        for file in (file for role in ("data", "dropped", "quarantine") for file in manifest.of(role)):
            with open_checked(store, f"{folder}/{file.path}", file) as opened:
                for group in range(opened.num_row_groups):
                    column = opened.read_row_group(group, ["id"]).column("id")
                    ids |= set(column.filter(pc.starts_with(column, name)).to_pylist())
    if len(ids) > 1:
        raise UnknownRef(f"{len(ids)} ids begin with '{name}': {', '.join(sorted(ids)[:5])} …; give more of its digits")
    return ids.pop() if ids else name


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


def manifests(store: Store, ref: str | None = None) -> Iterator[tuple[str, Manifest]]:
    """(path, manifest) of every finished level, first level first; of those behind a version, if one is named."""
    if ref is not None:
        for level in load_release(store, resolve(store, ref)).levels:
            yield level.manifest, load(Manifest, store, level.manifest)
        return
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


NOT_SHOWN = ("level", "recipe_id", "fate", "meta", "values", "values_unknown", "found_language")


def explain_lines(rows: list[dict[str, Any]]) -> list[str]:
    """One line per level and fate, under it one per rule."""
    lines = []
    for row in rows:
        details = {key: value for key, value in row.items() if key not in NOT_SHOWN}
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
        lines += _value_lines(row)
    return lines


def _value_lines(row: dict[str, Any]) -> list[str]:
    """A line per rule; the one that dropped the row is marked, and those that would have as well."""
    lines = []
    if why := row.get("values_unknown"):
        lines.append(f"{'':<14}   values of the rules are not known: {why}")
    if "found_language" in row:
        name, score = row["found_language"]
        lines.append(f"{'':<14}   language found: {name or 'none'} ({score:.4g})")
    reason = f"{str(row.get('step', ''))[:2]} {row.get('reason', '')}" if row["fate"] == "dropped" else ""
    for one in row.get("values", ()):
        value = "-" if one["value"] is None else f"{one['value']:.4g}"
        limit = "no limit" if one["threshold"] is None else f"threshold {one['threshold']:.4g}"
        mark = "  <- dropped here" if one["rule"] == reason else "  breaks it too" if one["breaks"] else ""
        lines.append(f"{'':<14}   {one['rule']:<46} {value:>10}  {limit}{mark}")
    return lines
