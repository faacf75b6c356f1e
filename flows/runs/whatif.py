"""What other thresholds would do to a version, on a sample of the rows that came to its levels.

The signals of the sample are measured once per level and kept under `runs/signals/` of the store; another threshold is
then a comparison with kept numbers, and no text is read. A parameter that changes what is measured (such as
`short_line_length`) cannot be answered so: the sample is then measured again, and that is said.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flows.runs.models import with_trained
from flows.runs.recipe import RecipeError, parse_setting
from flows.runs.report import measuring, recipe_of, rows_before
from pipeline.books.manifest import Manifest, load
from pipeline.publish.release import load_release
from pipeline.rows.batch import Batch
from pipeline.rows.document import content_hash
from pipeline.run.measure import Measured, Rule, measure
from pipeline.run.passes import Level
from pipeline.steps import Step, step_name
from pipeline.store.store import Store

PROBE = "A line of a few plain words, which ends as lines do.\nAnd the next one - 2 of them #1 ...\n\n* and a point"
"""What a changed step is tried on: if it measures the same there, only its limits have changed."""


@dataclass(frozen=True)
class Change:
    """A step with other parameters, and what follows."""

    step: str
    setting: str
    rows: int
    came: int
    """Rows that came to the level in the whole version."""
    before: int
    """Rows of the sample that no rule of the level drops."""
    after: int
    rules: list[tuple[str, int, int]]
    """(rule, rows that break it before, after) of those that differ"""
    measured_again: bool

    def as_json(self) -> dict[str, Any]:
        names = ("rule", "before", "after")
        return {
            "step": self.step, "setting": self.setting, "sample": self.rows, "came": self.came,
            "kept_before": self.before, "kept_after": self.after,
            "rules": [dict(zip(names, one, strict=True)) for one in self.rules],
            "text_read_again": self.measured_again,
        }  # fmt: skip

    def lines(self) -> list[str]:
        share = f"{self.before / self.rows:.1%} → {self.after / self.rows:.1%}"
        how = "the sample's text was measured again" if self.measured_again else "from kept signals, no text was read"
        lines = [f"{self.step} {self.setting}: kept {self.before:,} → {self.after:,} of {self.rows:,} ({share}); {how}"]
        lines += [f"  {rule}: breaks {old:,} → {new:,}" for rule, old, new in self.rules]
        if self.rows < self.came:
            lines.append(
                f"  a sample of {self.rows:,} of {self.came:,} rows; duplicates and the like are not asked again"
            )
        return lines


def compare(store: Store, directory: str, changes: Sequence[str], sample: int) -> list[Change]:
    """Each change by itself. RecipeError if a step or a parameter is not there."""
    recipe = recipe_of(store, directory)
    if recipe is None:
        raise RecipeError("this version keeps no recipe, as it was made before recipes were kept; run it again")
    release = load_release(store, directory)
    manifests = {one.level: load(Manifest, store, one.manifest) for one in release.levels}
    found = []
    for change in changes:
        key, value = parse_setting(change)
        level, place, step, parameter = _find(recipe.levels(), key)
        manifest = manifests[level.name]
        level = with_trained(level, store, manifest.parents[0].recipe_id)
        try:
            other = type(step).model_validate(
                step.model_dump(exclude_unset=True) | {parameter: value, "kind": step.kind}
            )
        except ValueError as error:
            raise RecipeError(f"{key}={value!r}: {' '.join(str(error).split())}") from None
        found.append(_change(store, level, manifest, place, step, other, f"{parameter}={value}", sample))
    return found


def _find(levels: Sequence[Level], key: str) -> tuple[Level, int, Step, str]:
    """The step and the parameter that `gopher_quality.min_doc_words`, `l1_filter.02.minimum` or the like names."""
    *named, parameter = key.split(".")
    wanted = named[-1] if named else ""
    known = [
        (level, place, step)
        for level in levels
        for place, step in enumerate(level.steps, 1)
        if level.source is None and (len(named) < 2 or named[0] == level.name)
    ]
    matching = [one for one in known if wanted in (one[2].kind, f"{one[1]:02d}", step_name(one[1], one[2].kind))]
    if not matching:
        kinds = [one[2].kind for one in known]
        near = difflib.get_close_matches(wanted, kinds, 1)
        meant = f"did you mean '{near[0]}'? " if near else ""
        raise RecipeError(f"'{key}': no step '{wanted}' in this version; {meant}there are {', '.join(kinds)}")
    level, place, step = matching[0]
    fields = type(step).model_fields
    if parameter not in fields:
        near = difflib.get_close_matches(parameter, fields, 1, 0.4)
        meant = f"did you mean '{near[0]}'? " if near else ""
        raise RecipeError(f"'{key}': {step.kind} has no '{parameter}'; {meant}there are {', '.join(fields)}")
    return level, place, step, parameter


def _change(
    store: Store, level: Level, manifest: Manifest, place: int, step: Step, other: Step, setting: str, sample: int
) -> Change:
    name = step_name(place, step.kind)
    rules = _signals(store, level, manifest, sample)
    rows = len(rules[0].breaks) if rules else 0
    if not rows:
        raise RecipeError(f"{level.name}: no rule of it can be measured, so there is nothing to compare")
    mine = [rule for rule in rules if rule.step == name]
    old, new = (_probe(one, name) for one in (step, other))
    again = not old.rules or _values(old) != _values(new) or not all(_is_moved(rule, new) for rule in mine)
    changed = _measured_again(store, level, manifest, place, other, sample, name) if again else _moved(mine, new)
    others = [rule for rule in rules if rule.step != name]
    before = int((~_any([*others, *mine], rows)).sum())
    after = int((~_any([*others, *changed], rows)).sum())
    counts = {rule.full_name: int(rule.breaks.sum()) for rule in mine}
    later = {rule.full_name: int(rule.breaks.sum()) for rule in changed}
    differ = [
        (rule, counts.get(rule, 0), later.get(rule, 0))
        for rule in dict.fromkeys([*counts, *later])
        if counts.get(rule, 0) != later.get(rule, 0)
    ]
    return Change(name, setting, rows, manifest.rows_in, before, after, differ, again)


def _any(rules: Sequence[Rule], rows: int) -> Any:
    return np.logical_or.reduce([np.zeros(rows, np.bool_), *(rule.breaks for rule in rules)])


def _probe(step: Step, name: str) -> Measured:
    batch = Batch(pa.RecordBatch.from_pydict({"id": ["probe"], "text": [PROBE], "url": [""]}))
    return measure(measuring([step]), batch, int(name[:2]))


def _values(probe: Measured) -> list[tuple[str, str]]:
    return [(rule.name, str(rule.value[0])) for rule in probe.rules]


def _is_moved(rule: Rule, probe: Measured) -> bool:
    """Whether kept values tell what the changed step does with this rule."""
    limit = {one.name: one.threshold[0] for one in probe.rules}.get(rule.name, np.nan)
    unchanged = limit == rule.limit or (rule.limit is None and not np.isfinite(limit))
    return bool(unchanged or rule.drops_below is not None)


def _moved(rules: Sequence[Rule], probe: Measured) -> list[Rule]:
    """The same values against the thresholds of the changed step."""
    limits = {rule.name: rule.threshold[0] for rule in probe.rules}
    moved = []
    for rule in rules:
        limit, below = limits.get(rule.name, np.nan), rule.drops_below
        same = rule.limit is None or limit == rule.limit
        if same or below is None:
            moved.append(rule)
            continue
        breaks = rule.value < limit if below else rule.value > limit
        moved.append(Rule(rule.step, rule.name, breaks, rule.value, np.full(len(breaks), limit)))
    return moved


def _measured_again(
    store: Store, level: Level, manifest: Manifest, place: int, other: Step, sample: int, name: str
) -> list[Rule]:
    batch = rows_before(store, manifest, sample)
    if batch is None:
        raise RecipeError(f"{level.name}: the rows that came to it are not in this store any more")
    steps = [*level.steps[: place - 1], other]
    return [rule for rule in measure(measuring(steps), batch).rules if rule.step == name]


def _signals(store: Store, level: Level, manifest: Manifest, sample: int) -> list[Rule]:
    """The rules over the sample: from the store, or measured and kept there."""
    path = f"runs/signals/{content_hash(manifest.recipe_id, str(sample))}.parquet"
    if store.exists(path):
        return _read(store.read(path))
    batch = rows_before(store, manifest, sample)
    if batch is None:
        raise RecipeError(f"{level.name}: the rows that came to it are not in this store any more")
    rules = measure(measuring(level.steps), batch).rules
    store.replace(path, _written(rules))
    return rules


def _written(rules: Sequence[Rule]) -> bytes:
    columns = {}
    for number, rule in enumerate(rules):
        for what in ("breaks", "value", "threshold"):
            columns[f"{number:03d}|{rule.step}|{rule.name}|{what}"] = pa.array(getattr(rule, what))
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()


def _read(data: bytes) -> list[Rule]:
    table = pq.read_table(io.BytesIO(data))
    parts = {name: table.column(name).to_numpy() for name in table.column_names}
    heads = dict.fromkeys(name.rpartition("|")[0] for name in parts)
    rules = []
    for head in heads:
        _, step, name = head.split("|")
        rules.append(Rule(step, name, *(parts[f"{head}|{what}"] for what in ("breaks", "value", "threshold"))))
    return rules
