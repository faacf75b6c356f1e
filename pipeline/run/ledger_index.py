"""Where each reply of the ledger's whole parts lies: found in one read of some 80 kB, however many there are.

An index covers FAN_OUT, FAN_OUT², … whole parts in a row. Its streams hold the replies by the first bits of their
hash, some STREAM_REPLIES each; the parts' own keys would take 12 GB of memory for 10⁹ replies. Of FAN_OUT indexes in a
row one is made, stream by stream, so that a look-up asks fewer than FAN_OUT of each size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.store.store import Store
from pipeline.store.streams import StreamFile, write_streams

FAN_OUT = 8
STREAMS = 16
"""Of each part covered: 4,096 replies in a stream where the parts are full."""
SCHEMA = pa.schema([pa.field("hash", pa.uint64()), pa.field("part", pa.uint32()), pa.field("row", pa.uint32())])
NAME = re.compile(r"(\w+)/index-(\d{9})-(\d+)\.arrow")
Array = np.ndarray[Any, Any]


class Index(NamedTuple):
    """An index of so many whole parts from the n-th on."""

    first: int
    parts: int

    def path(self, folder: str) -> str:
        return f"{folder}/index-{self.first:09d}-{self.parts}.arrow"

    @property
    def streams(self) -> int:
        return STREAMS * self.parts

    def covers(self, part: int) -> bool:
        return self.first <= part < self.first + self.parts


def indexes_in(paths: Iterable[str]) -> list[Index]:
    """Those among the ledger's files that no larger one covers."""
    names = filter(None, map(NAME.fullmatch, paths))
    found = sorted((Index(int(name[2]), int(name[3])) for name in names), key=lambda one: -one.parts)
    largest: list[Index] = []
    for index in found:
        if not any(other.covers(index.first) for other in largest):
            largest.append(index)
    return largest


def look_up(store: Store, folder: str, index: Index, hashes: Array) -> tuple[Array, Array]:
    """(parts, rows) of all replies with one of these sorted hashes."""
    streams = _stream_of(hashes, index.streams)
    parts, rows = [np.empty(0, np.uint32)], [np.empty(0, np.uint32)]
    with StreamFile(store, index.path(folder)) as file:
        for stream in np.unique(streams).tolist():
            table = file.table(1 + stream)
            if table is not None:
                chosen = np.isin(table.column("hash").to_numpy(), hashes[streams == stream])
                parts.append(table.column("part").to_numpy()[chosen])
                rows.append(table.column("row").to_numpy()[chosen])
    return np.concatenate(parts), np.concatenate(rows)


def index_parts(store: Store, folder: str, first: int, keys: Iterable[tuple[Array, Array]]) -> Index:
    """Make the index of FAN_OUT whole parts, given (hashes, rows) of each."""
    index = Index(first, FAN_OUT)
    tables = [_table(hashes, np.full(len(rows), first + n, np.uint32), rows) for n, (hashes, rows) in enumerate(keys)]
    write_streams(store, index.path(folder), SCHEMA, _split(tables, 0, index.streams, index.streams))
    return index


def merge_indexes(store: Store, folder: str, indexes: list[Index]) -> Index:
    """One of FAN_OUT in a row; they are removed. Memory holds one stream of each."""
    index = Index(indexes[0].first, FAN_OUT * indexes[0].parts)
    with ExitStack() as stack:
        files = [stack.enter_context(StreamFile(store, one.path(folder))) for one in indexes]

        def tables() -> Iterator[pa.Table]:
            for stream in range(indexes[0].streams):
                found = [table for file in files if (table := file.table(1 + stream)) is not None]
                yield from _split(found, FAN_OUT * stream, FAN_OUT * (stream + 1), index.streams)

        write_streams(store, index.path(folder), SCHEMA, tables())
    for one in indexes:
        store.remove(one.path(folder))
    return index


def _split(tables: list[pa.Table], first: int, stop: int, streams: int) -> Iterator[pa.Table]:
    """The rows of the streams from `first` on, a table for each stream."""
    whole = pa.concat_tables([SCHEMA.empty_table(), *tables]).combine_chunks()
    places = _stream_of(whole.column("hash").to_numpy(), streams)
    order = np.argsort(places, kind="stable")
    bounds = np.searchsorted(places[order], np.arange(first, stop + 1))
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        yield whole.take(pa.array(order[begin:end]))


def _stream_of(hashes: Array, streams: int) -> Array:
    """By the first bits of the hash; `streams` is a power of two."""
    return (hashes >> np.uint64(65 - streams.bit_length())).astype(np.int64)


def _table(hashes: Array, parts: Array, rows: Array) -> pa.Table:
    return pa.Table.from_arrays([pa.array(one) for one in (hashes, parts, rows)], schema=SCHEMA)
