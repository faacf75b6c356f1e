"""What each rule of each step measures in some rows, those included that an earlier rule drops.

A level stops at a row's first reason, which is what running it takes. Who chooses thresholds, or asks why a document
went, wants to see every value of every rule: `orefine explain`, `analyze`, `what-if` and the report call this on a few
rows or a sample. Rows run through all steps that look at one row by itself; steps that compare rows (duplicates), ask
models or people are left out, and so are those that a run trains first, that read columns of steps left out, or that
raise on one of the rows (run it: the row goes to quarantine).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.errors import describe, is_fault
from pipeline.rows.batch import Batch, BoolArray
from pipeline.steps import Checker, FloatArray, Generator, Outcome, RowStep, Step, step_name

NOT_BY_ITSELF = "it looks at several rows, or asks a model or people"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one step over all rows: what it measured, against what, and which rows break it."""

    step: str
    """By place and kind: `02 gopher_quality`."""
    name: str
    breaks: BoolArray
    value: FloatArray
    """NaN where nothing was measured."""
    threshold: FloatArray

    @property
    def full_name(self) -> str:
        return f"{self.step}.{self.name}"

    @property
    def limit(self) -> float | None:
        """The threshold, if it is one for all rows."""
        known = np.unique(self.threshold[np.isfinite(self.threshold)])
        return float(known[0]) if len(known) == 1 else None

    @property
    def drops_below(self) -> bool | None:
        """Whether the rule drops what lies below its threshold; None where no row tells."""
        seen = np.isfinite(self.value) & np.isfinite(self.threshold)
        apart = seen & (self.value != self.threshold)
        if not apart.any():
            return None
        first = int(np.flatnonzero(apart)[0])
        return bool((self.value[first] < self.threshold[first]) == self.breaks[first])


@dataclass(frozen=True, slots=True)
class Measured:
    """What `measure` found."""

    batch: Batch
    """The rows as the steps left them: texts changed, columns added, none taken out."""
    rules: list[Rule]
    """In the order in which they are asked."""
    left_out: dict[str, str]
    """Step → why nothing is known of it."""

    def first_breaks(self) -> list[BoolArray]:
        """Per rule the rows whose first reason it is: what a run counts as dropped by it."""
        found, open_rows = [], np.ones(len(self.batch), np.bool_)
        for rule in self.rules:
            found.append(rule.breaks & open_rows)
            open_rows &= ~rule.breaks
        return found


def measure(steps: Sequence[Step], batch: Batch, first_place: int = 1) -> Measured:
    """All rules of these steps over all rows."""
    rules: list[Rule] = []
    left_out: dict[str, str] = {}
    not_added: dict[str, str] = {}
    for place, step in enumerate(steps, first_place):
        name = step_name(place, step.kind)
        if not isinstance(step, RowStep) or isinstance(step, Generator | Checker):
            left_out[name] = NOT_BY_ITSELF
        elif pending := step.pending():
            left_out[name] = f"a run {pending} first"
        elif len(batch):
            try:
                step.check_input(batch.rows.schema)
                step.prepare()
                outcome = step.process(batch)
            except Exception as error:
                if is_fault(error):
                    raise
                without = [f"'{column}' of {by}" for column, by in not_added.items() if f"'{column}'" in str(error)]
                left_out[name] = f"it needs column {without[0]}" if without else describe(error)
            else:
                rules += _rules(name, outcome, len(batch))
                batch = outcome.batch
        if name in left_out:
            not_added |= {field.name: name for field in step.columns()}
    return Measured(batch, rules, left_out)


def _rules(name: str, outcome: Outcome, rows: int) -> Iterable[Rule]:
    judgement = outcome.judgement
    if judgement is None:
        return
    for rule, found in judgement.measured.items():
        breaks = np.asarray(found.breaks, np.bool_)
        value, threshold = _full(found.value, rows), _full(found.threshold, rows)
        if np.ndim(found.value if found.value is not None else 0) == 0:  # a yes or no: 1 says something where it breaks
            value, threshold = np.where(breaks, value, np.nan), np.where(breaks, threshold, np.nan)
        yield Rule(name, rule, breaks, value, threshold)
    for rule in judgement.rules:
        if rule not in judgement.measured:  # a step written per document tells the rows that it drops alone
            here = judgement.rule == judgement.rules.index(rule)
            yield Rule(name, rule, here, np.where(here, judgement.value, np.nan), judgement.threshold)


def _full(numbers: Any, rows: int) -> FloatArray:
    if numbers is None:
        return np.full(rows, np.nan)
    return np.broadcast_to(np.asarray(numbers, np.float64), (rows,)).copy()
