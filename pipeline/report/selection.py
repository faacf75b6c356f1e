"""The part of a report about rows chosen by a score: histogram, kept shares, rows around the cut, the classifier.

Read are as many shards as hold ROWS rows, first to last, so that the report of a large run takes seconds.
"""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.books.manifest import Manifest, load
from pipeline.report import pictures
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


def selection_html(store: Store, path: str) -> str:
    """Sections for each step of the level that dropped rows by a score; empty if none did."""
    manifest = load(Manifest, store, path)
    body = [_classifier(store, step) for step in manifest.steps]
    for step in manifest.steps:
        shows = step.get("shows", {})
        reasons = [f"{step['kind']}.{rule}" for rule in shows.get("rules", ())]
        if any(reason in manifest.dropped for reason in reasons):
            found = _read(store, path.rsplit("/", 1)[0], manifest, shows["score"], reasons)
            body.append(_section(step["kind"], found))
    return "".join(body)


def classifier_html(card: Mapping[str, Any]) -> str:
    """What a model card says of a trained classifier."""
    error, precision, rows = card["calibration_error"], card["precision"], sum(card["held_out"].values())
    text = (
        f"<p>On {rows:,} held-out texts: ROC-AUC {card['roc_auc']:.4f}; at a score of 0.5 precision "
        f"{'-' if precision is None else f'{precision:.3f}'}, recall {card['recall']:.3f}. Calibration error "
        f"{error['before']:.3f} before, {error['after']:.3f} after Platt's scaling, which is "
        f"{'in use' if card['settings']['calibrate'] else 'not in use'}."
    )
    if not card["deterministic"]:
        text += f" Training was not deterministic: with {card['settings']['threads']} threads another training differs."
    words = "".join(
        f"<tr><td>{html.escape(label)}</td><td>{html.escape(', '.join(word for word, _ in found[:20]))}</td></tr>"
        for label, found in card["influential_words"].items()
    )
    table = f"<table><caption>Words that speak most for a class</caption>{words}</table>"
    images = pictures.reliability(card["calibration"], card["calibrated"])
    return f"{text}</p>{images}" + pictures.precision_recall(card["precision_recall"]) + table


def _classifier(store: Store, step: Mapping[str, Any]) -> str:
    """The section of a classifier that was trained for this store."""
    model = step.get("shows", {}).get("classifier")
    for path in store.list("models") if model else ():
        if path.endswith("model_card.json"):
            card = json.loads(read_sealed(store, path))
            if card["sha256"] == model:
                return f"<h3>The classifier of {html.escape(step['column'])}</h3>{classifier_html(card)}"
    return ""


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


def _section(kind: str, found: Selection) -> str:
    note = "" if found.complete else f" The first {len(found.kept) + len(found.dropped):,} rows."
    cuts = sorted(found.thresholds)
    cut = f"{cuts[0]:.4g}" if len(cuts) == 1 else f"{cuts[0]:.4g} to {cuts[-1]:.4g}" if cuts else "none"
    body = [f"<h3>{html.escape(f'{kind} by {found.column}')}</h3><p>Threshold {cut}.{note}</p>"]
    body.append(pictures.histogram(found.kept, found.dropped, cuts, found.column))
    body += [_shares(group, values) for group, values in found.groups.items() if set(values) != {"(none)"}]
    body.append("<table><caption>Around the cut</caption><tr><th>fate</th><th>score</th><th>id</th><th>text</th></tr>")
    for fate, rows in (("kept", found.above[::-1]), ("dropped", found.below)):
        body += [
            f'<tr><td>{fate}</td><td class="n">{score:.4f}</td><td><code>{html.escape(name)}</code></td>'
            f"<td>{html.escape(text)}</td></tr>"
            for score, name, text in rows
        ]
    return "".join(body) + "</table>"


def _shares(group: str, values: Mapping[str, Counter[str]]) -> str:
    lines = [f'<table><tr><th>{group}</th><th class="n">rows</th><th class="n">kept</th><th></th></tr>']
    for value, rows in sorted(values.items(), key=lambda item: (-item[1].total(), item[0]))[:GROUPS]:
        share = 100 * rows["kept"] / rows.total()
        lines.append(
            f'<tr><td>{html.escape(value)}</td><td class="n">{rows.total():,}</td><td class="n">{share:.1f} %</td>'
            f'<td><div class="bar"><div style="width:{share:.1f}%"></div></div></td></tr>'
        )
    return "".join(lines) + "</table>"
