"""Two versions side by side: which rows came and went, why, what else differs in them, and what was done otherwise.

A row that went is looked for among what the levels of the later version dropped, a row that came among what those of
the earlier one did. What is in neither was in the input of one version alone, or was made of such a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.books.manifest import Manifest, load, read_rows
from pipeline.errors import shortened
from pipeline.publish.release import Release, load_release
from pipeline.rows.document import BASE_SCHEMA, content_hash, text_views
from pipeline.store.checked import read_checked
from pipeline.store.store import Store

NOT_THERE = "not in its input"
GROUPED = ("source", "language")
SHOWN = 20
QUANTILES = (0.05, 0.5, 0.95)


@dataclass
class Rows:
    """What is kept of a version's rows: 16 bytes of each id and of each text."""

    texts: dict[str, str] = field(default_factory=dict)
    """Id → hash of the text."""
    groups: dict[str, Counter[str]] = field(default_factory=dict)
    numbers: dict[str, list[np.ndarray[Any, Any]]] = field(default_factory=dict)


@dataclass
class Difference:
    """From one version to another."""

    rows: tuple[int, int]
    added: dict[str, int]
    """Why the earlier version did not have them → rows."""
    gone: dict[str, int]
    """Why the later version has them no more → rows."""
    changed: int
    """Rows of one id with another text."""
    inputs_added: int
    inputs_gone: int
    groups: dict[str, dict[str, tuple[int, int]]]
    """Column → value → rows before and after, where they differ."""
    numbers: dict[str, tuple[list[float], list[float]]]
    """Column → quantiles before and after."""
    settings: list[str]
    """What steps, parameters, models and packages were others."""

    def lines(self) -> list[str]:
        """For people."""
        lines = [
            f"rows {self.rows[0]:,} → {self.rows[1]:,}: {sum(self.added.values()):,} came, "
            f"{sum(self.gone.values()):,} went, {self.changed:,} have another text",
            f"input files: {self.inputs_added:,} came, {self.inputs_gone:,} went",
        ]
        lines += [f"came  {count:>10,}  before: {why}" for why, count in _most(self.added)]
        lines += [f"went  {count:>10,}  now: {why}" for why, count in _most(self.gone)]
        for column, values in self.groups.items():
            lines += [f"{column} {value or '(none)'}: {old:,} → {new:,}" for value, (old, new) in values.items()]
        for column, (old, new) in self.numbers.items():
            lines.append(f"{column} at 5, 50, 95 %: {_short(old)} → {_short(new)}")
        return lines + (self.settings or ["the same steps, parameters, models and packages"])


def difference(store: Store, before: str, after: str) -> Difference:
    """Between the releases in these folders of the store."""
    releases = load_release(store, before), load_release(store, after)
    old, new = (_read(store, where, release) for where, release in zip((before, after), releases, strict=True))
    levels = [_levels(store, release) for release in releases]
    came, went = new.texts.keys() - old.texts.keys(), old.texts.keys() - new.texts.keys()
    inputs = [{file["sha256"] for one in some.values() for file in one.inputs} for some in levels]
    return Difference(
        rows=(len(old.texts), len(new.texts)),
        added=_reasons(store, releases[0], levels[0], came),
        gone=_reasons(store, releases[1], levels[1], went),
        changed=sum(old.texts[one] != new.texts[one] for one in old.texts.keys() & new.texts.keys()),
        inputs_added=len(inputs[1] - inputs[0]),
        inputs_gone=len(inputs[0] - inputs[1]),
        groups=_groups(old.groups, new.groups),
        numbers={
            name: (_quantiles(old.numbers.get(name, [])), _quantiles(new.numbers.get(name, [])))
            for name in sorted(old.numbers.keys() | new.numbers.keys())
        },
        settings=[*_settings(*levels)],
    )


