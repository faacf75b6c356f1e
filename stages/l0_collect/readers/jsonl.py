"""Read documents from JSON Lines, plain or compressed with gzip or zstd.

| column out | from                                                                                        |
|------------|---------------------------------------------------------------------------------------------|
| text       | `text_column`                                                                               |
| url        | `url_column`, if the line has it                                                            |
| source     | the setting `source`, else the line's own                                                   |
| date       | `date_column`, or the first of "date", "timestamp" that is there                            |
| source_id  | the line's own `id`, since the level makes `id`                                             |
| meta       | JSON object of the rest, under `source_<name>` if the level has a column like it            |
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Literal, cast

import pyarrow as pa

from pipeline.rows.document import BASE_SCHEMA
from pipeline.steps import Source, SourceBatch, Unit
from stages.l0_collect.readers.files import name_of, open_unit, raise_unless_damaged
from stages.l0_collect.readers.row_buffer import RowBuffer

MAXIMUM_LINE = 64 << 20
"""Bytes; a longer line is quarantined without being held in memory."""
MAXIMUM_VALUES = 5_000_000
"""Objects, lists and strings of a line: Python takes some 100 bytes for each, and `{}` has two in the file."""
COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
DATE_COLUMNS = ("date", "timestamp")
COLUMNS = pa.schema([(name, pa.string()) for name in ("text", "url", "source", "date", "source_id", "meta")])


class JsonlSource(Source):
    """Reads files of one JSON object a line. A line that is no document is quarantined as `file#line`, from 1."""

    kind: Literal["jsonl"] = "jsonl"
    text_column: str = "text"
    url_column: str = "url"
    date_column: str | None = None
    source: str = ""
    """What to call this input in the column `source`."""

    def units(self, path: str, sha256: str) -> list[Unit]:
        return [Unit(path, sha256)]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        buffer, name = RowBuffer(COLUMNS), name_of(unit.path)
        with open_unit(unit) as stream:
            for number, line in _lines(stream, buffer.skip):
                position = f"{name}#{number}"
                try:
                    if isinstance(line, Exception):
                        raise line
                    buffer.add(self._row(line))
                except (ValueError, RecursionError, OSError) as error:
                    buffer.quarantine(position, "", error)
                if buffer.is_full():
                    yield buffer.take()
        yield buffer.take()

    def _row(self, line: bytes) -> dict[str, str | None]:
        if len(line) > MAXIMUM_VALUES and _most_values(line) > MAXIMUM_VALUES:
            raise ValueError(f"the line may hold more than {MAXIMUM_VALUES} values")
        values = json.loads(line.decode("utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"the line is a {type(values).__name__}, not a JSON object")
        text = values.pop(self.text_column, None)
        if text is None:
            raise ValueError("text is null")
        if not isinstance(text, str):
            raise ValueError(f"text is a {type(text).__name__}, not a string")
        if not text.strip():
            raise ValueError("text is empty")
        date = self.date_column or next((name for name in DATE_COLUMNS if name in values), "")
        row = {
            "text": text,
            "url": _string(values.pop(self.url_column, None)),
            "source": self.source or _string(values.pop("source", None)),
            "date": _string(values.pop(date, None)),
            "source_id": _string(values.pop("id", None)) or None,
            "meta": _meta(values),
        }
        for value in row.values():
            (value or "").encode("utf-8")  # an escaped lone surrogate is valid JSON and no Unicode text
        return row


class _Followed(io.RawIOBase):
    """A stream that knows where its last read began: what lies behind did not come out, if that read was in vain."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._began = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._began = self._stream.tell()
        piece = self._stream.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def unread_bytes(self) -> int:
        return self._stream.seek(0, io.SEEK_END) - self._began


def _lines(stream: BinaryIO, skip: Callable[[int], None]) -> Iterator[tuple[int, bytes | Exception]]:
    """(number from 1, line) without blank lines, or the error in its place.

    An unreadable rest is one error; `skip` is told how many bytes it has.
    """
    number = 0
    followed = _Followed(stream)
    try:
        reader = _decompressed(stream, followed)
        while line := reader.readline(MAXIMUM_LINE):
            number += 1
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if len(line) == MAXIMUM_LINE and not line.endswith(b"\n"):
                while (rest := reader.readline(MAXIMUM_LINE)) and not rest.endswith(b"\n"):
                    pass
                yield number, ValueError(f"the line is longer than {MAXIMUM_LINE} bytes")
            elif not line.isspace():
                yield number, line
    except (OSError, pa.ArrowException) as error:
        raise_unless_damaged(error)
        skip(followed.unread_bytes())
        yield number + 1, OSError(f"{error}; what follows is lost")


def _most_values(line: bytes) -> int:
    """Of objects, lists and strings; numbers are small. What looks like them inside strings is counted too."""
    return line.count(b"{") + line.count(b"[") + line.count(b'"') // 2


def _decompressed(stream: BinaryIO, followed: _Followed) -> BinaryIO:
    head = stream.read(4)
    stream.seek(0)
    for magic, codec in COMPRESSIONS.items():
        if head.startswith(magic):
            return io.BufferedReader(cast(Any, pa.CompressedInputStream(followed, codec)))
    return stream


def _string(value: Any) -> str:
    """A scalar as the source wrote it."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _meta(values: dict[str, Any]) -> str | None:
    named = {
        f"source_{name}" if name in BASE_SCHEMA.names else name: value
        for name, value in values.items()
        if value is not None
    }
    return json.dumps(named, ensure_ascii=False, sort_keys=True) if named else None
