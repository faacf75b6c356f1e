"""A grouping step on a few rows, without a level around it."""

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

Decide = Callable[..., dict[tuple[int, int], dict[str, Any]]]


@pytest.fixture
def decide(tmp_path: Path) -> Decide:
    """decide(step, rows, shards=2) → decision per (shard, row); rows are dicts with at least id and text."""
    runs = 0

    def run(step: GroupingStep, rows: list[dict[str, Any]], shards: int = 2) -> dict[tuple[int, int], dict[str, Any]]:
        nonlocal runs
        runs += 1
        folder = tmp_path / str(runs)
        folder.mkdir()
        store, parts = open_store(str(folder)), []
        for shard in range(shards):
            part = rows[len(rows) * shard // shards : len(rows) * (shard + 1) // shards]
            pq.write_table(pa.Table.from_pylist(part, BASE_SCHEMA), folder / f"{shard}.parquet")
            parts.append(ShardRows(shard, f"{shard}.parquet", len(part)))
        grouping = Grouping(store, InlineRunner(), "work", parts)
        step.group(grouping)
        assert grouping.decisions is not None
        found = [read_bucket(store, grouping.decisions, shard).to_pylist() for shard in range(shards)]
        return {(row["shard"], row["row"]): row for part in found for row in part}

    return run
