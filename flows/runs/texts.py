"""Texts outside of a level, such as seeds, read as L0 reads its inputs."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.rows.document import content_hash
from pipeline.store.local_copy import scratch_folder
from stages.l0_collect import kind_for
from stages.l0_collect.readers.jsonl import JsonlSource
from stages.l0_collect.readers.parquet import ParquetSource

SUFFIXES = (".gz", ".zst", ".zstd", ".xz", ".bz2", ".lz4", ".jsonl", ".ndjson", ".json")


def read_texts(files: Iterable[str]) -> Iterator[pa.StringArray]:
    """The texts (`text`) of Parquet and JSONL files. ValueError names the first row that is no document."""
    return (rows.column("text") for file in files for rows in _read(file))


@functools.cache
def as_parquet(path: str) -> str:
    """A JSONL file as a Parquet file of `text` and `url` with the same stem, for the ablation; all else is itself.

    ValueError names the first row that is no document.
    """
    source = Path(path)
    if "://" in path or not source.is_file() or kind_for(path) != "jsonl" or source.name == "manifest.json":
        return path
    name = source.name
    while name.endswith(SUFFIXES):
        name = name.rpartition(".")[0]
    folder = scratch_folder() / content_hash(str(source.resolve()))
    folder.mkdir(exist_ok=True)
    schema = pa.schema([("text", pa.string()), ("url", pa.string())])
    with pq.ParquetWriter(folder / f"{name}.parquet", schema) as writer:
        for rows in _read(path):
            writer.write_batch(rows.select(schema.names).cast(schema))
    return str(folder / f"{name}.parquet")


def _read(file: str) -> Iterator[pa.RecordBatch]:
    sources = {"parquet": ParquetSource(), "jsonl": JsonlSource()}
    source = sources.get(kind_for(file) or "")
    if source is None:
        raise ValueError(f"{file} is none of .parquet and .jsonl, plain or compressed; convert it")
    for unit in source.units(file, ""):
        for found in source.read(unit):
            for position, _, problem in (*found.quarantined, *found.dropped):
                raise ValueError(f"{file}, {position}: {problem}; mend or remove it")
            yield found.rows
