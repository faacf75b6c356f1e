"""A file of Arrow streams, each of which is found and checked by itself.

| bytes   | content                                                                                                 |
|---------|---------------------------------------------------------------------------------------------------------|
| streams | the first holds columns and no rows, each other one a table; a table without rows takes no bytes        |
| entries | per stream four int64: begin, end, CRC-32 of its bytes, CRC-32 of these three with its number and count |
| end     | two int64: number of streams and its CRC-32                                                             |

A reader of one stream reads its bytes, its entry and the end. CRC-32 sees every change of up to 32 bits in a row. At
3 GB/s it adds a tenth to bare writing and reading, which is little beside what is done with the rows. Used for shuffle
files, indexes and stored replies.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from itertools import chain
from types import TracebackType
from typing import Any

import pyarrow as pa

from pipeline.store.damage import Damaged, damaged
from pipeline.store.store import Store, temporary_file

ENTRY = struct.Struct("<4q")
END = struct.Struct("<2q")


def write_streams(
    store: Store, path: str, schema: pa.Schema, tables: Iterable[pa.Table], compression: str | None = None
) -> bool:
    """Write the columns and the tables; False, and nothing changed, if the name is taken."""
    options = pa.ipc.IpcWriteOptions(compression=compression)
    bounds = []
    with temporary_file(store) as temporary:
        with pa.OSFile(str(temporary), "wb") as sink:
            for number, table in enumerate(chain([schema.empty_table()], tables)):
                begin = sink.tell()
                if table.num_rows or not number:
                    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
                        for batch in table.to_batches():
                            writer.write_batch(batch)
                bounds.append((begin, sink.tell()))
        with pa.memory_map(str(temporary)) as written:
            sums = [zlib.crc32(_bytes(written, begin, stop)) for begin, stop in bounds]
        count = len(bounds)
        with open(temporary, "ab") as file:
            for number, ((begin, stop), found) in enumerate(zip(bounds, sums, strict=True)):
                file.write(ENTRY.pack(begin, stop, found, _entry_sum(begin, stop, found, number, count)))
            file.write(END.pack(count, zlib.crc32(count.to_bytes(8, "little"))))
        return store.commit(temporary, path)


class StreamFile:
    """A file of streams, open for reading; raises Damaged for what is not as it was written. A context manager."""

    def __init__(self, store: Store, path: str) -> None:
        self._store, self._path = store, path
        self._size = store.size(path)
        if self._size < END.size:
            raise self._damaged(f"it has {self._size} bytes, fewer than its end alone")
        self._source = store.map(path)
        self.count, found = END.unpack(self._read(self._size - END.size, self._size))
        if self.count < 1 or zlib.crc32(self.count.to_bytes(8, "little")) != found:
            self._source.close()
            raise self._damaged("its end does not hold the number of its streams")

    def __enter__(self) -> StreamFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._source.close()

    @property
    def schema(self) -> pa.Schema:
        """The columns, with the metadata that was written."""
        return pa.ipc.open_stream(self._stream(0)).schema

    def table(self, number: int) -> pa.Table | None:
        """The table of one stream, counted from 1 as the columns are 0; None if it was written without rows."""
        found = self._stream(number)
        return pa.ipc.open_stream(found).read_all() if found.size else None

    def _stream(self, number: int) -> pa.Buffer:
        place = self._size - END.size - ENTRY.size * (self.count - number)
        entry = self._read(place, place + ENTRY.size) if place >= 0 else b""
        if len(entry) < ENTRY.size:
            raise self._damaged(f"it is too short for {self.count} streams")
        begin, stop, expected, of_entry = ENTRY.unpack(entry)
        if _entry_sum(begin, stop, expected, number, self.count) != of_entry:
            raise self._damaged(f"the entry of stream {number} has another checksum than when it was written")
        found = self._read(begin, stop)
        if zlib.crc32(found) != expected:
            raise self._damaged(f"stream {number} has another checksum than when it was written")
        return found

    def _read(self, begin: int, stop: int) -> pa.Buffer:
        return _bytes(self._source, begin, stop)

    def _damaged(self, problem: str) -> Damaged:
        return damaged(self._store, self._path, problem)


def _bytes(source: Any, begin: int, stop: int) -> pa.Buffer:
    source.seek(begin)
    return source.read_buffer(stop - begin)


def _entry_sum(begin: int, stop: int, found: int, number: int, count: int) -> int:
    return zlib.crc32(struct.pack("<5q", begin, stop, found, number, count))
