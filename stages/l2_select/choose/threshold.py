"""Keep the documents whose score reaches a minimum."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.steps import FloatArray, Judgement, Outcome, RowStep
from stages.l2_select.score.scored import in_type_of, require_columns


class Threshold(RowStep):
    """Drop documents whose `column` is below `minimum`.

    Rule `below_minimum`. Both are compared in the column's own type: a float32 score of 0.7 reaches a minimum of 0.7,
    which as a float64 lies above it. A row without a score is quarantined: that says nothing about it.
    """

    kind: Literal["threshold"] = "threshold"
    column: str = "quality"
    minimum: float = 0.5  # Ultra-FineWeb's, deliberately untuned

    def shows(self) -> dict[str, Any]:
        return {"score": self.column, "rules": ["below_minimum"]}

    def check_input(self, schema: pa.Schema) -> None:
        require_columns(self.kind, schema, (self.column,))

    def process(self, batch: Batch) -> Outcome:
        scores = self._scores(batch)
        missing = np.isnan(scores)
        judgement = Judgement(len(batch))
        minimum = in_type_of(batch.column(self.column).type, self.minimum)
        judgement.drop(scores < minimum, "below_minimum", scores, minimum)
        message = f"column '{self.column}' holds no score for this row"
        return Outcome(batch, judgement, {int(row): message for row in np.flatnonzero(missing)})

    def _scores(self, batch: Batch) -> FloatArray:
        scores: FloatArray = batch.column(self.column).cast(pa.float64()).to_numpy(zero_copy_only=False)
        return scores
