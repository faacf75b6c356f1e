"""One Parquet shard: atomic write, checksums, verified read in batches of bounded size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, field_validator

from pipeline.store.bounded import BATCH_BYTES, BATCH_ROWS
from pipeline.store.store import Store

ROW_GROUP_BYTES = 64 << 20
"""Arrow bytes gathered before a row group is written: the writer's share of a worker's memory."""


class FileEntry(BaseModel):
    """One file of a level or release."""

    model_config = ConfigDict(frozen=True)

    role: str
    """data, dropped, quarantine, clusters, …"""
    path: str
    rows: int
    sha256: str
    bytes: int
    footer: str = ""
    """sha256 of a Parquet file's footer, for readers of a few columns; empty for other files."""

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        """A manifest may come from anywhere, and paths are joined to folders."""
        if not path or "\0" in path or path.startswith(("/", "\\")) or ".." in PurePosixPath(path).parts:
            raise ValueError(f"path '{path}' of a file leads out of its folder; it must be relative, without '..'")
        return path


class ShardWriter:
    """Writes batches of one schema to a file that appears under its name only when it is complete.

    Use as a context manager; `commit(role)` puts it in place. A shard with no rows is written too, with its schema.
    """

    def __init__(self, store: Store, path: str, schema: pa.Schema) -> None:
        self._store, self._path, self._schema = store, path, schema
        self._temporary = store.temporary()
        self._writer: pq.ParquetWriter | None = None
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self.rows = 0

    def write(self, rows: pa.RecordBatch) -> None:
        if not rows.num_rows:
            return
        self._pending.append(rows)
        self._pending_bytes += rows.get_total_buffer_size()
        self.rows += rows.num_rows
        if self._pending_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def commit(self, role: str) -> FileEntry:
        """Close the file and move it into the store; if one of that name is there already, describe that one."""
        self._flush()
        self._open().close()
        # Deterministic bytes make a lost race harmless; where bytes are not (L3), the first writer's file counts.
        if not self._store.commit(self._temporary, self._path):
            self.rows = num_rows(self._store, self._path)
        return describe_file(self._store, self._path, role, self.rows)

    def _open(self) -> pq.ParquetWriter:
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._temporary,
                self._schema,
                compression="zstd",
                write_page_index=True,
                write_page_checksum=True,
                # Chunk borders follow the content: a release with few changed rows shares most bytes with the last.
                use_content_defined_chunking=True,
            )
        return self._writer

    def _flush(self) -> None:
        if self._pending:
            table = pa.Table.from_batches(self._pending, self._schema)
            self._open().write_table(table, row_group_size=max(table.num_rows, 1))
            self._pending, self._pending_bytes = [], 0

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            with suppress(Exception):  # a full disk takes no footer either; the file is committed, or thrown away here
                self._writer.close()
        self._temporary.unlink(missing_ok=True)


def describe_file(store: Store, path: str, role: str, rows: int) -> FileEntry:
    """A file's entry for the manifest; the path is relative to the store."""
    footer = footer_sha256(store, path) if path.endswith(".parquet") else ""
    sha256 = stored_sha256(store, path)
    return FileEntry(role=role, path=path, rows=rows, sha256=sha256, bytes=store.size(path), footer=footer)


def footer_sha256(store: Store, path: str) -> str:
    """sha256 of a Parquet file's footer with its length; of what lies there in a file that has no footer."""
    with store.open(path) as file:
        size = file.size()
        file.seek(max(0, size - 8))
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(0, size - 8 - length))
        return hashlib.sha256(file.read()).hexdigest()


def num_rows(store: Store, path: str) -> int:
    """Rows of a Parquet file, from its footer."""
    with store.open(path) as file:
        return int(pq.read_metadata(file).num_rows)


def stored_sha256(store: Store, path: str) -> str:
    """sha256 of a file of the store, as 64 hex digits."""
    digest = hashlib.sha256()
    with store.open(path) as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a local file that lies in no store, as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_batches(source: str | Path | pa.NativeFile, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a file that ShardWriter wrote, in batches of bounded bytes; a wrong page checksum raises OSError.

    `source`: a local file, or one that a store has opened; it is closed at the end.
    """
    # Buffered: a row group's columns are not read whole before their first batch.
    with closing(pa.OSFile(str(source)) if isinstance(source, str | Path) else source) as opened:
        file = pq.ParquetFile(opened, page_checksum_verification=True, pre_buffer=False, buffer_size=1 << 20)
        rows = rows_per_batch(file.metadata)
        # Group by group: each decodes to little more than ROW_GROUP_BYTES, though its repeats take no room in the file,
        # and a batch over several would decode to their sum. For files of others see `pipeline.store.bounded`.
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(rows, row_groups=[group], columns=list(columns) if columns else None):
                yield from split_by_bytes(batch)


def rows_per_batch(metadata: pq.FileMetaData) -> int:
    """How many average rows of the file make up BATCH_BYTES."""
    groups = range(metadata.num_row_groups)
    total = sum(metadata.row_group(group).total_byte_size for group in groups)
    average = max(1, total // max(1, metadata.num_rows))
    return int(min(BATCH_ROWS, max(1, BATCH_BYTES // average)))


def split_by_bytes(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Halve a batch until each part is small or a single row, so that a few huge rows do not come together."""
    if batch.num_rows > 1 and batch.nbytes > 2 * BATCH_BYTES:
        middle = batch.num_rows // 2
        yield from split_by_bytes(batch.slice(0, middle))
        yield from split_by_bytes(batch.slice(middle))
    else:
        yield batch
