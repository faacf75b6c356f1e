"""Read documents from Parquet files.

| column out  | from                                                             |
|-------------|------------------------------------------------------------------|
| text        | `text_column`                                                    |
| url         | `url_column`, if the file has it                                 |
| source      | the setting `source`, else the file's own column of that name    |
| date        | `date_column`, or the first of "date", "timestamp" that is there |
| source_id   | the file's own `id`, since the level makes `id`                  |
| every other | itself, under `source_<name>` if the level has a column like it  |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.rows.document import BASE_SCHEMA
from pipeline.steps import Source, SourceBatch, Unit, describe
from pipeline.store.bounded import BATCH_BYTES, BATCH_ROWS, BoundedFile, decoded_bytes
from stages.l0_collect.readers.files import name_of, open_input, raise_unless_damaged

UNIT_BYTES = 256 << 20
"""Text per unit, before compression: what one task reads."""
MAXIMUM_ROW = 64 << 20
"""Bytes of all columns; a larger row is dropped without being decoded."""
NAMED_LOSSES = 1 << 20
"""Rows that are quarantined one by one if their row group cannot be read. A footer may promise any number."""
DATE_COLUMNS = ("date", "timestamp")
VISIBLE = r"[^\s\v\p{Z}]"
NO_ROWS = pa.RecordBatch.from_arrays([pa.nulls(0, pa.string())], ["text"])  # pa.array would import pandas


class ParquetSource(Source):
    """Reads Parquet files whose rows are documents. Pages whose checksum is wrong are quarantined, never used."""

    kind: Literal["parquet"] = "parquet"
    text_column: str = "text"
    url_column: str = "url"
    date_column: str | None = None
    source: str = ""
    """What to call this input in the column `source`."""

    def units(self, path: str, sha256: str) -> list[Unit]:
        """Runs of whole row groups with about 256 MB of text. Raises ValueError if the columns do not fit.

        A file whose footer cannot be read is one unit, so that `read` can quarantine it.
        """
        with open_input(path) as stream:
            try:
                file = pq.ParquetFile(stream)
            except (pa.ArrowException, OSError) as error:
                raise_unless_damaged(error)
                return [Unit(path, sha256)]
            self._check(path, file.schema_arrow)
            return self._row_group_runs(path, sha256, file.metadata)

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        with open_input(unit.path) as stream:
            try:
                file = BoundedFile(stream)
            except (pa.ArrowException, OSError) as error:
                raise_unless_damaged(error)
                yield SourceBatch(NO_ROWS, quarantined=[(name_of(unit.path), "", describe(error))])
                return
            row = 0
            for group in range(file.metadata.num_row_groups):
                stop = row + file.metadata.row_group(group).num_rows
                if unit.start <= row and (unit.stop is None or stop <= unit.stop):
                    yield from self._read_group(file, group, row, stop, name_of(unit.path))
                row = stop

    def _check(self, path: str, schema: pa.Schema) -> None:
        for name, setting in ((self.text_column, "text_column"), (self.date_column, "date_column")):
            if name is not None and name not in schema.names:
                raise ValueError(
                    f"{path} has no column '{name}', only {', '.join(schema.names)}; set `{setting}` to one of them"
                )
        found = schema.field(self.text_column).type
        plain = found.value_type if pa.types.is_dictionary(found) else found
        if not (_is_string(plain) or _is_binary(plain)):
            raise ValueError(
                f"{path}: column '{self.text_column}' is {found} and must be string; set `text_column` to another one"
            )

    def _row_group_runs(self, path: str, sha256: str, metadata: pq.FileMetaData) -> list[Unit]:
        column = _leaf_index(metadata, self.text_column)
        units, first, row, size = [], 0, 0, 0
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            group_bytes = group.column(column).total_uncompressed_size
            if row > first and size + group_bytes > UNIT_BYTES:
                units.append(Unit(path, sha256, first, row))
                first, size = row, 0
            row, size = row + group.num_rows, size + group_bytes
        if row > first:
            units.append(Unit(path, sha256, first, row))
        return units

    def _read_group(self, file: BoundedFile, group: int, row: int, stop: int, name: str) -> Iterator[SourceBatch]:
        parts = file.parts(group)
        while row < stop:
            try:
                part = next(parts)
                # Of several rows no part is that large.
                rows = file.decode(part) if decoded_bytes(part) <= MAXIMUM_ROW else None
            except StopIteration:
                error = "the footer promises more rows than there are"
            except (pa.ArrowException, OSError) as problem:
                raise_unless_damaged(problem)
                error = describe(problem)
            except ValueError as problem:
                error = str(problem)
            else:
                if rows is None:
                    yield SourceBatch(NO_ROWS, dropped=[(f"{name}#{row}", "", "too_large")])
                else:
                    yield from _readable(self._mapped(rows), row, name)
                row += len(part)
                continue
            yield from _lost(name, row, stop, error)
            return

    def _mapped(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The file's columns under their new names."""
        names = rows.schema.names
        date = self.date_column or next((name for name in DATE_COLUMNS if name in names), None)
        columns: dict[str, pa.Array] = {
            "text": _as_text(rows.column(self.text_column)),
            "url": _as_text(rows.column(self.url_column)) if self.url_column in names else _repeat("", len(rows)),
            "source": self._source(rows),
            "date": _as_text(rows.column(date)) if date else _repeat("", len(rows)),
        }
        for name in names:
            if name not in (self.text_column, self.url_column, date) and (name != "source" or self.source):
                values = rows.column(name)
                columns[f"source_{name}" if name in BASE_SCHEMA.names else name] = (
                    _as_text(values) if name == "id" else values
                )
        return pa.RecordBatch.from_pydict(columns)

    def _source(self, rows: pa.RecordBatch) -> pa.Array:
        if self.source or "source" not in rows.schema.names or self.text_column == "source":
            return _repeat(self.source, len(rows))
        return pc.fill_null(_as_text(rows.column("source")), "")


