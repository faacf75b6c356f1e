"""Keep the best share of the documents by a score.

| rule               | value      | threshold                                       |
|--------------------|------------|-------------------------------------------------|
| below_top_fraction | the score  | the lowest score that stays in the row's group  |
| no_score           |            |                                                 |

Of equal scores those with the smaller hash of the id stay, so a dropped row may have the threshold's value.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from pipeline.steps import GroupingStep
from stages.l2_select.score.scored import decisions, require_columns

if TYPE_CHECKING:
    from pipeline.run.grouping import Grouping
    from stages.l2_select.choose.quantiles import Array, Cuts


class TopFraction(GroupingStep):
    """Keep the best `fraction` of the rows by `column`: of all, or of each source or language (at least one row).

    The number kept is exact, rounded up. Rows without a score are not counted and dropped.
    """

    kind: Literal["top_fraction"] = "top_fraction"
    column: str = "quality"
    fraction: Annotated[float, Field(gt=0, le=1)] = 0.1
    per: Literal["source", "language"] | None = None

    def shows(self) -> dict[str, Any]:
        return {"score": self.column, "rules": ["below_top_fraction"]}

    def check_input(self, schema: pa.Schema) -> None:
        require_columns(self.kind, schema, (self.column,), self.per)

    def group(self, grouping: Grouping) -> None:
        from stages.l2_select.choose.quantiles import find_cuts, read_scores

        rows = read_scores(grouping, (self.column,), self.per)
        cuts = find_cuts(grouping, rows, self.column, self.kept)
        grouping.decide(grouping.reduce("decide", partial(self.decide, cuts=cuts), rows))

    def kept(self, rows: Array) -> Array:
        """int64 (groups, 1): how many of so many rows stay."""
        share = Fraction(str(self.fraction))  # 0.1 as written: as a binary fraction 0.1 * 30 rounds up to 4
        return np.array([[math.ceil(share * int(count))] for count in rows], np.int64)

    def decide(self, rows: pa.Table, cuts: Cuts) -> pa.Table:
        """One row per document that is dropped."""
        scores = rows.column(self.column).to_numpy()
        gone = ~cuts.within(rows, self.column, 0)
        limit = cuts.score_for(rows, 0)
        rules = np.where(np.isnan(scores), "no_score", "below_top_fraction")
        return decisions(rows, gone, rules, scores, np.where(np.isnan(scores), np.nan, limit))
