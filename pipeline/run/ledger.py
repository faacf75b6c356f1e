"""Replies of models, stored as they came and found by the request's key. What comes after L3 is reproducible from it.

A part is a small file of one checked stream (`pipeline.store.streams`), written under the next free number: two writers
never overwrite each other, and a request answered twice keeps the reply of the lowest part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.steps import Reply
from pipeline.store.store import Store
from pipeline.store.streams import StreamFile, write_streams

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
            with StreamFile(self._store, path) as part:
                schema, replies = part.schema, part.table(1)
            table = schema.empty_table() if replies is None else replies
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
        while not write_streams(self._store, f"{DIRECTORY}/part-{number:06d}.arrow", REPLY_SCHEMA, [table], "zstd"):
            number += 1
        self._pending = []

    def _parts(self) -> list[str]:
        return [path for path in self._store.list(DIRECTORY) if path.endswith(".arrow")]
