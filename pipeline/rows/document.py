"""The document record, its identity, and the Arrow schemas that every level shares.

| column    | type   | meaning                                                              |
|-----------|--------|----------------------------------------------------------------------|
| id        | string | 128-bit content hash of source identity and text; never changes      |
| text      | string | the document                                                         |
| text_hash | string | 128-bit hash of the text as it was when the id was made              |
| url       | string | where it came from; empty if unknown                                 |
| source    | string | the data set or site it was collected from                           |
| date      | string | as the source wrote it; empty if unknown                             |
| meta      | string | JSON object of all input columns that have no column of their own    |

A level's data schema is these columns plus the columns that its steps declare (`level_schema`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.rows.plain import plain_values, to_json

TEXT = pa.field("text", pa.string())
BASE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        TEXT,
        pa.field("text_hash", pa.string()),
        pa.field("url", pa.string()),
        pa.field("source", pa.string()),
        pa.field("date", pa.string()),
        pa.field("meta", pa.string()),
    ]
)
DROPPED_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("url", pa.string()),
        pa.field("reason", pa.string()),  # step_kind.rule
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("step", pa.string()),  # by place and kind: `02 threshold`
        pa.field("text", pa.string()),  # null unless the recipe says keep_dropped_text
    ]
)
QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("url", pa.string()),
        pa.field("step", pa.string()),
        pa.field("error", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Document:
    """One row as a plain object, for steps written per document."""

    id: str
    text: str
    url: str = ""
    source: str = ""
    date: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    """What earlier steps added, such as `language` or `quality`."""


def content_hash(*parts: bytes | memoryview | str) -> str:
    """128-bit hash of the parts in order, as 32 hex digits. Lengths are hashed too: ("ab", "c") is not ("a", "bc")."""
    framed: list[bytes | memoryview] = []
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        framed += (len(data).to_bytes(8, "little"), data)
    return hashlib.blake2b(b"".join(framed), digest_size=16).hexdigest()


def text_views(texts: pa.StringArray) -> Iterable[memoryview]:
    """The UTF-8 bytes of each text, without copying. A null counts as empty."""
    _, offsets_buffer, data_buffer = texts.buffers()
    data = memoryview(data_buffer) if data_buffer is not None else memoryview(b"")
    offsets = memoryview(offsets_buffer).cast("i")[texts.offset : texts.offset + len(texts) + 1]
    return (data[offsets[row] : offsets[row + 1]] for row in range(len(texts)))


def level_schema(step_columns: Iterable[pa.Field], parent: pa.Schema = BASE_SCHEMA) -> pa.Schema:
    """The parent's columns, then those the steps add. A column declared twice must have one type."""
    fields = {column.name: column for column in parent}
    for column in step_columns:
        known = fields.setdefault(column.name, column)
        if known.type != column.type:
            raise ValueError(
                f"column '{column.name}' is declared as {known.type} and as {column.type}; "
                "give one of the two steps another `column`"
            )
    return pa.schema(list(fields.values()))


def to_schema(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Rows in exactly this schema: missing columns become nulls, other columns go into `meta`."""
    extra = [name for name in rows.schema.names if name not in schema.names]
    arrays = []
    for column in schema:
        if column.name not in rows.schema.names:
            arrays.append(pa.nulls(len(rows), column.type))
        else:
            arrays.append(rows.column(column.name).cast(column.type))
    result = pa.RecordBatch.from_arrays(arrays, schema=schema)
    return _extend_meta(result, rows.select(extra)) if extra else result


def _extend_meta(rows: pa.RecordBatch, extra: pa.RecordBatch) -> pa.RecordBatch:
    known = rows.column("meta").to_pylist()
    columns = [plain_values(column) for column in extra.columns]
    merged = []
    for before, values in zip(known, zip(*columns, strict=True), strict=True):
        meta = json.loads(before) if before else {}
        meta.update({name: value for name, value in zip(extra.schema.names, values, strict=True) if value is not None})
        # Sorted keys: the same row gives the same bytes whatever the order of the input's columns.
        merged.append(to_json(meta) if meta else None)
    return rows.set_column(rows.schema.get_field_index("meta"), "meta", pa.array(merged, pa.string()))
