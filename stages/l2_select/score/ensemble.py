"""Make one score of several, each brought to the same scale first: its percentile in the data set.

| column   | type    | meaning                                                                   |
|----------|---------|---------------------------------------------------------------------------|
| `column` | float32 | 0 to 100; null if one of the scores is missing                             |

Percentiles are read off a grid of GRID exact quantiles: they are right to 0.1. Equal scores have one percentile, in the
middle of their range. The maximum follows Nemotron-CC (arXiv 2412.02595), which takes the best of three classifiers.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pyarrow as pa
from pydantic import AliasChoices, Field, model_validator

from pipeline.steps import GroupingStep
from stages.l2_select.score.scored import decisions, require_columns

if TYPE_CHECKING:
    from pipeline.run.grouping import Grouping
    from stages.l2_select.choose.quantiles import Array, Cuts

GRID = 1000


class Ensemble(GroupingStep):
    """Add `column`: the highest or the mean percentile of the scores in `columns`. Drops nothing."""

    kind: Literal["ensemble"] = "ensemble"
    scores: Annotated[tuple[str, ...], Field(min_length=2, validation_alias=AliasChoices("columns", "scores"))]
    """In a recipe `columns`, a name that every step already uses for what it adds."""
    by: Literal["percentile_maximum", "percentile_mean"] = "percentile_maximum"
    column: str = "ensemble"

    @model_validator(mode="after")
    def _distinct(self) -> Ensemble:
        if len({*self.scores, self.column}) <= len(self.scores):
            raise ValueError(f"columns {', '.join(self.scores)} and column '{self.column}' must all be different")
        return self

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field(self.column, pa.float32()),)

    def check_input(self, schema: pa.Schema) -> None:
        require_columns(self.kind, schema, self.scores)

    def group(self, grouping: Grouping) -> None:
        from stages.l2_select.choose.quantiles import find_cuts, read_scores

        rows = read_scores(grouping, self.scores)
        grids = {score: _grid(find_cuts(grouping, rows, score, _quantiles)) for score in self.scores}
        grouping.decide(grouping.reduce("decide", partial(self.decide, grids=grids), rows))

    def decide(self, rows: pa.Table, grids: dict[str, Array]) -> pa.Table:
        """One row per document, with its percentile."""
        each = np.stack([percentiles(rows.column(score).to_numpy(), grid) for score, grid in grids.items()])
        together = each.max(axis=0) if self.by == "percentile_maximum" else each.mean(axis=0)
        values = pa.array(together.astype(np.float32), from_pandas=True)
        kept, nothing = np.zeros(rows.num_rows, np.bool_), np.full(rows.num_rows, np.nan)
        return decisions(rows, kept, np.full(rows.num_rows, ""), nothing, nothing, **{self.column: values})


def _quantiles(rows: Array) -> Array:
    """int64 (groups, GRID): the ranks, from the best, of the middle of each of GRID equal parts."""
    return 1 + ((2 * np.arange(GRID)[::-1] + 1) * rows[:, None]) // (2 * GRID)


def _grid(cuts: Cuts) -> Array:
    """float64 (GRID), ascending; empty without rows."""
    from stages.l2_select.choose.quantiles import score_at

    return score_at(cuts.place[0]) if len(cuts.groups) else np.zeros(0)


def percentiles(scores: Array, grid: Array) -> Array:
    """float64 from 0 to 100 per score; nan for nan."""
    below, up_to = np.searchsorted(grid, scores, "left"), np.searchsorted(grid, scores, "right")
    return np.where(np.isnan(scores), np.nan, (below + up_to) * (50 / max(1, len(grid))))