def _read(store: Store, directory: str, release: Release) -> Rows:
    rows = Rows()
    for file in release.files:
        for batch in read_checked(store, f"{directory}/{file.path}", file.sha256) if file.role == "data" else ():
            hashes = [content_hash(text)[:16] for text in text_views(batch.column("text"))]
            rows.texts.update(zip(batch.column("id").to_pylist(), hashes, strict=True))
            rows.numbers.setdefault("text bytes", []).append(pc.binary_length(batch.column("text")).to_numpy(False))
            for name in batch.schema.names:
                column = batch.column(name)
                if name in GROUPED:
                    rows.groups.setdefault(name, Counter()).update(value or "" for value in column.to_pylist())
                elif pa.types.is_floating(column.type) and name not in BASE_SCHEMA.names:
                    rows.numbers.setdefault(name, []).append(column.drop_null().to_numpy(False))
    return rows


def _levels(store: Store, release: Release) -> dict[str, Manifest]:
    """By name; those that are gone from the store are left out."""
    return {one.level: load(Manifest, store, one.manifest) for one in release.levels if store.exists(one.manifest)}


def _reasons(store: Store, release: Release, levels: Mapping[str, Manifest], ids: set[str]) -> dict[str, int]:
    """What became of these rows in the levels of a version, counted; of two copies of a row, of the one that got on."""
    found: dict[str, tuple[int, str, str]] = {}
    places = {one.level: one.manifest.rsplit("/", 1)[0] for one in release.levels}
    wanted = pa.array(sorted(ids), pa.string())
    for number, (name, manifest) in enumerate(levels.items()):
        for role, column in (("dropped", "reason"), ("quarantine", "step")):
            for batch in read_rows(store, places[name], manifest, role, sorted({"id", "step", column})) if ids else ():
                hit = batch.filter(pc.is_in(batch.column("id"), value_set=wanted))
                for one, step, what in zip(
                    *(hit.column(key).to_pylist() for key in ("id", "step", column)), strict=True
                ):
                    fate = (number, step or "", f"{name}: {what if role == 'dropped' else 'quarantined'}")
                    found[one] = max(found.get(one, fate), fate)
    return dict(Counter(found[one][2] if one in found else NOT_THERE for one in ids).most_common())


def _groups(old: Mapping[str, Counter[str]], new: Mapping[str, Counter[str]]) -> dict[str, dict[str, tuple[int, int]]]:
    """The values of which the count differs most."""
    found = {}
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, Counter()), new.get(name, Counter())
        values = sorted(before.keys() | after.keys(), key=lambda value: (-abs(after[value] - before[value]), value))
        differing = {value: (before[value], after[value]) for value in values if before[value] != after[value]}
        if differing:
            found[name] = dict(list(differing.items())[:SHOWN])
    return found


def _quantiles(parts: list[np.ndarray[Any, Any]]) -> list[float]:
    values = np.concatenate(parts) if parts else np.array([])
    return [round(float(one), 4) for one in np.quantile(values, QUANTILES)] if len(values) else []


def _settings(old: Mapping[str, Manifest], new: Mapping[str, Manifest]) -> Iterator[str]:
    """A line for each step, parameter, model or package that is another one."""
    for level in dict.fromkeys([*old, *new]):
        if level not in old or level not in new:
            yield f"{level}: only in the {'later' if level in new else 'earlier'} version"
            continue
        before, after = old[level], new[level]
        steps = [dict(zip(one.names, one.steps, strict=True)) for one in (before, after)]
        lines = [*_steps(level, *steps), *_changes(f"{level}: package ", before.versions, after.versions)]
        yield from lines
        alike = before.inputs == after.inputs and [one.recipe_id for one in before.parents] == [
            one.recipe_id for one in after.parents
        ]
        if not lines and alike and before.recipe_id != after.recipe_id:
            yield f"{level}: the code that its steps reach, or the core's protocol, is another one"


def _steps(level: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*old, *new]):
        if name not in old or name not in new:
            yield f"{level}: step {name} only in the {'later' if name in new else 'earlier'} version"
        else:
            hidden = ("paths", "shows", "tombstones")
            kept = [{key: value for key, value in one[name].items() if key not in hidden} for one in (old, new)]
            yield from _changes(f"{level}: {name}.", *kept)


def _changes(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            yield f"{where}{key}: {_text(old.get(key))} → {_text(new.get(key))}"


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:SHOWN]


def _short(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "none"


def _text(value: Any) -> str:
    return shortened("none" if value is None else str(value), 80)
