"""Read documents from Parquet files; `readers.table` says which column becomes which.

Lists, structs and maps are written as JSON where a string is wanted, UUIDs as text. A column name that comes again gets
a number, unless the document needs that column.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.rows.plain import ODD, plain_value, plain_values, to_json
from pipeline.rows.visible import has_visible
from pipeline.steps import SourceBatch, Unit, describe, is_fault
from pipeline.store.bounded import BATCH_BYTES, BATCH_ROWS, BoundedFile, decoded_bytes
from stages.l0_collect.readers.files import open_input, open_unit, raise_unless_damaged
from stages.l0_collect.readers.footer import MAGIC, FooterCheck, check_bytes, check_shape
from stages.l0_collect.readers.sniff import looks_like
from stages.l0_collect.readers.table import Places, TableSource, unique

UNIT_BYTES = 256 << 20
"""Text per unit, before compression: what one task reads."""
MAXIMUM_ROW = 64 << 20
"""Bytes of all columns; a larger row is dropped without being decoded."""
NAMED_LOSSES = 1 << 20
"""Rows that are quarantined one by one if their row group cannot be read. A footer may promise any number."""
HEAD_BYTES = 1024
NO_ROWS = pa.RecordBatch.from_arrays([pa.nulls(0, pa.string())], ["text"])  # pa.array would import pandas


class ParquetSource(TableSource):
    """Reads Parquet files whose rows are documents. Pages whose checksum is wrong are quarantined, never used.

    Many writers set no page checksums; there what was read is compared with the footer (`readers.footer`).
    """

    kind: Literal["parquet"] = "parquet"

    def units(self, path: str, sha256: str) -> list[Unit]:
        """Runs of whole row groups with about 256 MB of text. Raises ValueError if it is no Parquet with these columns.

        A Parquet file whose footer cannot be read is one unit, so that `read` can quarantine it.
        """
        with open_input(path) as stream:
            try:
                check_bytes(stream)
                file = pq.ParquetFile(stream)
                schema, metadata = file.schema_arrow, file.metadata
                check_shape(metadata)
            except Exception as error:
                _raise_if_fault(error)
                stream.seek(0)
                head = stream.read(HEAD_BYTES)
                if not head.startswith(MAGIC):
                    raise ValueError(f"{path} is no Parquet file; it looks like {looks_like(head)}") from None
                return [Unit(path, sha256)]
        self._check(path, schema)
        return self._row_group_runs(path, sha256, metadata)

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        with open_unit(unit) as stream:
            try:
                check_bytes(stream)
                file = BoundedFile(stream)
                check_shape(file.metadata)
                places = self.places(unique(file.schema.names))
            except Exception as error:
                _raise_if_fault(error)
                size = stream.seek(0, io.SEEK_END)
                yield SourceBatch(NO_ROWS, [(unit.shown, "", describe(error))], unread_bytes=size)
                return
            row = 0
            for group in range(file.metadata.num_row_groups):
                stop = row + file.metadata.row_group(group).num_rows
                if unit.start <= row and (unit.stop is None or stop <= unit.stop):
                    yield from self._read_group(file, places, group, row, stop, unit.shown)
                row = stop

    def _check(self, path: str, schema: pa.Schema) -> None:
        self.check_names(path, schema.names)
        places = self.places(unique(schema.names))
        for _, name in (("text", places.text), *places.identity()):
            if schema.names.count(name) > 1:
                raise ValueError(f"{path} has several columns '{name}', and a document needs one; rename the others")
        found = schema.field(places.text).type
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

    def _read_group(
        self, file: BoundedFile, places: Places, group: int, row: int, stop: int, name: str
    ) -> Iterator[SourceBatch]:
        first = row
        try:
            check, parts = FooterCheck(file.metadata, group, self.text_column), file.parts(group)
        except Exception as problem:
            _raise_if_fault(problem)
            yield from _lost(name, row, stop, _said(problem))
            return
        while row < stop:
            try:
                part = next(parts)
                # Of several rows no part is that large.
                rows = file.decode(part) if decoded_bytes(part) <= MAXIMUM_ROW else None
                if rows is not None:
                    rows = rows.rename_columns(unique(rows.schema.names))
                    check.compare(rows.column(places.text))
            except StopIteration:
                error = "the footer promises more rows than there are"
            except Exception as problem:
                _raise_if_fault(problem)
                error = _said(problem)
            else:
                if rows is None:
                    check.skip()
                    yield SourceBatch(NO_ROWS, dropped=[(f"{name}#{row}", "", "too_large")])
                else:
                    yield from self._documents(rows, places, row, name)
                row += len(part)
                continue
            yield from _lost(name, row, stop, error)
            return
        if error := check.at_end():
            yield SourceBatch(NO_ROWS, [(f"{name}#{first}-{stop - 1}", "", error)])

    def _documents(self, rows: pa.RecordBatch, places: Places, first: int, name: str) -> Iterator[SourceBatch]:
        """The rows as documents. Where Arrow refuses a batch, it is halved, down to the row that it refuses."""
        try:
            found = self._mapped(rows, places)
        except Exception as error:
            _raise_if_fault(error)
            if len(rows) == 1:
                yield SourceBatch(NO_ROWS, [(f"{name}#{first}", "", describe(error))])
                return
            half = len(rows) // 2
            yield from self._documents(rows.slice(0, half), places, first, name)
            yield from self._documents(rows.slice(half), places, first + half, name)
        else:
            yield from _readable(found, first, name)

    def _mapped(self, rows: pa.RecordBatch, places: Places) -> pa.RecordBatch:
        """The file's columns under their new names."""
        columns: dict[str, pa.Array] = {"text": _as_text(rows.column(places.text))}
        for out in ("url", "source", "date"):
            name = getattr(places, out)
            default = self.source if out == "source" else ""
            columns[out] = _repeat(default, len(rows)) if name is None else _or_empty(_as_name(rows.column(name)))
        if places.source_id is not None:
            columns["source_id"] = _null_if_empty(_as_name(rows.column(places.source_id)))
        columns |= {name: rows.column(column) for column, name in places.others}
        return pa.RecordBatch.from_pydict(columns)


