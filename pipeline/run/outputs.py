"""The files that a task writes for one shard, and what it counts: a row is written down and counted in one call.

| file                           | rows                                                        |
|--------------------------------|-------------------------------------------------------------|
| data/part-00000.parquet        | kept                                                        |
| dropped/part-00000.parquet     | id, url, reason, value, threshold, step, text (when asked)  |
| quarantine/part-00000.parquet  | id, url, step, error                                        |
| clusters/part-00000.parquet    | id, cluster, kept_id, similarity (where duplicates are)     |
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.books.accounting import Counts
from pipeline.books.manifest import ShardRecord
from pipeline.rows.document import DROPPED_SCHEMA, QUARANTINE_SCHEMA
from pipeline.run.grouping import CLUSTER_COLUMNS
from pipeline.store.checked import read_checked
from pipeline.store.shard import FileEntry, ShardWriter
from pipeline.store.store import Store

CLUSTER_SCHEMA = pa.schema(CLUSTER_COLUMNS)


class Outputs:
    """The open files of one task."""

    def __init__(
        self,
        store: Store,
        path: Callable[[str], str],
        rows: pa.Schema,
        clusters: bool,
        keep_text: bool,
        stack: ExitStack,
    ) -> None:
        """`path` gives the place of each role; `rows` are those kept. What is not committed goes with the stack."""
        schemas = {"data": rows, "dropped": DROPPED_SCHEMA, "quarantine": QUARANTINE_SCHEMA}
        if clusters:
            schemas["clusters"] = CLUSTER_SCHEMA
        self._writers = {
            role: stack.enter_context(ShardWriter(store, path(role), schema)) for role, schema in schemas.items()
        }
        self._keep_text = keep_text
        self.data = self._writers["data"]
        self.counts = Counts()
        """Of this task; what earlier passes counted is added in the end."""

    def drop(self, rows: pa.RecordBatch, gone: Any, step: str, rules: list[str], value: Any, threshold: Any) -> None:
        """The rows at `gone` are dropped by `step` (`02 threshold`); a rule that measures nothing gives nan."""
        self.counts.drop(step, rules)
        wanted = ["id", "source_id", "url", *(["text"] if self._keep_text else [])]
        rows = rows.select([name for name in wanted if name in rows.schema.names]).take(pa.array(gone, pa.int64()))
        text = column_or_null(rows, "text") if self._keep_text else pa.nulls(rows.num_rows, pa.string())
        self._writers["dropped"].write(
            pa.RecordBatch.from_arrays(
                [
                    row_ids(rows),
                    column_or_null(rows, "url"),
                    pa.array([f"{step.split(' ', 1)[1]}.{rule}" for rule in rules], pa.string()),
                    pa.array(np.asarray(value, np.float64), from_pandas=True),
                    pa.array(np.broadcast_to(np.asarray(threshold, np.float64), len(rules)), from_pandas=True),
                    pa.array([step] * rows.num_rows, pa.string()),
                    text,
                ],
                schema=DROPPED_SCHEMA,
            )
        )

    def quarantine(self, step: str, entries: list[tuple[str, str, str]]) -> None:
        """The step cannot process these rows: (id, url, error) of each."""
        self.counts.quarantine(step, len(entries))
        rows = [dict(zip(QUARANTINE_SCHEMA.names, (row, url, step, error), strict=True)) for row, url, error in entries]
        self._writers["quarantine"].write(pa.RecordBatch.from_pylist(rows, QUARANTINE_SCHEMA))

    def clusters(self, rows: pa.Table) -> None:
        for batch in rows.select(CLUSTER_SCHEMA.names).cast(CLUSTER_SCHEMA).to_batches():
            self._writers["clusters"].write(batch)

    def carry_on(self, store: Store, record: ShardRecord) -> None:
        """Copy what an earlier pass wrote down about rows that ended there."""
        for file in record.files:
            if file.role != "data":
                for rows in read_checked(store, file.path, file.sha256):
                    self._writers[file.role].write(rows)

    def commit(self) -> list[FileEntry]:
        return [writer.commit(role) for role, writer in self._writers.items()]


def column_or_null(rows: pa.RecordBatch, name: str) -> pa.Array:
    return rows.column(name) if name in rows.schema.names else pa.nulls(rows.num_rows, pa.string())


def row_ids(rows: pa.RecordBatch) -> pa.Array:
    """The id, or what names a row of L0 that has none yet."""
    name = next((name for name in ("id", "source_id", "url") if name in rows.schema.names), "")
    return column_or_null(rows, name).cast(pa.string())
