"""One row step over a batch; of rows that make it raise, the others are not to suffer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.rows.document import to_schema
from pipeline.run.outputs import Outputs, column_or_null, row_ids
from pipeline.steps import Judgement, Outcome, RowStep, Step, describe, is_fault


def run_row_step(step: RowStep, name: str, batch: Batch, files: Outputs) -> Batch:
    """One step over a batch: rows it drops and rows it cannot process are written down, the others returned."""
    if not len(batch):
        return with_columns(step, batch)
    files.counts.come(name, len(batch))
    outcome = _process(step, batch)
    files.counts.change(name, outcome.changed)
    keep = np.ones(len(batch), np.bool_)
    if outcome.errors:
        bad = sorted(outcome.errors)
        rows = batch.rows.take(pa.array(bad))
        ids, urls = row_ids(rows).to_pylist(), column_or_null(rows, "url").to_pylist()
        errors = [outcome.errors[row] for row in bad]
        files.quarantine(name, list(zip(ids, urls, errors, strict=True)))
        keep[bad] = False
    judgement = outcome.judgement
    gone, rules = np.empty(0, np.int64), []
    if judgement is not None:
        gone = np.flatnonzero(keep & ~judgement.kept)
        rules = [judgement.rules[index] for index in judgement.rule[gone]]
        if len(gone):
            files.drop(batch.rows, gone, name, rules, judgement.value[gone], judgement.threshold[gone])
        keep &= judgement.kept
    files.counts.count_groups(name, batch.rows, gone, rules, [column.name for column in step.columns()])
    return outcome.batch.filter(keep)


def _process(step: RowStep, batch: Batch) -> Outcome:
    """The step's outcome; if it raises, the rows that make it raise are found by halving and become errors."""
    try:
        return step.process(batch)
    except Exception as error:
        if is_fault(error):
            raise
        if len(batch) == 1:
            return Outcome(with_columns(step, batch), errors={0: describe(error)})
    middle = len(batch) // 2
    halves = [_process(step, batch.slice(0, middle)), _process(step, batch.slice(middle, len(batch) - middle))]
    return _joined(halves, middle)


def _joined(halves: list[Outcome], middle: int) -> Outcome:
    first, second = halves
    schema = max((half.batch.rows.schema for half in halves), key=len)
    rows = pa.Table.from_batches([to_schema(half.batch.rows, schema) for half in halves]).combine_chunks()
    errors = first.errors | {row + middle: error for row, error in second.errors.items()}
    changed = {
        name: first.changed.get(name, 0) + second.changed.get(name, 0) for name in {*first.changed, *second.changed}
    }
    judgement = None
    if first.judgement is not None or second.judgement is not None:
        judgement = Judgement(rows.num_rows)
        for half, start in ((first, 0), (second, middle)):
            if half.judgement is not None:
                judgement.join(half.judgement, start)
    return Outcome(Batch(rows.to_batches()[0]), judgement, errors, changed)


def with_columns(step: Step, batch: Batch) -> Batch:
    """The batch with the step's columns as nulls where they are missing: for rows that it did not process."""
    for column in step.columns():
        if column.name not in batch.rows.schema.names:
            batch = batch.with_column(column, pa.nulls(len(batch), column.type))
    return batch
