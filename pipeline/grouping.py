"""The one shuffle: hash-partitioned files on the store, then groups.

A table is written as an Arrow file with one record batch per bucket, so that a reader of bucket n of many files reads
only its own bytes. A bucket is a range of key hashes (tables with a `key` column), a shard (tables with a `shard`
column), or everything. Numbers of buckets follow from the data, never from the workers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.batch import Batch
from pipeline.runner import Runner, results
from pipeline.shard import read_batches
from pipeline.store import Store, open_store, temporary_file

ROWS_PER_PARTITION = 250_000
"""Documents whose keys one reduce task holds. At 14 band keys of 16 bytes each that is 56 MB."""
ROW_COLUMNS = (pa.field("shard", pa.int32()), pa.field("row", pa.int32()))
EMPTY = "none"
"""Kind of a table without columns: its shard or partition held no rows, so no function ran."""
DECISION_SCHEMA = pa.schema(
    [
        *ROW_COLUMNS,
        pa.field("rule", pa.string()),  # null: the row is kept
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
    ]
)
CLUSTER_COLUMNS = (
    pa.field("id", pa.string()),
    pa.field("cluster", pa.string()),
    pa.field("kept_id", pa.string()),
    pa.field("similarity", pa.float64()),
)


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables on the store, all bucketed alike."""

    paths: tuple[str, ...]
    buckets: int
    by: str
    """key, shard, nothing, or EMPTY"""


@dataclass(frozen=True, slots=True)
class ShardRows:
    """The rows of one shard as a grouping step sees them: a file, less what earlier decisions dropped."""

    shard: int
    path: str
    rows: int
    decisions: tuple[Tables, ...] = ()


