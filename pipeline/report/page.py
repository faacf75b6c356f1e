"""report.html: one file, made from a release and the manifests behind it; nothing is run, nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.books.accounting import Groups, Passage
from pipeline.books.manifest import Manifest, load
from pipeline.publish.card import BYTES_PER_TOKEN
from pipeline.report.ablation import ablation_section
from pipeline.report.funnel import drops
from pipeline.report.rules import SampleView
from pipeline.report.samples import SHOWN, dropped_samples
from pipeline.report.section import Section, Sections, StepView, render, sections_of
from pipeline.report.selection import classifier_section, selection_sections
from pipeline.store.store import Store

FILES_NAMED = 20


@dataclass(frozen=True)
class Page:
    """What a report is about."""

    title: str
    rows: Sequence[dict[str, Any]]
    """`funnel.summary`, first level to last."""
    facts: Mapping[str, str] = field(default_factory=dict)
    samples: Mapping[str, SampleView] = field(default_factory=dict)
    """Level → what its rules measured over a sample of what came to it."""
    recipe: str = ""
    before: Before | None = None
    ablation: Mapping[str, Any] | None = None
    """What `ablation.json` says of the version."""


@dataclass(frozen=True)
class Before:
    """The version before, to compare with."""

    version: str
    rows: Sequence[dict[str, Any]]
    settings: Sequence[tuple[str, str, str]] = ()
    """(step and parameter, before, now) of all that differs"""


def report_html(page: Page, store: Store, sections: Sections | None = None) -> str:
    """The page. All text of documents is escaped."""
    levels = [_level(row, page, store, sections or {}) for row in page.rows]
    return render(
        "run.html.j2",
        page=page,
        levels=levels,
        sentence=_sentence(page.rows),
        most=max((row["rows_in"] + row["rows_made"] for row in page.rows), default=1) or 1,
        files=_files(page.rows, store),
        changes=_changes(page),
        ablation=ablation_section(page.ablation) if page.ablation else None,
        shown=SHOWN,
        files_named=FILES_NAMED,
    )


def classifier_page(card: Mapping[str, Any]) -> str:
    """The model card of a trained classifier with its pictures."""
    facts = {"sha256": card["sha256"], "normalizer": card["normalizer"]}
    for name, counts in (("trained on", "trained"), ("held out", "held_out"), ("repeats left out", "duplicates")):
        facts[name] = ", ".join(f"{rows:,} {label}" for label, rows in card[counts].items())
    facts["left out, in both"] = f"{card['in_both']:,}"
    facts |= {name: str(value) for name, value in card["settings"].items()}
    return render("classifier.html.j2", title="Quality classifier", facts=facts, body=classifier_section(card))


def _sentence(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What came out, in numbers that the template makes a sentence of."""
    if not rows:
        return {}
    first, last = rows[0], rows[-1]
    size = last.get("bytes_out", 0)
    return {
        "documents": last["rows_out"],
        "of": first["rows_in"],
        "bytes": size,
        "tokens": int(float(f"{size / BYTES_PER_TOKEN:.3g}")),  # an estimate, and no better than that
        "bytes_per_token": BYTES_PER_TOKEN,
        "seconds": sum(row.get("seconds", 0.0) for row in rows),
        "last": last["level"],
    }


def _level(row: dict[str, Any], page: Page, store: Store, sections: Sections) -> dict[str, Any]:
    """What the template shows of a level."""
    found: dict[str, Any] = {"row": row, "steps": _steps(row), "reasons": [], "groups": [], "sections": []}
    found["sample"] = page.samples.get(row["level"])
    path = row.get("manifest", "")
    if not store.exists(path):
        found["reasons"] = [{"name": name, "rows": rows, "samples": []} for name, rows in drops(row)]
        return found
    manifest, folder = load(Manifest, store, path), path.rpartition("/")[0]
    samples = dropped_samples(store, folder, manifest) if row["dropped"] else {}
    found["reasons"] = [
        {"name": name, "rows": rows, "samples": samples.get(name, [])} for name, rows in drops(row)
    ]  # fmt: skip
    found["groups"] = _by_group(manifest.groups)
    own: list[Section] = list(selection_sections(store, path, manifest))
    for name, step in zip(manifest.names, manifest.steps, strict=True):
        own += sections_of(StepView(store, folder, manifest, name, step), sections)
    found["sections"] = own
    return found


def _steps(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The stairs of a level: rows left after each step, in pipeline order."""
    left, found = row["rows_in"] + row["rows_made"], []
    for at in row.get("steps", ()):
        gone = sum(at["dropped"].values()) + at.get("quarantined", 0)
        left -= gone
        if gone or at["rows_in"]:
            found.append({"step": at["step"], "gone": gone, "left": left})
    return found


def _files(rows: Sequence[dict[str, Any]], store: Store) -> dict[str, Any]:
    """The input files: how many were read, and of which something could not be."""
    path = rows[0].get("manifest", "") if rows else ""
    if not store.exists(path):
        return {}
    manifest = load(Manifest, store, path)
    if not manifest.inputs:
        return {}
    return {
        "read": len(manifest.inputs),
        "names": [str(one["path"]) for one in manifest.inputs],
        "unreadable": unreadable(store, path.rpartition("/")[0], manifest),
        "unread_bytes": manifest.unread_bytes,
    }


def unreadable(store: Store, folder: str, manifest: Manifest) -> list[dict[str, Any]]:
    """The input files with rows that could not be read: name, how many, the first error. From L0's quarantine."""
    if not manifest.quarantined or not manifest.names or not manifest.names[0].startswith("00 "):
        return []
    found: dict[str, dict[str, Any]] = {}
    view = StepView(store, folder, manifest, manifest.names[0], manifest.steps[0])
    for batch in view.rows("quarantine"):
        for row in batch.to_pylist():
            if row["step"] == view.name:
                name = str(row["id"] or "").rpartition("#")[0] or "(rows without a place in a file)"
                one = found.setdefault(name, {"name": name, "rows": 0, "error": row["error"]})
                one["rows"] += 1
    return sorted(found.values(), key=lambda one: (-one["rows"], one["name"]))


def _by_group(groups: Groups) -> list[dict[str, Any]]:
    """A table per column that has several values: what came of each, and the share that each step dropped of it."""
    tables = []
    for column, values in groups.items():
        if len(values) < 2:
            continue
        came = {value: max(one.rows_in for one in passages.values()) for value, passages in values.items()}
        steps = sorted({step for passages in values.values() for step in passages})
        lines = [
            (value, came[value], [_share(passages.get(step)) for step in steps])
            for value, passages in sorted(values.items(), key=lambda item: -came[item[0]])
        ]
        tables.append({"column": column, "steps": steps, "lines": lines})
    return tables


def _share(passage: Passage | None) -> str:
    return f"{sum(passage.dropped.values()) / passage.rows_in:.1%}" if passage and passage.rows_in else ""


def _changes(page: Page) -> list[dict[str, Any]]:
    """Rows out of each level, before and now."""
    if page.before is None:
        return []
    earlier = {row["level"]: row for row in page.before.rows}
    return [
        {"level": row["level"], "now": row["rows_out"], "before": earlier[row["level"]]["rows_out"]}
        for row in page.rows
        if row["level"] in earlier
    ]
