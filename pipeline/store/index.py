"""Index files: what a grouping step keeps of a level for later levels to compare with.

Per batch and column one checked stream, so that who needs a few columns, or a few rows, reads and checks only those.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import pyarrow as pa

from pipeline.store.store import Store
from pipeline.store.streams import StreamFile, write_streams


def write_index(store: Store, path: str, tables: Sequence[pa.Table]) -> None:
    """Write tables of one schema, a batch each; the metadata of the first is kept."""
    schema = tables[0].schema if tables else pa.schema([])
    whole = (table.combine_chunks().replace_schema_metadata(None) for table in tables if table.num_rows)
    write_streams(store, path, schema, (table.select([name]) for table in whole for name in schema.names))


class IndexFile:
    """An index file, open for reading. A context manager."""

    def __init__(self, store: Store, path: str) -> None:
        self._streams = StreamFile(store, path)
        self.schema: pa.Schema = self._streams.schema

    def __enter__(self) -> IndexFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._streams.__exit__(kind, error, at)

    @property
    def batches(self) -> int:
        return (self._streams.count - 1) // len(self.schema) if len(self.schema) else 0

    def read(self, batch: int, names: Sequence[str]) -> pa.RecordBatch:
        """Some columns of one batch."""
        first = 1 + batch * len(self.schema)
        tables = [self._streams.table(first + self.schema.get_field_index(name)) for name in names]
        columns = [table.column(0).combine_chunks() for table in tables if table is not None]
        return pa.RecordBatch.from_arrays(columns, names)

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Some columns of all batches."""
        schema = pa.schema([(name, self.schema.field(name).type) for name in names])
        return pa.Table.from_batches([self.read(batch, names) for batch in range(self.batches)], schema)


def index_rows(store: Store, path: str) -> int:
    """Rows of an index file, by its first column."""
    with IndexFile(store, path) as file:
        return sum(int(file.read(batch, file.schema.names[:1]).num_rows) for batch in range(file.batches))
