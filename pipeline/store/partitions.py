"""Tables on the store, cut into buckets.

A file holds one Arrow stream per bucket and ends in their offsets, so that a reader of bucket n of many files reads
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

from pipeline.store.store import Store, temporary_file

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
    """Write tables of one schema as one file of as many Arrow streams as there are buckets; empty ones take no bytes.

    File: the schema alone as a stream, the buckets' streams, their offsets (int64, one more than there are buckets),
    the number of buckets (int64).
    """
    counters = _counters(table.schema for table in tables)
    table = pa.concat_tables(tables) if tables else pa.table({})
    kind = next((name for name in ("key", "shard") if name in table.schema.names), "")
    if not table.num_columns:  # a shard with no rows left: its kind is that of its siblings, so it says nothing
        kind = EMPTY
    count = buckets.get(kind, 1)
    order, bounds = _bucket_order(table, kind, count)
    schema = table.schema.with_metadata({COUNTERS: json.dumps(counters).encode()} if counters else None)
    offsets = np.zeros(count + 2, np.int64)
    with temporary_file(store) as temporary:
        with pa.OSFile(str(temporary), "wb") as sink:
            _write_stream(sink, schema, [])
            offsets[0] = sink.tell()
            for bucket, rows in enumerate(_by_bucket(table, order, bounds)):
                if rows.num_rows:
                    _write_stream(sink, schema, rows.to_batches())
                offsets[bucket + 1] = sink.tell()
            offsets[-1] = count
            sink.write(offsets.tobytes())
        store.commit(temporary, path)
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


def _write_stream(sink: Any, schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> None:
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def write_plain(store: Store, path: str, tables: Sequence[pa.Table]) -> Written:
    schema = tables[0].schema if tables else pa.schema([])
    with temporary_file(store) as temporary:
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for table in tables:
                writer.write_table(table.combine_chunks())
        store.commit(temporary, path)
    return Written(path, "", {})


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
        with store.map(path) as source:
            if pa.ipc.open_stream(source).schema.names:
                found += _streams(source, bucket)
    # A function may return columns of type null for a partition without rows; others say what they are.
    return pa.concat_tables(found, promote_options="default") if found else pa.table({})


def _streams(source: pa.NativeFile, bucket: int | None) -> Iterator[pa.Table]:
    size = source.size()
    count = int(_int64(source, size - 8, 1)[0])
    first, many = (0, count) if bucket is None else (bucket, 1)
    bounds = _int64(source, size - 8 * (count + 2) + 8 * first, many + 1).tolist()
    chosen = [(start, stop) for start, stop in pairwise(bounds) if stop > start]
    for start, stop in chosen or [(0, bounds[0])]:  # nothing there: the columns at least
        source.seek(start)
        yield pa.ipc.open_stream(source.read_buffer(stop - start)).read_all().replace_schema_metadata(None)


def _int64(source: pa.NativeFile, place: int, count: int) -> np.ndarray[Any, Any]:
    source.seek(place)
    return np.frombuffer(source.read_buffer(8 * count), np.int64)


def _counters(schemas: Iterator[pa.Schema]) -> dict[str, int]:
    total: dict[str, int] = {}
    for schema in schemas:
        for name, count in json.loads((schema.metadata or {}).get(COUNTERS, b"{}")).items():
            total[name] = total.get(name, 0) + count
    return total


def describe_buckets(store: Store, path: str) -> Written:
    with store.map(path) as source:
        schema = pa.ipc.open_stream(source).schema
    kind = next((name for name in ("key", "shard") if name in schema.names), "" if schema.names else EMPTY)
    return Written(path, kind, _counters(iter([schema])))
