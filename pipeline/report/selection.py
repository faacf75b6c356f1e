"""The part of a report about rows chosen by a score: histogram, kept shares, rows around the cut, the classifier.

Read are as many shards as hold ROWS rows, first to last, so that the report of a large run takes seconds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from markupsafe import Markup

from pipeline.books.manifest import Manifest, load
from pipeline.report import svg
from pipeline.report.section import Section, render
from pipeline.store.checked import check_sha256
from pipeline.store.sealed import read_sealed
from pipeline.store.shard import FileEntry
from pipeline.store.store import Store

ROWS = 200_000
AROUND = 3
"""Rows shown on each side of the cut."""
SHOWN = 300
"""Characters of each."""
GROUPS = 12


@dataclass
class Selection:
    """The rows that one step saw, as far as they were read."""

    column: str
    kept: list[float] = field(default_factory=list)
    dropped: list[float] = field(default_factory=list)
    thresholds: set[float] = field(default_factory=set)
    groups: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)
    """source or language → its value → rows `kept` and `dropped`."""
    above: list[tuple[float, str, str]] = field(default_factory=list)
    below: list[tuple[float, str, str]] = field(default_factory=list)
    """(score, id, text) nearest to the cut."""
    complete: bool = True


def selection_sections(store: Store, path: str, manifest: Manifest) -> Iterator[Section]:
    """Sections for the classifier of the level and for each step that dropped rows by a score."""
    for step in manifest.steps:
        if card := _card(store, step):
            yield Section(f"The classifier of {step['column']}", classifier_section(card))
    for step in manifest.steps:
        shows = step.get("shows", {})
        reasons = [f"{step['kind']}.{rule}" for rule in shows.get("rules", ())]
        if any(reason in manifest.dropped for reason in reasons):
            found = _read(store, path.rsplit("/", 1)[0], manifest, shows["score"], reasons)
            yield Section(f"{step['kind']} by {found.column}", _section(found))


def classifier_section(card: Mapping[str, Any]) -> Markup:
    """What a model card says of a trained classifier, in words and pictures."""
    held = sum(card["held_out"].values())
    lines = {
        name: [(one["mean_score"], one["positive"], one["rows"] / max(1, sum(b["rows"] for b in bins))) for one in bins]
        for name, bins in (("before calibration", card["calibration"]), ("after", card["calibrated"]))
    }
    points = [(one["recall"], one["precision"], 0.0) for one in card["precision_recall"]]
    return Markup(
        render(
            "classifier_section.html.j2",
            card=card,
            rows=held,
            error=card["calibration_error"],
            reliability=svg.curve(lines, "mean score", "share of positives", diagonal=True),
            precision_recall=svg.curve({"": points}, "recall", "precision"),
            words={
                label: ", ".join(word for word, _ in found[:20]) for label, found in card["influential_words"].items()
            },
        )
    )


def _card(store: Store, step: Mapping[str, Any]) -> dict[str, Any] | None:
    """The model card of a classifier that was trained for this store."""
    model = step.get("shows", {}).get("classifier")
    for path in store.list("models") if model else ():
        if path.endswith("model_card.json"):
            card: dict[str, Any] = json.loads(read_sealed(store, path))
            if card["sha256"] == model:
                return card
    return None


def _read(store: Store, folder: str, manifest: Manifest, column: str, reasons: list[str]) -> Selection:
    found, rows = Selection(column), 0
    for data, dropped, before in _shards(store, folder, manifest):
        if rows >= ROWS:
            found.complete = False
            break
        kept = _table(store, data, ["id", column, "source", "language"])
        gone = _table(store, dropped, ["id", "reason", "value", "threshold"])
        gone = gone.filter(pc.is_in(gone["reason"], value_set=_strings(reasons)))
        rows += kept.num_rows + gone.num_rows
        found.kept += kept[column].drop_null().to_pylist()
        found.dropped += gone["value"].drop_null().to_pylist()
        found.thresholds |= set(gone["threshold"].drop_null().unique().to_pylist())
        names = _table(store, before, ["id", "source", "language"]) if before else kept.slice(0, 0)
        names = names.filter(pc.is_in(names["id"], value_set=gone["id"].combine_chunks()))
        for group in ("source", "language"):
            for fate, table in (("kept", kept), ("dropped", names)):
                for value in pc.value_counts(table[group]).to_pylist() if group in table.column_names else ():
                    known = found.groups.setdefault(group, {}).setdefault(value["values"] or "(none)", Counter())
                    known[fate] += value["counts"]
        nearest = pc.select_k_unstable(kept, AROUND, [(column, "ascending"), ("id", "ascending")])
        found.above = sorted([*found.above, *_texts(store, kept.take(nearest), column, data)])[:AROUND]
        nearest = pc.select_k_unstable(gone, AROUND, [("value", "descending"), ("id", "ascending")])
        best = [*found.below, *_texts(store, gone.take(nearest), "value", before)]
        found.below = sorted(best, key=lambda row: (-row[0], row[1]))[:AROUND]
    return found


def _shards(store: Store, folder: str, manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """(kept, dropped, what was read) of each shard; shard n of a level reads the n-th data file of its parent."""
    parents: list[tuple[str, FileEntry]] = []
    if manifest.parents and store.exists(manifest.parents[0].manifest):
        parent = manifest.parents[0].manifest
        parents = _files(parent.rsplit("/", 1)[0], load(Manifest, store, parent), "data")
    data, dropped = (_files(folder, manifest, role) for role in ("data", "dropped"))
    for number, shard in enumerate(zip(data, dropped, strict=True)):
        read = [*shard, *(parents[number : number + 1] if len(parents) == len(data) else [])]
        for path, file in read:
            check_sha256(store, path, file.sha256)
        kept, gone, before = [*(path for path, _ in read), ""][:3]
        yield kept, gone, before


def _files(folder: str, manifest: Manifest, role: str) -> list[tuple[str, FileEntry]]:
    return [(f"{folder}/{file.path}", file) for file in manifest.of(role)]


def _table(store: Store, path: str, columns: list[str]) -> Any:
    with store.open(path) as opened:
        file = pq.ParquetFile(opened, page_checksum_verification=True)
        return file.read([name for name in columns if name in file.schema_arrow.names])


def _texts(store: Store, rows: Any, score: str, path: str) -> list[tuple[float, str, str]]:
    """(score, id, beginning of the text) of a few rows, whose texts this file holds."""
    ids, texts = rows["id"].to_pylist(), {}
    if path and ids:
        with store.open(path) as file:
            for batch in pq.ParquetFile(file, page_checksum_verification=True).iter_batches(
                4096, columns=["id", "text"]
            ):
                for row in batch.filter(pc.is_in(batch.column("id"), value_set=_strings(ids))).to_pylist():
                    texts[row["id"]] = row["text"][:SHOWN]
    scores = rows[score].to_pylist()
    return [(value, name, texts.get(name, "")) for value, name in zip(scores, ids, strict=True) if value is not None]


def _strings(values: list[str]) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.string())


def _section(found: Selection) -> Markup:
    cuts = sorted(found.thresholds)
    return Markup(
        render(
            "selection_section.html.j2",
            cut=f"{cuts[0]:.4g}" if len(cuts) == 1 else f"{cuts[0]:.4g} to {cuts[-1]:.4g}" if cuts else "none",
            rows=None if found.complete else len(found.kept) + len(found.dropped),
            picture=svg.histogram(found.kept, found.dropped, cuts, found.column, width=600),
            deciles=_deciles(found),
            groups={group: _shares(values) for group, values in found.groups.items() if set(values) != {"(none)"}},
            around=[("kept", row) for row in found.above[::-1]] + [("dropped", row) for row in found.below],
        )
    )


def _deciles(found: Selection) -> list[tuple[float, float, float]]:
    """(share of all rows, score at it, share of the rows up to it that stay), at every tenth."""
    scores = np.array([*found.kept, *found.dropped])
    stays = np.array([True] * len(found.kept) + [False] * len(found.dropped))
    scores, stays = scores[np.isfinite(scores)], stays[np.isfinite(scores)]
    if len(scores) < 10:
        return []
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, 10)
    return [((n + 1) / 10, float(scores[part[-1]]), float(stays[part].mean())) for n, part in enumerate(parts)]


def _shares(values: Mapping[str, Counter[str]]) -> list[tuple[str, int, int]]:
    """(value, rows, kept of them), most rows first."""
    ordered = sorted(values.items(), key=lambda item: (-item[1].total(), item[0]))[:GROUPS]
    return [(value, rows.total(), rows["kept"]) for value, rows in ordered]
