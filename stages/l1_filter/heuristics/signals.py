"""Keep what a filter measures beside each document, so that thresholds can be tuned without reading the text again.

| column          | type    | meaning                                                          |
|-----------------|---------|------------------------------------------------------------------|
| `<kind>_<rule>` | float32 | the value that the rule compares, one column for each rule       |

Values are measured for every row and also for rules whose limit is null. A dropped row takes its values with it: to
look for looser limits, run with limits of null.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.steps import Judgement, Measurement, Outcome, RowStep


class Measured(Judgement):
    """A judgement that can be put together from those of parts of the rows."""

    def place(self, part: Measured, rows: np.ndarray[Any, Any]) -> None:
        """Take over the judgement of some rows, whose rules may have limits of their own."""
        self.rules += [rule for rule in part.rules if rule not in self.rules]
        numbers = np.array([*(self.rules.index(rule) for rule in part.rules), -1], np.int32)
        self.rule[rows] = numbers[part.rule]
        self.value[rows], self.threshold[rows] = part.value, part.threshold
        for rule, found in part.measured.items():
            size = len(self.rule)
            whole = self.measured.setdefault(
                rule, Measurement(np.zeros(size, np.bool_), np.full(size, np.nan), np.full(size, np.nan))
            )
            for all_rows, some in zip(whole, found, strict=True):
                cast("np.ndarray[Any, Any]", all_rows)[rows] = np.nan if some is None else some


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
            assert outcome.judgement is not None
            for column, rule in zip(self.columns(), self.signals(), strict=True):
                found = outcome.judgement.measured.get(rule)  # none where no row is of a language with parameters
                values = (
                    np.full(len(batch), np.nan, np.float32) if found is None else np.asarray(found.value, np.float32)
                )
                outcome.batch = outcome.batch.with_column(column, pa.array(values))
        return outcome
