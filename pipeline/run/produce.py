"""A producer over a shard: the rows that come in pass, and behind those of the level's first shard come its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.rows.document import content_hash, level_schema, to_schema
from pipeline.run.outputs import Outputs
from pipeline.steps import Producer, Reason

ROWS = 1_000
"""Written at once."""
Produced = tuple[Mapping[str, Any], Reason | str | None]


def run_producer(step: Producer, name: str, batches: Iterator[Batch], files: Outputs, is_here: bool) -> Iterator[Batch]:
    """The rows that come in, with the step's columns empty, and if `is_here` the step's. Each is kept or told why."""
    schema = level_schema(step.columns())
    for batch in batches:
        files.counts.come(name, len(batch))
        schema = level_schema(step.columns(), batch.rows.schema)
        yield Batch(to_schema(batch.rows, schema))
    produced = step.produce() if is_here else iter(())
    while some := list(itertools.islice(produced, ROWS)):
        yield Batch(to_schema(_kept(step, name, some, files), schema))


def _kept(step: Producer, name: str, some: list[Produced], files: Outputs) -> pa.RecordBatch:
    files.counts.rows_made += len(some)
    files.counts.come(name, len(some))
    rows = pa.RecordBatch.from_pylist([_row(columns) for columns, _ in some], level_schema(step.columns()))
    outcomes = [outcome for _, outcome in some]
    refused = [(row, outcome) for row, outcome in enumerate(outcomes) if isinstance(outcome, Reason)]
    if refused:
        values, thresholds = (
            np.array([getattr(reason, number) for _, reason in refused], np.float64)
            for number in ("value", "threshold")
        )
        rules = [str(reason) for _, reason in refused]
        files.drop(rows, np.array([row for row, _ in refused]), name, rules, values, thresholds)
    ids = rows.column("id").to_pylist()
    broken = [
        (ids[row], "", outcome)
        for row, outcome in enumerate(outcomes) if isinstance(outcome, str) and not isinstance(outcome, Reason)
    ]  # fmt: skip
    if broken:
        files.quarantine(name, broken)
    return rows.filter(pa.array([outcome is None for outcome in outcomes]))


def _row(columns: Mapping[str, Any]) -> dict[str, Any]:
    text = columns["text"]
    return {
        "id": content_hash(columns["source"], text),
        "text_hash": content_hash(text),
        "url": "",
        "date": "",
        **columns,
    }
