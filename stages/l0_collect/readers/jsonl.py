"""Read documents from JSON: JSON Lines, arrays, objects one after another; plain or compressed (`readers.records`).

The keys of an object become columns as `readers.table` has it.
"""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator
from typing import Any, Literal

import pyarrow as pa

from pipeline.rows.plain import to_json
from pipeline.rows.visible import is_visible
from pipeline.steps import SourceBatch, Unit
from stages.l0_collect.readers.files import open_input, open_unit
from stages.l0_collect.readers.members import Damage
from stages.l0_collect.readers.records import Form, Value, form_of, records
from stages.l0_collect.readers.row_buffer import RowBuffer
from stages.l0_collect.readers.sniff import known_format, looks_like
from stages.l0_collect.readers.table import TableSource

UNIT_BYTES = 256 << 20
"""Of a file whose lines can be read from any byte on: what one task reads."""
MAXIMUM_VALUES = 5_000_000
"""Objects, lists and strings of a line: Python takes some 100 bytes for each, and `{}` has two in the file."""
MAXIMUM_DEPTH = 100
"""Of objects and lists in each other. Python's parser and printer give up at some depth below 1,000, and not both at
the same one."""
SAMPLE = 100
"""Values by which a file is judged before the start."""
COLUMNS = pa.schema([(name, pa.string()) for name in ("text", "url", "source", "date", "source_id", "meta")])


class JsonlSource(TableSource):
    """Reads files of JSON objects, one a line or otherwise. What is no document is quarantined as `file#number`.

    Numbers count lines from 1, blank ones too; in an array its values. In a later part of a large file they are
    `file@byte#number`, counted from the byte where that part begins.
    """

    kind: Literal["jsonl"] = "jsonl"

    def units(self, path: str, sha256: str) -> list[Unit]:
        """Ranges of about 256 MB, one unit where the file has to be read from its beginning.

        Raises ValueError if the file is no JSON, or if its first objects do not have the columns that the recipe names.
        """
        with open_input(path) as stream:
            size = stream.seek(0, 2)
            form = form_of(stream)
        self._check(path, form)
        starts = range(0, max(size, 1), UNIT_BYTES) if form.has_line_ranges else (0,)
        return [Unit(path, sha256, start) for start in starts]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        buffer, name = RowBuffer(COLUMNS), f"{unit.shown}@{unit.start}" if unit.start else unit.shown
        with open_unit(unit) as stream:
            for number, value in records(stream, form_of(stream), unit.start, unit.start + UNIT_BYTES):
                try:
                    buffer.add(self._row(value, buffer))
                except (ValueError, RecursionError) as error:
                    buffer.quarantine(f"{name}#{number}", "", error)
                if buffer.is_full():
                    yield buffer.take()
        yield buffer.take()

    def _check(self, path: str, form: Form) -> None:
        sample = form.sample(SAMPLE)
        objects = [value for value in map(_parsed, sample) if isinstance(value, dict)]
        if what := known_format(form.head) or ("" if objects else _no_objects(form, sample)):
            raise ValueError(f"{path} holds no JSON objects; it looks like {what}")
        if not objects:
            return
        self.check_names(path, list(dict.fromkeys(key for value in objects for key in value)), "key")
        texts = [value[self.text_column] for value in objects if not _is_null(value.get(self.text_column))]
        if texts and not any(isinstance(text, str) for text in texts):
            raise ValueError(
                f"{path}: '{self.text_column}' is {_name_of_type(texts[0])} and must be a string; "
                "set `text_column` to another key"
            )

    def _row(self, value: Value, buffer: RowBuffer) -> dict[str, str | None]:
        if isinstance(value, Damage):
            buffer.skip(value.unread_bytes)
            raise ValueError(value.error)
        if isinstance(value, ValueError):
            raise value
        if len(value) > MAXIMUM_VALUES and _most_values(value) > MAXIMUM_VALUES:
            raise ValueError(f"the line may hold more than {MAXIMUM_VALUES} values")
        values = json.loads(value.removeprefix(codecs.BOM_UTF8).decode("utf-8"))  # files with a mark, joined by `cat`
        if not isinstance(values, dict):
            raise ValueError(f"the line is {_name_of_type(values)}, not a JSON object")
        if value.count(b"{") + value.count(b"[") > MAXIMUM_DEPTH and _is_deep(values):
            raise ValueError(f"the line is nested deeper than {MAXIMUM_DEPTH} levels")
        places = self.places(tuple(values))
        text = values.get(places.text)
        if _is_null(text):
            raise ValueError("text is null")
        if not isinstance(text, str):
            raise ValueError(f"text is {_name_of_type(text)}, not a string")
        if not is_visible(text):
            raise ValueError("text is empty")
        if value.count(b'"%b"' % places.text.encode()) > 1 and _comes_again(places.text, value):
            raise ValueError(f"'{places.text}' comes twice in the line, and a document has one text")
        row: dict[str, str | None] = dict.fromkeys(COLUMNS.names, "")
        row |= {out: _string(values[name]) for out, name in places.identity()}
        row["text"] = text
        row["source"] = self.source or row["source"]
        row["source_id"] = row["source_id"] or None
        meta = {name: values[key] for key, name in places.others if values[key] is not None}
        row["meta"] = to_json(meta) if meta else None
        for one in row.values():
            (one or "").encode("utf-8")  # an escaped lone surrogate is valid JSON and no Unicode text
        return row


def _parsed(value: bytes) -> Any:
    """The value; itself if it is no JSON."""
    try:
        return json.loads(value.removeprefix(codecs.BOM_UTF8))
    except (ValueError, RecursionError):
        return value


def _no_objects(form: Form, sample: list[bytes]) -> str:
    """What a file looks like that begins with no JSON object; empty if it has none or one that is damaged."""
    begun = [value.lstrip()[:1] for value in sample or [form.head]]
    if not form.head.strip() or b"{" in begun or (not sample and b"[" in begun):
        return ""
    other = next((value for value in map(_parsed, sample) if not isinstance(value, bytes)), None)
    if other is None:
        return looks_like(form.head)
    return f"JSON without objects: the first value is {_name_of_type(other)}"


def _most_values(line: bytes) -> int:
    """Of objects, lists and strings; numbers are small. What looks like them inside strings is counted too."""
    return line.count(b"{") + line.count(b"[") + line.count(b'"') // 2


def _is_deep(value: Any) -> bool:
    """Whether objects and lists lie more than MAXIMUM_DEPTH deep in each other; without recursion."""
    level = [value]
    for _ in range(MAXIMUM_DEPTH):
        inner = [one for outer in level for one in (outer.values() if isinstance(outer, dict) else outer)]
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return False
    return True


def _comes_again(key: str, line: bytes) -> bool:
    """Whether the outermost object has the key more than once; parsers keep the last one in silence."""
    outermost: list[tuple[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> None:
        outermost[:] = pairs  # the outermost object ends last

    json.loads(line, object_pairs_hook=keep)
    return [name for name, _ in outermost].count(key) > 1


def _is_null(value: Any) -> bool:
    """Null, or the NaN that pandas writes for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _string(value: Any) -> str:
    """A string as it is, another value as JSON."""
    return value if isinstance(value, str) else "" if _is_null(value) else to_json(value)


def _name_of_type(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "a null"}
    return names.get(type(value), "a number")
