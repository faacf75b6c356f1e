"""Tables on the store, cut into buckets.

A file holds one Arrow stream per bucket (`streams.py`), so that a reader of bucket n of many files reads, and checks,
only its own bytes of each. A bucket is a range of key hashes (tables with a `key` column), a shard (tables with a
`shard` column), or everything. Numbers of buckets follow from the data, never from the workers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.store.store import Store
from pipeline.store.streams import StreamFile, write_streams

TAKEN_BYTES = 16 << 20
COUNTERS = b"counters"
"""Schema metadata of a table: JSON of name to number, summed over the tasks into `Grouping.counters`."""
EMPTY = "none"
"""Kind of a table without columns: its shard or partition held no rows, so no function ran."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables on the store, all bucketed alike."""

    paths: tuple[str, ...]
    buckets: int
    by: str
    """key, shard, nothing, or EMPTY"""

    def __add__(self, other: Tables) -> Tables:
        """The rows of both; columns that only one of them has are null in the other's."""
        if EMPTY in (self.by, other.by):
            return other if self.by == EMPTY else self
        if (self.by, self.buckets) != (other.by, other.buckets):
            raise ValueError(f"{self.buckets} buckets by '{self.by}' and {other.buckets} by '{other.by}' do not join")
        return replace(self, paths=self.paths + other.paths)


@dataclass(frozen=True, slots=True)
class Written:
    path: str
    kind: str
    counters: dict[str, int]


def counted(table: pa.Table, counters: Mapping[str, int]) -> pa.Table:
    """The table with numbers that go into `Grouping.counters`, zeros left out."""
    some = {name: count for name, count in counters.items() if count}
    return table.replace_schema_metadata({COUNTERS: json.dumps(some).encode()} if some else None)


def write_buckets(store: Store, path: str, tables: Sequence[pa.Table], buckets: dict[str, int]) -> Written:
    """Write tables of one schema as one file, a stream per bucket."""
    counters = _counters(table.schema for table in tables)
    table = pa.concat_tables(tables) if tables else pa.table({})
    kind = next((name for name in ("key", "shard") if name in table.schema.names), "")
    if not table.num_columns:  # a shard with no rows left: its kind is that of its siblings, so it says nothing
        kind = EMPTY
    order, bounds = _bucket_order(table, kind, buckets.get(kind, 1))
    schema = table.schema.with_metadata({COUNTERS: json.dumps(counters).encode()} if counters else None)
    write_streams(store, path, schema, _by_bucket(table.replace_schema_metadata(None), order, bounds))
    return Written(path, kind, counters)


def _by_bucket(table: pa.Table, order: np.ndarray[Any, Any] | None, bounds: list[int]) -> Iterator[pa.Table]:
    """The rows of each bucket. Rows are taken for many buckets at once: each `take` costs as much as thousands."""
    table = table.combine_chunks()
    most = max(1, TAKEN_BYTES * table.num_rows // max(1, table.nbytes))
    begin, end = (0, table.num_rows) if order is None else (0, 0)
    taken = table
    for start, stop in pairwise(bounds):
        if order is not None and stop > end:
            begin, end = start, max(stop, min(start + most, table.num_rows))
            taken = table.take(pa.array(order[begin:end]))
        yield taken.slice(start - begin, stop - start)


def _bucket_order(table: pa.Table, kind: str, count: int) -> tuple[np.ndarray[Any, Any] | None, list[int]]:
    """(rows in order of bucket, None if they are; bounds of the buckets)"""
    if kind not in ("key", "shard") or count == 1:
        return None, [0, table.num_rows]
    values = table.column(kind).to_numpy()
    # Ranges of the key space; keys are hashes, so ranges hold about the same.
    bucket = (values >> np.uint64(32)) * np.uint64(count) >> np.uint64(32) if kind == "key" else values
    order = np.argsort(bucket, kind="stable")
    return order, np.searchsorted(bucket[order], np.arange(count + 1)).tolist()


def read_bucket(store: Store, tables: Tables, bucket: int | None) -> pa.Table:
    """One bucket of every file, in the order of the files; all buckets if None."""
    found: list[pa.Table] = []
    for path in tables.paths:
        with StreamFile(store, path) as file:
            schema = file.schema.remove_metadata()
            if schema.names:
                numbers = range(1, file.count) if bucket is None else [bucket + 1]
                rows = [table for number in numbers if (table := file.table(number)) is not None]
                found += rows or [schema.empty_table()]  # nothing there: the columns at least
    # A function may return columns of type null for a partition without rows; others say what they are.
    return pa.concat_tables(found, promote_options="default") if found else pa.table({})


def _counters(schemas: Iterator[pa.Schema]) -> dict[str, int]:
    total: dict[str, int] = {}
    for schema in schemas:
        for name, count in json.loads((schema.metadata or {}).get(COUNTERS, b"{}")).items():
            total[name] = total.get(name, 0) + count
    return total


def describe_buckets(store: Store, path: str) -> Written:
    with StreamFile(store, path) as file:
        schema = file.schema
    kind = next((name for name in ("key", "shard") if name in schema.names), "" if schema.names else EMPTY)
    return Written(path, kind, _counters(iter([schema])))
