"""A number that came with the input as a column of its own, such as FineWeb-Edu's `score`."""

from __future__ import annotations

import json
import math
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.rows.batch import Batch
from pipeline.steps import Outcome, RowStep


class FromMeta(RowStep):
    """Add a column with the number that `meta` holds under `name`, where L0 lays whatever else an input has.

    Rows without one get null, of which the steps that select say what becomes. What is there and is no number is
    quarantined.
    """

    kind: Literal["from_meta"] = "from_meta"
    name: str = Field("score", min_length=1)
    column: str = ""
    """What to call it; `name` if nothing is said."""

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field(self.column or self.name, pa.float64()),)

    def process(self, batch: Batch) -> Outcome:
        values: list[float | None] = []
        errors: dict[int, str] = {}
        for row, meta in enumerate(batch.column("meta").to_pylist()):
            found = json.loads(meta).get(self.name) if meta else None
            values.append(None if found is None else _number(found))
            if found is not None and values[-1] is None:
                errors[row] = f"'{self.name}' of meta is {json.dumps(found)[:80]}, which is no number"
        return Outcome(batch.with_column(self.columns()[0], pa.array(values, pa.float64())), errors=errors)


def _number(value: Any) -> float | None:
    """JSON knows no nan, and whole numbers of any length."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
