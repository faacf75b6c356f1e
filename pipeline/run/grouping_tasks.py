"""What the tasks of a shuffle do: tables of a shard, of an earlier index or of a partition, found by name or made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.store.checked import read_checked
from pipeline.store.index import IndexFile, write_index
from pipeline.store.partitions import Tables, Written, describe_buckets, read_bucket, write_buckets
from pipeline.store.shard import read_batches
from pipeline.store.store import Store, locate, open_store

ROW_COLUMNS = (pa.field("shard", pa.int32()), pa.field("row", pa.int32()))


@dataclass(frozen=True, slots=True)
class ShardRows:
    """The rows of one shard as a grouping step sees them: a file, less what earlier decisions dropped."""

    shard: int
    path: str
    rows: int
    decisions: tuple[Tables, ...] = ()
    sha256: str = ""
    """Of the file; empty: not known, and not compared."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of an earlier level's index, in this store or another, numbered after the shards."""

    shard: int
    location: str
    rows: int


MapFunction = Callable[[Batch, pa.Table | None], pa.Table]
PartFunction = Callable[[Part, IndexFile, pa.Table | None], pa.Table]


INDEX_FILE: dict[str, int] = {}
"""In place of numbers of buckets: an index file."""


@dataclass(frozen=True, slots=True)
class MapTask:
    store: str
    output: str
    shard: ShardRows
    keys: MapFunction
    side: Tables | None
    buckets: dict[str, int]
    gather_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PartTask:
    store: str
    output: str
    part: Part
    function: PartFunction
    side: Tables | None
    buckets: dict[str, int]


@dataclass(frozen=True, slots=True)
class ReduceTask:
    store: str
    output: str
    tables: Tables
    bucket: int | None
    function: Callable[[pa.Table], pa.Table]
    buckets: dict[str, int]


def run_map(task: MapTask) -> Written:
    store = open_store(task.store)
    if store.exists(task.output):
        return Written(task.output, "", {}) if not task.buckets else describe_buckets(store, task.output)
    side = read_bucket(store, task.side, task.shard.shard) if task.side else None
    tables = []
    for numbers, batch in _gathered(_kept_batches(store, task.shard), task.gather_bytes):
        table = task.keys(batch, _rows_of(side, numbers) if side is not None else None)
        local = table.column("row").to_numpy()
        table = table.set_column(
            table.schema.get_field_index("row"), ROW_COLUMNS[1], pa.array(numbers[local].astype(np.int32))
        )
        if task.buckets:  # an index is read under another number
            shard = pa.array(np.full(table.num_rows, task.shard.shard, np.int32))
            table = table.append_column(ROW_COLUMNS[0], shard)
        tables.append(table)
    if not task.buckets:
        write_index(store, task.output, tables)
        return Written(task.output, "", {})
    return write_buckets(store, task.output, tables, task.buckets)


def _gathered(
    batches: Iterable[tuple[int, np.ndarray[Any, Any], Batch]], size: int
) -> Iterator[tuple[np.ndarray[Any, Any], Batch]]:
    """(row numbers, batch), of at least `size` bytes but for the last one."""
    numbers: list[np.ndarray[Any, Any]] = []
    rows: list[pa.RecordBatch] = []
    for first, places, batch in batches:
        numbers.append(places + first)
        rows.append(batch.rows)
        if sum(part.nbytes for part in rows) >= size:
            yield np.concatenate(numbers), Batch(pa.concat_batches(rows) if len(rows) > 1 else rows[0])
            numbers, rows = [], []
    if rows:
        yield np.concatenate(numbers), Batch(pa.concat_batches(rows))


def run_part(task: PartTask) -> Written:
    store = open_store(task.store)
    if store.exists(task.output):
        return describe_buckets(store, task.output)
    side = read_bucket(store, task.side, task.part.shard) if task.side else None
    around, name = locate(task.part.location)
    with IndexFile(around, name) as index:
        return write_buckets(store, task.output, [task.function(task.part, index, side)], task.buckets)


def run_reduce(task: ReduceTask) -> Written:
    store = open_store(task.store)
    if store.exists(task.output):
        return describe_buckets(store, task.output)
    table = read_bucket(store, task.tables, task.bucket)
    return write_buckets(store, task.output, [task.function(table)] if table.num_columns else [], task.buckets)


def _kept_batches(store: Store, shard: ShardRows) -> Any:
    """(first row's number, row numbers relative to it, batch) for the rows that no decision so far has dropped.

    Columns that earlier grouping steps of this level set are not visible yet: they are added when decisions apply.
    """
    dropped = [_dropped_rows(read_bucket(store, tables, shard.shard)) for tables in shard.decisions]
    gone = np.unique(np.concatenate(dropped)) if dropped else np.empty(0, np.int64)
    first = 0
    for rows in _read(store, shard):
        numbers = np.arange(first, first + rows.num_rows)
        keep = ~np.isin(numbers, gone, assume_unique=True)
        if keep.any():
            yield first, np.flatnonzero(keep), Batch(rows).filter(keep)
        first += rows.num_rows


def _read(store: Store, shard: ShardRows) -> Iterator[pa.RecordBatch]:
    # What a task computed of a damaged file would be found by its name after the file was restored.
    return read_checked(store, shard.path, shard.sha256) if shard.sha256 else read_batches(store.open(shard.path))


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
    here = numbers[np.minimum(place, len(numbers) - 1)] == rows
    chosen = side.filter(pa.array(here))
    return chosen.set_column(
        chosen.schema.get_field_index("row"), ROW_COLUMNS[1], pa.array(place[here].astype(np.int32))
    )
