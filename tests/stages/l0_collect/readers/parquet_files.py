"""What the tests of the Parquet source share: a file written, and what is read from it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.steps import SourceBatch
from stages.l0_collect.readers.parquet import ParquetSource


def write(path: Path, columns: dict[str, object], **options: object) -> str:
    pq.write_table(pa.table(columns), path, write_page_checksum=True, **options)
    return str(path)


def read(path: str, **settings: str) -> list[SourceBatch]:
    source = ParquetSource(paths=(path,), **settings)
    return [batch for unit in source.units(path, "hash") for batch in source.read(unit)]


def rows(batches: list[SourceBatch]) -> list[dict[str, object]]:
    return [row for batch in batches for row in batch.rows.to_pylist()]


def quarantined(batches: list[SourceBatch]) -> list[tuple[str, str, str]]:
    return [entry for batch in batches for entry in batch.quarantined]
