"""Say how often each document is to be read in training, by its place among the scores.

| column    | type  | meaning                                        |
|-----------|-------|------------------------------------------------|
| `repeats` | int32 | how often to repeat the row; rows are not copied |

| rule         | value     | threshold                                             |
|--------------|-----------|-------------------------------------------------------|
| zero_repeats | the score | the lowest score of the next bin that is kept, if any |
| no_score     |           |                                                       |
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from pipeline.steps import GroupingStep
from stages.l2_select.score.scored import decisions, require_columns

if TYPE_CHECKING:
    from pipeline.run.grouping import Grouping
    from stages.l2_select.choose.quantiles import Array, Cuts

Bin = tuple[Annotated[float, Field(ge=0, lt=100)], Annotated[int, Field(ge=0)]]
HALF = Fraction(1, 2)
REPEATS = pa.field("repeats", pa.int32())
CURVES: dict[str, tuple[Bin, ...]] = {
    # Dolma 3 (arXiv 2512.13961) drops the bottom 40 % and repeats the top 5 % up to 7 times; what lies between is not
    # stated there as numbers. Ours rises evenly by vigintiles and gives 1.6 times the tokens of the input.
    "dolma3": ((0, 0), (40, 1), (60, 2), (75, 3), (85, 4), (90, 5), (95, 7)),
}


class Upsample(GroupingStep):
    """Add `repeats`, from the bin that a row's percentile by `column` falls into; drop rows of bins with 0 repeats.

    `bins` are (from_percentile, repeats), rising from 0; without them the named `curve` holds. The n-th lowest of N
    rows is at percentile 100 (n - 1/2) / N; equal scores on a bin's edge are parted by a hash of the id.
    """

    kind: Literal["upsample"] = "upsample"
    column: str = "quality"
    bins: tuple[Bin, ...] = ()
    curve: Literal["dolma3"] = "dolma3"
    per: Literal["source", "language"] | None = None

    @model_validator(mode="after")
    def _rising(self) -> Upsample:
        edges = [edge for edge, _ in self.bins or CURVES[self.curve]]
        if edges[0] != 0 or any(edge >= after for edge, after in pairwise(edges)):
            raise ValueError(f"bins start at {edges}; the first must start at percentile 0, each later one higher")
        return self

    def columns(self) -> tuple[pa.Field, ...]:
        return (REPEATS,)

    def shows(self) -> dict[str, Any]:
        return {"score": self.column, "rules": ["zero_repeats"]}

    def check_input(self, schema: pa.Schema) -> None:
        require_columns(self.kind, schema, (self.column,), self.per)

    def group(self, grouping: Grouping) -> None:
        from stages.l2_select.choose.quantiles import find_cuts, read_scores

        rows = read_scores(grouping, (self.column,), self.per)
        cuts = find_cuts(grouping, rows, self.column, self.at_least)
        grouping.decide(grouping.reduce("decide", partial(self.decide, cuts=cuts), rows))

    def at_least(self, rows: Array) -> Array:
        """int64 (groups, bins): how many of so many rows are in each bin or a better one."""
        edges = [Fraction(str(edge)) / 100 for edge, _ in self._bins]
        return np.array([[int(n) - math.ceil(edge * int(n) - HALF) for edge in edges] for n in rows], np.int64)

    def decide(self, rows: pa.Table, cuts: Cuts) -> pa.Table:
        """One row per document, with its repeats."""
        scores = rows.column(self.column).to_numpy()
        repeats, limit = np.zeros(rows.num_rows, np.int32), np.full(rows.num_rows, np.nan)
        for number in range(len(self._bins)):
            inside = cuts.within(rows, self.column, number)
            repeats[inside] = self._bins[number][1]
            better = next((n for n in range(number + 1, len(self._bins)) if self._bins[n][1]), None)
            limit[inside] = np.nan if better is None else cuts.score_for(rows, better)[inside]
        rules = np.where(np.isnan(scores), "no_score", "zero_repeats")
        return decisions(rows, repeats == 0, rules, scores, limit, repeats=pa.array(repeats))

    @property
    def _bins(self) -> tuple[Bin, ...]:
        return self.bins or CURVES[self.curve]
