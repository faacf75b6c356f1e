"""Where the texts of an arm or a held-out domain lie, and reading them."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from pipeline.books.manifest import load
from pipeline.rows.document import content_hash
from pipeline.store.bounded import BoundedFile
from pipeline.store.checked import check_sha256, copy_checked
from pipeline.store.local import LocalStore
from pipeline.store.local_copy import scratch_folder
from pipeline.store.shard import FileEntry
from pipeline.store.store import locate

TEXT_COLUMNS = ("text", "content")  # ours, and Ultra-FineWeb's
MOST_REPEATS = 100  # a curve that repeats a row more often is a mistake


def text_files(location: Path | str) -> list[Path]:
    """The Parquet files behind a file, a manifest.json, a folder with data/*.parquet or any folder of Parquet.

    `s3://…` is the folder or the manifest of a level or release; its files are fetched, since they are read several
    times.
    """
    if "://" in str(location):
        return _fetched(str(location))
    path = Path(location)
    manifest = path / "manifest.json" if path.is_dir() else path
    if manifest.is_file() and manifest.suffix == ".json":
        files = _listed(manifest)
    elif path.is_dir():
        files = sorted(path.glob("data/*.parquet")) or sorted(path.glob("*.parquet"))
    else:
        files = [path]
    missing = [file for file in files if not file.is_file()]
    if not files or missing:
        raise FileNotFoundError(
            f"no Parquet data at {missing[0] if missing else path}; "
            "give a Parquet file, a folder of them, or the manifest.json of a level or release"
        )
    return files


class _Listing(BaseModel):
    """The part of a level's or release's manifest that names its files."""

    files: list[FileEntry]


def _listed(manifest: Path) -> list[Path]:
    """The data files of a manifest, each of them as it was written."""
    store = LocalStore(manifest.parent)
    files = [file for file in load(_Listing, store, manifest.name).files if file.role == "data"]
    for file in files:
        if store.exists(file.path):
            check_sha256(store, file.path, file.sha256)
    return [manifest.parent / file.path for file in files]


def _fetched(location: str) -> list[Path]:
    """Copies on this machine of the data files of a level or release in a bucket."""
    store, folder = locate(location.removesuffix("/manifest.json"))
    manifest = f"{folder}/manifest.json"
    if not store.exists(manifest):
        raise FileNotFoundError(f"no manifest.json at {location}; give the folder of a level or release")
    entries = [file for file in load(_Listing, store, manifest).files if file.role == "data"]
    target = scratch_folder() / content_hash(location)
    size, free = sum(file.bytes for file in entries), shutil.disk_usage(target.parent).free
    if size > free:
        problem = f"{location} has {size:,} bytes and {free:,} are free; set TMPDIR to another disk"
        raise OSError(errno.ENOSPC, problem, str(target))
    target.mkdir(exist_ok=True)
    for file in entries:
        copy_checked(store, f"{folder}/{file.path}", file.sha256, target / Path(file.path).name)
    return [target / Path(file.path).name for file in entries]


def read_texts(files: Sequence[Path]) -> Iterator[pa.StringArray]:
    """Batches of the texts that are not empty."""
    return (rows.column("text") for rows in read_rows(files, []))


def read_rows(files: Sequence[Path], others: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Batches of the column `text` and those of `others` that a file has, of the rows whose text is not empty."""
    for file in files:
        with open(file, "rb") as stream:
            try:
                opened = BoundedFile(stream)
            except pa.ArrowInvalid as error:
                raise ValueError(
                    f"{file} is no Parquet file that can be read: {error}; give Parquet or JSONL"
                ) from None
            column = next((name for name in TEXT_COLUMNS if name in opened.schema.names), None)
            if column is None:
                raise ValueError(
                    f"{file} has the columns {', '.join(opened.schema.names)}; "
                    f"an ablation needs one named {' or '.join(TEXT_COLUMNS)}"
                )
            present = [name for name in others if name in opened.schema.names]
            for group in range(opened.metadata.num_row_groups):
                for part in opened.parts(group, [column, *present]):
                    rows = opened.decode(part)
                    texts = rows.column(column).cast(pa.string())
                    columns = {"text": texts} | {name: rows.column(name) for name in present}
                    filled = pc.fill_null(pc.greater(pc.binary_length(texts), 0), False)
                    yield pa.RecordBatch.from_pydict(columns).filter(filled)


def repeats_of(rows: pa.RecordBatch) -> list[int]:
    """How often training is to read each row, as `upsample` of L2 says; 1 without that column."""
    if "repeats" not in rows.schema.names:
        return [1] * rows.num_rows
    values = [1 if value is None else value for value in rows.column("repeats").to_pylist()]
    wrong = next((value for value in values if not isinstance(value, int) or not 0 <= value <= MOST_REPEATS), None)
    if wrong is not None:
        raise ValueError(f"the column `repeats` holds {wrong!r}; give whole numbers from 0 to {MOST_REPEATS}")
    return values