def _lost(name: str, row: int, stop: int, error: str) -> Iterator[SourceBatch]:
    """Quarantine the rows from `row` to `stop` (excluded)."""
    if stop - row > NAMED_LOSSES:
        yield SourceBatch(NO_ROWS, quarantined=[(f"{name}#{row}-{stop - 1}", "", error)])
        return
    for first in range(row, stop, BATCH_ROWS):
        lost = range(first, min(first + BATCH_ROWS, stop))
        yield SourceBatch(NO_ROWS, quarantined=[(f"{name}#{number}", "", error) for number in lost])


def _readable(rows: pa.RecordBatch, first: int, name: str) -> Iterator[SourceBatch]:
    """The rows with text, in batches of bounded bytes; the others are quarantined as `name#row`."""
    text = rows.column("text")
    # The batch's size was chosen by the mean length in the footer, so long documents may have come together.
    if len(rows) > 1 and pc.sum(pc.binary_length(text)).as_py() > BATCH_BYTES:  # null if every text is null
        half = len(rows) // 2
        yield from _readable(rows.slice(0, half), first, name)
        yield from _readable(rows.slice(half), first + half, name)
        return
    errors = _row_errors(rows)
    urls = rows.column("url")
    quarantined = [(f"{name}#{first + row}", _printable(urls, row), error) for row, error in errors.items()]
    good = [row for row in range(len(rows)) if row not in errors]
    yield SourceBatch(rows.take(pa.array(good, pa.int64())) if errors else rows, quarantined)


def _row_errors(rows: pa.RecordBatch) -> dict[int, str]:
    """Row → why it is no document."""
    try:
        rows.validate(full=True)
    except pa.ArrowInvalid as error:  # Parquet does not check that a string is UTF-8
        if len(rows) == 1:
            return {0: describe(error)}
        return {row: problem for row in range(len(rows)) for problem in _row_errors(rows.slice(row, 1)).values()}
    text = rows.column("text")
    written = pc.fill_null(pc.match_substring_regex(text, VISIBLE), False)
    blank = pc.indices_nonzero(pc.invert(written)).to_pylist()
    return {row: "text is empty" if text[row].is_valid else "text is null" for row in blank}


def _leaf_index(metadata: pq.FileMetaData, column: str) -> int:
    """Where a flat column lies among the leaves: behind a nested one that is not its place in the Arrow schema."""
    return next(index for index in range(metadata.num_columns) if metadata.schema.column(index).path == column)


def _is_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _as_text(values: pa.Array) -> pa.StringArray:
    """The values as strings; bytes are taken for UTF-8 unchecked, since one bad row must not cost the batch."""
    return values.cast(pa.binary()).view(pa.string()) if _is_binary(values.type) else values.cast(pa.string())


def _repeat(value: str, rows: int) -> pa.StringArray:
    return pa.repeat(pa.scalar(value), rows)


def _printable(values: pa.StringArray, row: int) -> str:
    return values[row].as_buffer().to_pybytes().decode(errors="replace") if values[row].is_valid else ""
