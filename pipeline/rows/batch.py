"""Rows on their way through a level: Arrow columns, and what steps have derived from the text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Protocol, Self, TypeVar

import numpy as np
import pyarrow as pa

from pipeline.rows.document import BASE_SCHEMA, Document

BoolArray = np.ndarray[tuple[int], np.dtype[np.bool_]]


class Derived(Protocol):
    """Something computed per row from the text, such as its words. It follows the rows through filters."""

    def filter(self, keep: BoolArray) -> Self: ...


D = TypeVar("D", bound=Derived)


class Batch:
    """Immutable rows plus a cache of derived values, so that no step tokenises what another already has."""

    def __init__(self, rows: pa.RecordBatch, derived: dict[str, Derived] | None = None) -> None:
        self.rows = rows
        self._derived: dict[str, Derived] = derived if derived is not None else {}

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    @property
    def text(self) -> pa.StringArray:
        return self.column("text")

    def column(self, name: str) -> pa.Array:
        """The column, or a clear error that names those there are."""
        if name not in self.rows.schema.names:
            raise KeyError(
                f"no column '{name}' here; there are {', '.join(self.rows.schema.names)}. "
                "Does the step that makes it come earlier in the recipe?"
            )
        return self.rows.column(name)

    def derive(self, name: str, compute: Callable[[pa.StringArray], D]) -> D:
        """`compute(text)`, once per text: later steps asking for the same name get the same object."""
        if name not in self._derived:
            self._derived[name] = compute(self.text)
        return self._derived[name]  # type: ignore[return-value]  # the name stands for one type

    def filter(self, keep: BoolArray) -> Batch:
        """Only the rows where `keep` is true."""
        if keep.all():
            return self
        rows = self.rows.filter(pa.array(keep))
        return Batch(rows, {name: value.filter(keep) for name, value in self._derived.items()})

    def slice(self, start: int, length: int) -> Batch:
        """A run of rows; derived values are left behind."""
        return Batch(self.rows.slice(start, length))

    def with_text(self, text: pa.StringArray) -> Batch:
        """The same rows with another text; what was derived from the old text is forgotten."""
        return Batch(self.with_column(pa.field("text", pa.string()), text).rows)

    def with_column(self, field: pa.Field, values: pa.Array) -> Batch:
        """The same rows with a column added or replaced."""
        index = self.rows.schema.get_field_index(field.name)
        if index < 0:
            return Batch(self.rows.append_column(field, values), self._derived)
        return Batch(self.rows.set_column(index, field, values), self._derived)

    def documents(self) -> Iterator[Document]:
        """Each row as a plain object; only for steps written per document, since it costs microseconds a row."""
        base = set(BASE_SCHEMA.names)
        for row in self.rows.to_pylist():
            yield Document(
                id=row.get("id") or "",
                text=row.get("text") or "",
                url=row.get("url") or "",
                source=row.get("source") or "",
                date=row.get("date") or "",
                meta=json.loads(row["meta"]) if row.get("meta") else {},
                columns={name: value for name, value in row.items() if name not in base},
            )
