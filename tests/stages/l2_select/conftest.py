"""A grouping step on a few scored rows, without a level around it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.grouping import Grouping
from pipeline.run.grouping_tasks import ShardRows
from pipeline.run.runners import InlineRunner
from pipeline.steps import GroupingStep
from pipeline.store.partitions import read_bucket
from pipeline.store.store import open_store

Decide = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def decide(tmp_path: Path) -> Decide:
    """decide(step, rows, shards=2) → decision per id; rows are dicts with an id and scores."""
    runs = 0

    def run(step: GroupingStep, rows: list[dict[str, Any]], shards: int = 2) -> dict[str, dict[str, Any]]:
        nonlocal runs
        runs += 1
        folder = tmp_path / str(runs)
        folder.mkdir()
        names = dict.fromkeys(name for row in rows for name in row if name not in BASE_SCHEMA.names)
        schema = pa.schema([*BASE_SCHEMA, *(pa.field(name, column_type(name)) for name in names)])
        parts, files = [], []
        for shard in range(shards):
            part = rows[len(rows) * shard // shards : len(rows) * (shard + 1) // shards]
            pq.write_table(pa.Table.from_pylist(part, schema), folder / f"{shard}.parquet")
            parts.append(ShardRows(shard, f"{shard}.parquet", len(part)))
            files.append(part)
        grouping = Grouping(open_store(str(folder)), InlineRunner(), "work", parts)
        step.group(grouping)
        assert grouping.decisions is not None
        found = {}
        for shard, part in enumerate(files):
            for row in read_bucket(open_store(str(folder)), grouping.decisions, shard).to_pylist():
                found[part[row["row"]]["id"]] = row
        return found

    return run


def column_type(name: str) -> pa.DataType:
    return pa.string() if name == "language" else pa.float32()
