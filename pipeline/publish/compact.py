"""Small files of a level together in one file of its release: the same rows in the same order, in files of proper size.

A watched folder leaves a shard for every file that came, and readers suffer from thousands of small files. So a release
holds files from SMALL on as copies, and smaller neighbours in one file, up to MOST. Its manifest says of which files of
the level (`packed`), and `orefine verify` compares the rows of both. The content id is that of the level's files still:
it names the rows and their order, whatever files they come in.

From LEAST on a file ends where the hash of a part says so, as chunks do whose borders follow the content: then a shard
more in the middle changes the file that it comes to, and the others are copied from the version before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.store.checked import read_checked
from pipeline.store.shard import FileEntry, ShardWriter
from pipeline.store.store import Store

SMALL = 32 << 20
LEAST = 128 << 20
MOST = 512 << 20
BITS: Mapping[pa.DataType, pa.DataType] = {pa.float64(): pa.int64(), pa.float32(): pa.int32()}


def groups(files: Sequence[FileEntry]) -> list[list[FileEntry]]:
    """The level's files in their order, those together that become one file."""
    found: list[list[FileEntry]] = []
    size, is_closed = 0, True
    for file in files:
        is_small = file.bytes < SMALL
        if is_closed or not is_small or size + file.bytes > MOST:
            found.append([])
            size = 0
        found[-1].append(file)
        size += file.bytes
        # So that by chance a file ends once in LEAST more bytes.
        is_border = int(file.sha256[:8], 16) / 2**32 < file.bytes / LEAST
        is_closed = not is_small or (size >= LEAST and is_border)
    return found


def pack(store: Store, directory: str, parts: Sequence[FileEntry], path: str) -> FileEntry:
    """Write the rows of these files of a folder, each compared with its hash, as one file."""
    with store.open(f"{directory}/{parts[0].path}") as opened:
        schema = pq.read_schema(opened)
    with ShardWriter(store, path, schema) as writer:
        for batch in rows_of(store, directory, parts):
            writer.write(batch)
        return writer.commit("data")


def rows_of(store: Store, directory: str, files: Iterable[FileEntry]) -> Iterator[pa.RecordBatch]:
    """The rows of these files of a folder, one after the other."""
    for file in files:
        yield from read_checked(store, f"{directory}/{file.path}", file.sha256)


def same_rows(some: Iterator[pa.RecordBatch], others: Iterator[pa.RecordBatch]) -> bool:
    """Whether both are the same rows in the same order, however they are cut into batches."""
    one, other = next(some, None), next(others, None)
    while one is not None and other is not None:
        rows = min(one.num_rows, other.num_rows)
        if not _bits(one.slice(0, rows)).equals(_bits(other.slice(0, rows))):
            return False
        one = one.slice(rows) if rows < one.num_rows else next(some, None)
        other = other.slice(rows) if rows < other.num_rows else next(others, None)
    return one is other is None


def _bits(batch: pa.RecordBatch) -> pa.RecordBatch:
    """With the bits of each floating-point number, since NaN equals nothing."""
    columns = [column.view(BITS[column.type]) if column.type in BITS else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)
