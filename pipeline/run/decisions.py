"""What grouping steps decided, applied to the rows it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.run.outputs import Outputs
from pipeline.steps import GroupingStep
from pipeline.store.partitions import Tables


@dataclass(frozen=True, slots=True)
class Decided:
    """What one grouping step decided, for the pass that applies it."""

    step: GroupingStep
    tables: Tables


def apply_decision(
    step: GroupingStep, name: str, table: pa.Table, batch: Batch, numbers: Any, files: Outputs
) -> tuple[Batch, Any]:
    """Drop the rows that the step decided to drop, and set its columns on those it named."""
    files.counts.come(name, len(batch))
    place, decision = _matching(table, numbers)
    if step.writes_clusters and decision.num_rows:
        files.clusters(decision)
    for column in step.columns():
        values = pa.nulls(len(batch), column.type)
        if decision.num_rows:
            index = np.full(len(batch), -1)
            index[place] = np.arange(len(place))
            values = decision.column(column.name).combine_chunks().take(pa.array(index, mask=index < 0))
        batch = batch.with_column(column, values.cast(column.type))
    if not decision.num_rows:
        files.counts.count_groups(name, batch.rows, place, [])
        return batch, numbers
    batch, changed = step.change(batch, place, decision)
    files.counts.change(name, changed)
    dropped = decision.column("rule").is_valid().to_numpy()
    chosen = decision.filter(pa.array(dropped))
    keep = np.ones(len(batch), np.bool_)
    keep[place[dropped]] = False
    rules = chosen.column("rule").to_pylist()
    files.drop(batch.rows, place[dropped], name, rules, _floats(chosen, "value"), _floats(chosen, "threshold"))
    files.counts.count_groups(name, batch.rows, place[dropped], rules)
    return batch.filter(keep), numbers[keep]


def _matching(table: pa.Table, numbers: Any) -> tuple[Any, pa.Table]:
    """(position in the batch, decision) for the decisions about these rows, in row order."""
    if not table.num_columns or not len(numbers):
        return np.empty(0, np.int64), pa.table({})
    rows = table.column("row").to_numpy()
    table = table.filter(pa.array((rows >= numbers[0]) & (rows <= numbers[-1]))).sort_by("row")
    place = np.searchsorted(numbers, table.column("row").to_numpy())
    return place, table


def _floats(table: pa.Table, name: str) -> Any:
    return table.column(name).to_numpy(zero_copy_only=False)
