"""What each rule measured over a sample: a small picture per rule, and the kept rows nearest to its threshold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from markupsafe import Markup

from pipeline.report import svg
from pipeline.run.measure import Measured, Rule

NEAREST = 5
"""Kept rows shown beside a threshold."""
SHOWN = 400
"""Characters of each text."""
DOMAINS = 12
CHANGE = 0.1
"""By this part up and down a threshold is tried."""


@dataclass(frozen=True, slots=True)
class RulePicture:
    """One rule as the page and the terminal show it."""

    name: str
    limit: float | None
    alone: int
    """Rows that break it, whatever else they break."""
    first: int
    """Rows of which it is the first reason: what a run counts."""
    only: int
    """Rows that break nothing else: what would stay without it."""
    quantiles: tuple[float, float, float] | None
    """5, 50 and 95 % of the values."""
    looser: int | None
    """Rows that break it with the threshold moved by CHANGE so that it drops less, …"""
    tighter: int | None
    picture: Markup
    nearest: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SampleView:
    """A measured sample, ready to be shown."""

    rows: int
    kept: int
    rules: list[RulePicture]
    left_out: Mapping[str, str]
    lengths: Markup
    domains: list[tuple[str, int, int]]
    """(host, rows, kept of them)"""
    languages: list[tuple[str, int, int]]
    repeats: int
    """Rows whose text an earlier row has."""
    source: str = ""
    """Where the rows are from, in words."""


def view_of(measured: Measured, texts: list[str], source: str = "") -> SampleView:
    """`texts`: as they came in, since steps may have changed those of the batch."""
    rows, rules = len(measured.batch), measured.rules
    broken = np.sum([rule.breaks for rule in rules], axis=0) if rules else np.zeros(rows, int)
    kept = broken == 0
    pictures = [
        _picture(rule, first, broken, texts, measured)
        for rule, first in zip(rules, measured.first_breaks(), strict=True)
    ]
    sizes = np.log10(np.maximum([len(text) for text in texts], 1))
    names = measured.batch.rows.schema.names
    urls = measured.batch.rows.column("url").to_pylist() if "url" in names else []
    languages = measured.batch.rows.column("language").to_pylist() if "language" in names else []
    return SampleView(
        rows=rows,
        kept=int(kept.sum()),
        rules=pictures,
        left_out=measured.left_out,
        lengths=svg.histogram(sizes[kept], sizes[~kept], (), "characters, as powers of ten"),
        domains=_shares(((urlsplit(url or "").hostname or "(none)") for url in urls), kept),
        languages=_shares((language or "(none)" for language in languages), kept),
        repeats=rows - len(set(texts)),
        source=source,
    )


def moved(rule: Rule, limit: float) -> int | None:
    """Rows that would break the rule at another limit; None where it measures nothing."""
    below = rule.drops_below
    if below is None:
        return None
    values = rule.value[np.isfinite(rule.value)]
    return int((values < limit).sum() if below else (values > limit).sum())


def _picture(rule: Rule, first: Any, broken: Any, texts: list[str], measured: Measured) -> RulePicture:
    known = rule.value[np.isfinite(rule.value)]
    limit, below = rule.limit, rule.drops_below
    quantiles = tuple(float(at) for at in np.quantile(known, [0.05, 0.5, 0.95])) if len(known) else None
    sides: tuple[int | None, int | None] = (None, None)
    if limit is not None and below is not None:
        step = abs(limit) * CHANGE
        down, up = moved(rule, limit - step), moved(rule, limit + step)
        sides = (down, up) if below else (up, down)
    return RulePicture(
        name=rule.full_name,
        limit=limit,
        alone=int(rule.breaks.sum()),
        first=int(first.sum()),
        only=int((rule.breaks & (broken == 1)).sum()),
        quantiles=quantiles,  # type: ignore[arg-type]  # three of them
        looser=sides[0],
        tighter=sides[1],
        picture=svg.histogram(
            rule.value[~rule.breaks], rule.value[rule.breaks], () if limit is None else (limit,), rule.full_name
        ),
        nearest=_nearest(rule, broken == 0, texts, measured),
    )


def _nearest(rule: Rule, kept: Any, texts: list[str], measured: Measured) -> list[dict[str, Any]]:
    if not rule.breaks.any():
        return []
    places = np.flatnonzero(kept & np.isfinite(rule.value) & np.isfinite(rule.threshold))
    order = np.argsort(np.abs(rule.value[places] - rule.threshold[places]), kind="stable")[:NEAREST]
    return [
        {
            "name": _name(measured, int(place)),
            "value": float(rule.value[place]),
            "threshold": float(rule.threshold[place]),
            "text": texts[place][:SHOWN],
        }
        for place in places[order]
    ]


def _name(measured: Measured, place: int) -> str:
    rows = measured.batch.rows
    for column in ("url", "id"):
        if column in rows.schema.names and (value := rows.column(column)[place].as_py()):
            return str(value)
    return f"row {place}"


def _shares(values: Iterable[str], kept: Any) -> list[tuple[str, int, int]]:
    rows: Counter[str] = Counter()
    stay: Counter[str] = Counter()
    for value, stays in zip(values, kept.tolist(), strict=False):
        rows[value] += 1
        stay[value] += bool(stays)
    return [(value, number, stay[value]) for value, number in sorted(rows.items(), key=lambda one: (-one[1], one[0]))][
        :DOMAINS
    ]