def _raise_if_fault(error: Exception) -> None:
    """Let what the surroundings do rise; whatever else pyarrow raises over a file, and it is much, is damage to it."""
    if isinstance(error, OSError):
        raise_unless_damaged(error)
    elif is_fault(error):
        raise error


def _said(problem: Exception) -> str:
    return str(problem) if type(problem) is ValueError else describe(problem)


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
    if len(rows) > 1 and (pc.sum(pc.binary_length(text)).as_py() or 0) > BATCH_BYTES:  # null if every text is null
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
    blank = pc.indices_nonzero(pc.invert(has_visible(text))).to_pylist()
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
    kind = values.type
    if _is_binary(kind):
        return values.cast(pa.binary()).view(pa.string())
    if isinstance(kind, pa.UuidType):
        return _strings([None if value is None else str(value) for value in values.to_pylist()])
    if isinstance(kind, pa.BaseExtensionType):
        return _as_text(values.storage)
    if pa.types.is_fixed_size_binary(kind):
        return _strings([None if value is None else _digits(value) for value in values.to_pylist()])
    if pa.types.is_dictionary(kind):
        return _as_text(values.dictionary_decode())
    if pa.types.is_nested(kind):
        return _strings([None if value is None else to_json(value) for value in plain_values(values)])
    try:
        return values.cast(pa.string())
    except ODD:  # no way from this type, or from one of its values
        return _strings([None if not value.is_valid else str(plain_value(value)) for value in values])


def _as_name(values: pa.Array) -> pa.StringArray:
    """The values as strings; bytes that are no UTF-8, such as hashes, by their digits: they name a row, and no more."""
    found = _as_text(values)
    if _is_binary(values.type):
        try:
            found.validate(full=True)
        except pa.ArrowInvalid:
            return _strings([None if value is None else _name(value) for value in values.to_pylist()])
    return found


def _name(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return _digits(value)


def _digits(value: bytes) -> str:
    """Sixteen bytes are a UUID without its name; others are numbers or hashes."""
    return str(uuid.UUID(bytes=value)) if len(value) == 16 else value.hex()


def _strings(values: list[Any]) -> pa.StringArray:
    return pa.array(values, pa.string())


def _or_empty(values: pa.StringArray) -> pa.StringArray:
    return pc.fill_null(values, "")


def _null_if_empty(values: pa.StringArray) -> pa.StringArray:
    return pc.if_else(pc.equal(pc.binary_length(values), 0), pa.scalar(None, pa.string()), values)


def _repeat(value: str, rows: int) -> pa.StringArray:
    return pa.repeat(pa.scalar(value), rows)


def _printable(values: pa.StringArray, row: int) -> str:
    return values[row].as_buffer().to_pybytes().decode(errors="replace") if values[row].is_valid else ""
