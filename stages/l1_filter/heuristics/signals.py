"""Keep what a filter measures beside each document, so that thresholds can be tuned without reading the text again.

| column          | type    | meaning                                                          |
|-----------------|---------|------------------------------------------------------------------|
| `<kind>_<rule>` | float32 | the value that the rule compares, one column for each rule       |

Values are measured for every row and also for rules whose limit is null. A dropped row takes its values with it: to
look for looser limits, run with limits of null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch, BoolArray
from pipeline.steps import FloatArray, Judgement, Outcome, RowStep


class Measured(Judgement):
    """A judgement that remembers the values of each rule for all rows."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.values: dict[str, FloatArray | Sequence[float] | float | None] = {}

    def drop(
        self,
        where: BoolArray,
        rule: str,
        value: FloatArray | Sequence[float] | float | None = None,
        threshold: FloatArray | float | None = None,
    ) -> None:
        self.values[rule] = value
        super().drop(where, rule, value, threshold)

    def place(self, part: Measured, rows: np.ndarray[Any, Any]) -> None:
        """Take over the judgement of some rows, whose rules may have limits of their own."""
        self.rules += [rule for rule in part.rules if rule not in self.rules]
        numbers = np.array([*(self.rules.index(rule) for rule in part.rules), -1], np.int32)
        self.rule[rows] = numbers[part.rule]
        self.value[rows], self.threshold[rows] = part.value, part.threshold
        for rule, value in part.values.items():
            if isinstance(known := self.values.get(rule), np.ndarray):
                known[rows] = value


class Measuring(RowStep):
    """A filter that can keep its signals. It must come before `Filter` or `Transform` among the bases."""

    keep_signals: bool = False
    """Add a float32 column `<kind>_<rule>` for each rule that measures something."""

    def signals(self) -> tuple[str, ...]:
        """The rules that measure something."""
        raise NotImplementedError

    def columns(self) -> tuple[pa.Field, ...]:
        return tuple(pa.field(f"{self.kind}_{rule}", pa.float32()) for rule in self.signals() if self.keep_signals)

    def process(self, batch: Batch) -> Outcome:
        outcome: Outcome = super().process(batch)  # type: ignore[safe-super]  # that of Filter or Transform
        if self.keep_signals:
            assert isinstance(outcome.judgement, Measured)
            for column, rule in zip(self.columns(), self.signals(), strict=True):
                values = np.asarray(outcome.judgement.values[rule], np.float32)
                outcome.batch = outcome.batch.with_column(column, pa.array(values))
        return outcome
