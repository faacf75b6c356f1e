"""Parquet files of the store, compared with their entries in a manifest or record before anything in them is used.

Pages carry checksums of their own; footer and page headers do not. Who reads all of a file compares its whole bytes,
who looks for a few rows in many files the footer, and the whole bytes of those files that hold a row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.store.damage import Damaged, damaged
from pipeline.store.local import LocalStore
from pipeline.store.shard import FileEntry, footer_sha256, read_batches, stored_sha256
from pipeline.store.store import Store, temporary_file

COPIED_BYTES = 8 << 20
"""Of one request for a part of a file."""


def check_sha256(store: Store, path: str, expected: str) -> None:
    """Raise Damaged unless the file's bytes have this hash."""
    _compare(store, path, stored_sha256(store, path), expected)


def _compare(store: Store, path: str, found: str, expected: str) -> None:
    if found != expected:
        raise damaged(store, path, f"its sha256 is {found[:16]}…, and {expected[:16]}… was written")


def check_footer(store: Store, path: str, entry: FileEntry) -> None:
    """Raise Damaged unless the file has the size and the Parquet footer (columns, row groups, places) of its entry."""
    if (size := store.size(path)) != entry.bytes:
        raise damaged(store, path, f"it has {size:,} bytes, and {entry.bytes:,} were written")
    if footer_sha256(store, path) != entry.footer:
        raise damaged(store, path, "its Parquet footer is not the one that was written")


def read_checked(
    store: Store, path: str, sha256: str, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in batches of bounded bytes, after a look at all of its bytes."""
    if isinstance(store, LocalStore):  # where the second reading comes from memory
        check_sha256(store, path, sha256)
        yield from read_batches(store.open(path), columns)
        return
    with temporary_file(store) as copy:  # each byte comes over the network once
        copy_checked(store, path, sha256, copy)
        yield from read_batches(copy, columns)


def copy_checked(store: Store, path: str, sha256: str, target: Path) -> None:
    """Write the file's bytes to a local file, and raise Damaged if they are not those that were written."""
    digest = hashlib.sha256()
    with store.open(path) as source, open(target, "wb") as kept:
        while part := source.read(COPIED_BYTES):
            digest.update(part)
            kept.write(part)
    _compare(store, path, digest.hexdigest(), sha256)


@contextmanager
def open_checked(store: Store, path: str, entry: FileEntry) -> Iterator[pq.ParquetFile]:
    """The Parquet file for who reads some of its columns: the footer is compared, and each page when it is read."""
    check_footer(store, path, entry)
    with store.open(path) as opened, naming(store, path):
        yield pq.ParquetFile(opened, page_checksum_verification=True)


@contextmanager
def naming(store: Store, path: str) -> Iterator[None]:
    """Say which file it is that Parquet cannot read; faults of the disk, which have a number, stay what they are."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, (Damaged, MemoryError)) or getattr(error, "errno", None) is not None:
            raise
        raise damaged(store, path, f"Parquet says '{' '.join(str(error).split())[:200]}'") from error
