"""What a filter says of a batch: per row whether it stays, or which rule it broke, by what value and threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.rows.batch import BoolArray

FloatArray = np.ndarray[tuple[int], np.dtype[np.float64]]


class Reason(str):
    """A rule's name that also carries the measured value and the threshold it broke."""

    value: float | None
    threshold: float | None

    def __new__(cls, rule: str, value: float | None = None, threshold: float | None = None) -> Reason:
        reason = super().__new__(cls, rule)
        reason.value, reason.threshold = value, threshold
        return reason


Numbers = FloatArray | Sequence[float] | float | None


class Measurement(NamedTuple):
    """What a rule found in every row of a batch, those included that another rule had dropped before."""

    breaks: BoolArray
    value: Numbers
    threshold: Numbers


class Judgement:
    """Per row: kept, or the first rule it broke with the measured value and the threshold."""

    def __init__(self, rows: int) -> None:
        self.measured: dict[str, Measurement] = {}
        """Rule → what it found, for whoever wants to see more than the first reason (`pipeline.run.measure`)."""
        self.rules: list[str] = []
        self.rule = np.full(rows, -1, np.int32)
        """Index into `rules`; -1 for a row that is kept."""
        self.value: FloatArray = np.full(rows, np.nan)
        self.threshold: FloatArray = np.full(rows, np.nan)

    @property
    def kept(self) -> BoolArray:
        return self.rule < 0

    def drop(
        self,
        where: BoolArray,
        rule: str,
        value: Numbers = None,
        threshold: Numbers = None,
    ) -> None:
        """Drop the rows in `where` that no earlier rule has dropped: the first reason stands."""
        self.measured[rule] = Measurement(where, value, threshold)
        chosen = where & self.kept
        if rule not in self.rules:
            self.rules.append(rule)
        self.rule[chosen] = self.rules.index(rule)
        if value is not None:
            self.value[chosen] = np.broadcast_to(np.asarray(value, np.float64), chosen.shape)[chosen]
        if threshold is not None:
            self.threshold[chosen] = np.broadcast_to(np.asarray(threshold, np.float64), chosen.shape)[chosen]

    def join(self, part: Judgement, start: int) -> None:
        """Take over the judgement of the rows from `start` on."""
        for row in np.flatnonzero(~part.kept):
            self.drop_row(start + int(row), Reason(part.rules[part.rule[row]], part.value[row], part.threshold[row]))

    def drop_row(self, row: int, reason: str) -> None:
        """Drop one row, for steps written per document. A `Reason` brings its value and threshold."""
        if reason not in self.rules:
            self.rules.append(str(reason))
        self.rule[row] = self.rules.index(reason)
        value, threshold = getattr(reason, "value", None), getattr(reason, "threshold", None)
        self.value[row] = np.nan if value is None else value
        self.threshold[row] = np.nan if threshold is None else threshold