class Grouping:
    """What a grouping step works with. Each call is a set of tasks whose results are found by name when resumed."""

    def __init__(self, store: Store, runner: Runner, directory: str, shards: Sequence[ShardRows]) -> None:
        self._store, self._runner, self._directory = store, runner, directory
        self._shards = shards
        self.rows = sum(shard.rows for shard in shards)
        self.decisions: Tables | None = None

    def map(self, name: str, keys: Callable[[Batch, pa.Table | None], pa.Table], side: Tables | None = None) -> Tables:
        """`keys(batch, side rows of this batch)` for every batch.

        It returns a table with `row` (int32, index within the batch), usually `key` (uint64), and payload; the tables
        written have `row` as index within the shard, and `shard`.
        """
        tasks = [
            _MapTask(
                self._store.root,
                f"{self._directory}/{name}/part-{shard.shard:05d}.arrow",
                shard,
                keys,
                side,
                self._buckets,
            )
            for shard in self._shards
        ]
        return self._tables(results(self._runner, _run_map, tasks))

    def reduce(self, name: str, function: Callable[[pa.Table], pa.Table], tables: Tables) -> Tables:
        """`function` once per partition: all rows of a key come together, ordered by shard and row."""
        if tables.by not in ("key", EMPTY):
            raise ValueError(f"reduce '{name}': its input has no `key` column; use collect")
        tasks = [
            _ReduceTask(
                self._store.root,
                f"{self._directory}/{name}/part-{bucket:05d}.arrow",
                tables,
                bucket,
                function,
                self._buckets,
            )
            for bucket in range(tables.buckets)
        ]
        return self._tables(results(self._runner, _run_reduce, tasks))

    def collect(self, name: str, function: Callable[[pa.Table], pa.Table], tables: Tables) -> Tables:
        """`function` once on everything: for edges and counts, not for texts."""
        task = _ReduceTask(
            self._store.root, f"{self._directory}/{name}/all.arrow", tables, None, function, self._buckets
        )
        return self._tables(results(self._runner, _run_reduce, [task]))

    def decide(self, decisions: Tables) -> None:
        """Rows to drop or to mark: DECISION_SCHEMA, CLUSTER_COLUMNS if there are clusters, and the step's columns."""
        if decisions.by not in ("shard", EMPTY):
            raise ValueError("decisions need a `shard` column and no `key` column")
        self.decisions = decisions

    def _part(self, name: str, number: int) -> str:
        return f"{self._directory}/{name}/part-{number:05d}.arrow"

    @property
    def _buckets(self) -> dict[str, int]:
        partitions = max(1, -(-self.rows // ROWS_PER_PARTITION))
        return {"key": partitions, "shard": max((shard.shard for shard in self._shards), default=0) + 1, "": 1}

    def _tables(self, written: Sequence[tuple[str, str]]) -> Tables:
        by = {kind for _, kind in written} - {EMPTY}
        if len(by) > 1:
            raise ValueError(f"a grouping function returned tables with different columns: {sorted(by)}")
        kind = by.pop() if by else EMPTY
        return Tables(tuple(path for path, _ in written), self._buckets.get(kind, 1), kind)


@dataclass(frozen=True, slots=True)
class _MapTask:
    store: str
    output: str
    shard: ShardRows
    keys: Callable[[Batch, pa.Table | None], pa.Table]
    side: Tables | None
    buckets: dict[str, int]


@dataclass(frozen=True, slots=True)
class _ReduceTask:
    store: str
    output: str
    tables: Tables
    bucket: int | None
    function: Callable[[pa.Table], pa.Table]
    buckets: dict[str, int]


def _run_map(task: _MapTask) -> tuple[str, str]:
    store = open_store(task.store)
    if store.exists(task.output):
        return task.output, _kind_of(store, task.output)
    side = read_bucket(store, task.side, task.shard.shard) if task.side else None
    tables = []
    for first, rows, batch in kept_batches(store, task.shard):
        numbers = rows + first
        table = task.keys(batch, _rows_of(side, numbers) if side is not None else None)
        local = table.column("row").to_numpy()
        table = table.set_column(
            table.schema.get_field_index("row"), ROW_COLUMNS[1], pa.array(numbers[local].astype(np.int32))
        )
        shard = pa.array(np.full(table.num_rows, task.shard.shard, np.int32))
        tables.append(table.append_column(ROW_COLUMNS[0], shard))
    return write_buckets(store, task.output, tables, task.buckets)


def _run_reduce(task: _ReduceTask) -> tuple[str, str]:
    store = open_store(task.store)
    if store.exists(task.output):
        return task.output, _kind_of(store, task.output)
    table = read_bucket(store, task.tables, task.bucket)
    return write_buckets(store, task.output, [task.function(table)] if table.num_columns else [], task.buckets)


def kept_batches(store: Store, shard: ShardRows) -> Any:
    """(first row's number, row numbers relative to it, batch) for the rows that no decision so far has dropped.

    Columns that earlier grouping steps of this level set are not visible yet: they are added when decisions apply.
    """
    dropped = [_dropped_rows(read_bucket(store, tables, shard.shard)) for tables in shard.decisions]
    gone = np.unique(np.concatenate(dropped)) if dropped else np.empty(0, np.int64)
    first = 0
    for rows in read_batches(store.location(shard.path)):
        numbers = np.arange(first, first + rows.num_rows)
        keep = ~np.isin(numbers, gone, assume_unique=True)
        if keep.any():
            yield first, np.flatnonzero(keep), Batch(rows).filter(keep)
        first += rows.num_rows


def _dropped_rows(decisions: pa.Table) -> np.ndarray[Any, Any]:
    if not decisions.num_columns:
        return np.empty(0, np.int64)
    rows: np.ndarray[Any, Any] = (
        decisions.filter(decisions.column("rule").is_valid()).column("row").to_numpy().astype(np.int64)
    )
    return rows


def _rows_of(side: pa.Table, numbers: np.ndarray[Any, Any]) -> pa.Table:
    """The side rows of these row numbers, `row` made relative to the batch."""
    if not side.num_columns:
        return pa.table({"row": pa.array([], pa.int32())})
    rows = side.column("row").to_numpy()
    place = np.searchsorted(numbers, rows)
    here = (place < len(numbers)) & (numbers[np.minimum(place, len(numbers) - 1)] == rows)
    chosen = side.filter(pa.array(here))
    return chosen.set_column(
        chosen.schema.get_field_index("row"), ROW_COLUMNS[1], pa.array(place[here].astype(np.int32))
    )


def write_buckets(store: Store, path: str, tables: Sequence[pa.Table], buckets: dict[str, int]) -> tuple[str, str]:
    """Write tables of one schema as one Arrow file of as many record batches as there are buckets."""
    table = pa.concat_tables(tables) if tables else pa.table({})
    kind = next((name for name in ("key", "shard") if name in table.schema.names), "")
    if not table.num_columns:  # a shard with no rows left: its kind is that of its siblings, so it says nothing
        kind = EMPTY
    count = buckets.get(kind, 1)
    order, bounds = _bucket_order(table, kind, count)
    table = table.take(pa.array(order)) if kind in ("key", "shard") else table
    with temporary_file(store) as temporary:
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, table.schema, options=options) as writer:
            for start, stop in pairwise(bounds):
                part = table.slice(start, stop - start).combine_chunks()
                batches = part.to_batches()
                writer.write_batch(batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema))
        store.commit(temporary, path)
    return path, kind


def _bucket_order(table: pa.Table, kind: str, count: int) -> tuple[np.ndarray[Any, Any], list[int]]:
    if kind not in ("key", "shard"):
        return np.arange(table.num_rows), [0, table.num_rows]
    values = table.column(kind).to_numpy()
    # Ranges of the key space; keys are hashes, so ranges hold about the same.
    bucket = (values >> np.uint64(32)) * np.uint64(count) >> np.uint64(32) if kind == "key" else values
    order = np.argsort(bucket, kind="stable")
    return order, np.searchsorted(bucket[order], np.arange(count + 1)).tolist()


def read_bucket(store: Store, tables: Tables, bucket: int | None) -> pa.Table:
    """One bucket of every file, in the order of the files; all buckets if None."""
    found = []
    for path in tables.paths:
        with pa.memory_map(store.location(path)) as source:
            reader = pa.ipc.open_file(source)
            if not reader.schema.names:
                continue
            chosen = range(reader.num_record_batches) if bucket is None else [bucket]
            found += [pa.Table.from_batches([reader.get_batch(index)]) for index in chosen]
    # A function may return columns of type null for a partition without rows; others say what they are.
    return pa.concat_tables(found, promote_options="default") if found else pa.table({})


def _kind_of(store: Store, path: str) -> str:
    with pa.memory_map(store.location(path)) as source:
        names = pa.ipc.open_file(source).schema.names
    return next((name for name in ("key", "shard") if name in names), "" if names else EMPTY)
