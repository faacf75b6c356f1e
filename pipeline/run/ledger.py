"""Replies of models, stored as they came and found by the request's key. What comes after L3 is reproducible from it.

A part is a small Parquet file, written under the next free number: two writers never overwrite each other, and a
request answered twice keeps the reply of the lowest part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.steps import Reply
from pipeline.store.store import Store, temporary_file

DIRECTORY = "ledger"
REPLY_SCHEMA = pa.schema(
    [
        pa.field(field.name, pa.int32() if field.name.endswith("_tokens") else pa.string(), nullable=False)
        for field in fields(Reply)
    ]
)
PART_REPLIES = 16
"""Replies lost at most when a run is killed."""


class Ledger:
    """The replies of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: list[Reply] = []

    def find(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The stored replies to these requests."""
        wanted = pa.array(sorted(set(keys)), pa.string())
        found: dict[str, Reply] = {}
        for path in self._parts():
            with self._store.open(path) as part:
                table = pq.ParquetFile(part, page_checksum_verification=True).read()
            for row in table.filter(pc.is_in(table.column("key"), value_set=wanted)).to_pylist():
                found.setdefault(row["key"], Reply(**row))
        return found

    def record(self, reply: Reply) -> None:
        """Keep a reply; on disk at the latest after PART_REPLIES of them or `flush`."""
        self._pending.append(reply)
        if len(self._pending) >= PART_REPLIES:
            self.flush()

    def flush(self) -> None:
        """Write what is pending as one part."""
        if not self._pending:
            return
        table = pa.Table.from_pylist([asdict(reply) for reply in self._pending], REPLY_SCHEMA)
        number = len(self._parts())
        while True:
            with temporary_file(self._store) as temporary:
                pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
                if self._store.commit(temporary, f"{DIRECTORY}/part-{number:06d}.parquet"):
                    break
            number += 1
        self._pending = []

    def _parts(self) -> list[str]:
        return [path for path in self._store.list(DIRECTORY) if path.endswith(".parquet")]
