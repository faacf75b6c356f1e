"""Texts outside of a level, such as seeds, read as L0 reads its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from stages.l0_collect import kind_for
from stages.l0_collect.readers.jsonl import JsonlSource
from stages.l0_collect.readers.parquet import ParquetSource


def read_texts(files: Iterable[str]) -> Iterator[pa.StringArray]:
    """The texts (`text`) of Parquet and JSONL files. ValueError names the first row that is no document."""
    sources = {"parquet": ParquetSource(), "jsonl": JsonlSource()}
    for file in files:
        source = sources.get(kind_for(file) or "")
        if source is None:
            raise ValueError(f"seed file {file} is none of .parquet and .jsonl, plain or compressed; convert it")
        for unit in source.units(file, ""):
            for found in source.read(unit):
                for position, _, problem in (*found.quarantined, *found.dropped):
                    raise ValueError(f"{file}, {position}: {problem}; mend or remove it")
                yield found.rows.column("text")
