"""Rows, drops and quarantine entries on their way into batches of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipeline.steps import SourceBatch, describe
from pipeline.store.bounded import BATCH_BYTES, BATCH_ROWS


class RowBuffer:
    """What the next batch will hold."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._rows: list[Mapping[str, Any]] = []
        self._quarantined: list[tuple[str, str, str]] = []
        self._dropped: list[tuple[str, str, str]] = []
        self._bytes = 0

    def add(self, row: Mapping[str, Any]) -> None:
        self._rows.append(row)
        self._bytes += sum(len(value) for value in row.values() if isinstance(value, str | bytes))

    def drop(self, position: str, url: str, rule: str) -> None:
        self._dropped.append((position, url, rule))

    def quarantine(self, position: str, url: str, error: Exception | str) -> None:
        if isinstance(error, Exception):  # a plain ValueError is our own and says in words what is wrong
            error = str(error) if type(error) is ValueError else describe(error)
        self._quarantined.append((position, url, error))

    def is_full(self) -> bool:
        entries = len(self._rows) + len(self._quarantined) + len(self._dropped)
        return entries >= BATCH_ROWS or self._bytes >= BATCH_BYTES

    def take(self) -> SourceBatch:
        """The batch; the buffer is empty afterwards."""
        rows = pa.RecordBatch.from_pylist(self._rows, schema=self._schema)
        batch = SourceBatch(rows, self._quarantined, self._dropped)
        self._rows, self._quarantined, self._dropped, self._bytes = [], [], [], 0
        return batch
