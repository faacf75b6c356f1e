"""Replies of models, stored as they came and found by the request's key. What comes after L3 is reproducible from it.

A part holds PART_REPLIES replies when it is written, under the next free number: two writers never overwrite each
other. Of MERGED parts in a row whoever writes the last makes one, up to LARGEST numbers a part, so that a hundred
million replies lie in some thousand files. A request answered twice keeps the reply of the lowest number.

| stream | content                                                                                   |
|--------|-------------------------------------------------------------------------------------------|
| 1      | hash (uint64, sorted) and row (uint32) of each reply: read once per process               |
| 2 …    | BLOCK replies each, as they came: a batch that is asked for again lies in few of them     |
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.steps import Reply
from pipeline.store.damage import damaged
from pipeline.store.store import Store
from pipeline.store.streams import StreamFile, write_streams

DIRECTORY = "ledger"
TYPES = {"str": pa.string(), "int": pa.int32(), "float": pa.float32()}
REPLY_SCHEMA = pa.schema([pa.field(field.name, TYPES[str(field.type)], nullable=False) for field in fields(Reply)])
KEY_SCHEMA = pa.schema([pa.field("hash", pa.uint64()), pa.field("row", pa.uint32())])
PART_REPLIES, PART_SECONDS = 256, 5.0
"""A part is written when so many replies or so many seconds have come together: what a kill loses at most."""
MERGED = 16
LARGEST = MERGED**2
"""Numbers in one part: at most 65,536 replies, some 50 MB."""
BLOCK = 64
NAME = re.compile(rf"{DIRECTORY}/part-(\d{{9}})-(\d+)\.arrow")


class Part(NamedTuple):
    """A file of the numbers from `first` on."""

    first: int
    numbers: int

    @property
    def path(self) -> str:
        return f"{DIRECTORY}/part-{self.first:09d}-{self.numbers}.arrow"


Keys = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
"""Hashes and rows: 12 bytes a reply."""


class Ledger:
    """The replies of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: list[Reply] = []
        self._began = 0.0
        self._known: dict[Part, Keys] = {}

    def find(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The stored replies to these requests. Takes time by the number of keys and parts, not of replies."""
        wanted = dict.fromkeys(keys)
        pending = {reply.key: reply for reply in reversed(self._pending) if reply.key in wanted}
        while wanted:
            try:
                return pending | self._find(wanted)
            except FileNotFoundError:  # merged into another part since the list was read
                continue
        return {}

    def record(self, reply: Reply) -> None:
        """Keep a reply; on disk at the latest with PART_REPLIES of them, the first after PART_SECONDS, or `flush`."""
        if not self._pending:
            self._began = time.monotonic()
        self._pending.append(reply)
        if len(self._pending) >= PART_REPLIES or time.monotonic() - self._began >= PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is pending as one part, and merge what has come together."""
        if not self._pending:
            return
        number = max((part.first + part.numbers for part in self._parts()), default=0)
        while not self._write(Part(number, 1), self._pending):
            number += 1
        self._pending = []
        self._merge(number)

    def replies(self) -> Iterator[Reply]:
        """All of them as they lie, in the order of their numbers; of a key the first stands."""
        for part in self._parts():
            yield from self._read(part)

    def prune(self, is_unwanted: Callable[[Reply], bool]) -> int:
        """Take replies out, so that they are asked for again; how many. Not while a run asks for others.

        What stays of a part is written behind the others before the part goes: a kill loses nothing.
        """
        gone = 0
        for part in self._parts():
            replies = list(self._read(part))
            kept = [reply for reply in replies if not is_unwanted(reply)]
            if len(kept) == len(replies):
                continue
            number = max(other.first + other.numbers for other in self._parts())
            if kept:
                self._write(Part(number, 1), kept)
            self._store.remove(part.path)
            gone += len(replies) - len(kept)
        return gone

    def _find(self, wanted: dict[str, None]) -> dict[str, Reply]:
        found: dict[str, Reply] = {}
        for part in self._parts():
            missing = [key for key in wanted if key not in found]
            if not missing:
                break
            hashes, rows = self._keys(part)
            asked = np.array([key_hash(key) for key in missing], np.uint64)
            begin, end = np.searchsorted(hashes, asked), np.searchsorted(hashes, asked, "right")
            places = {int(row) // BLOCK for low, high in zip(begin, end, strict=True) for row in rows[low:high]}
            for reply in self._read(part, sorted(places)):
                if reply.key in wanted:
                    found.setdefault(reply.key, reply)
        return found

    def _keys(self, part: Part) -> Keys:
        if part not in self._known:
            with StreamFile(self._store, part.path) as file:
                if not file.schema.equals(REPLY_SCHEMA):
                    raise damaged(self._store, part.path, f"it has the columns {', '.join(file.schema.names)}")
                table = file.table(1)
            assert table is not None
            self._known[part] = table.column("hash").to_numpy(), table.column("row").to_numpy()
        return self._known[part]

    def _read(self, part: Part, blocks: Iterable[int] | None = None) -> Iterator[Reply]:
        if blocks is not None and not blocks:
            return
        with StreamFile(self._store, part.path) as file:
            for number in range(file.count - 2) if blocks is None else blocks:
                table = file.table(number + 2)
                assert table is not None
                yield from (Reply(**row) for row in table.to_pylist())

    def _write(self, part: Part, replies: list[Reply]) -> bool:
        hashes = np.array([key_hash(reply.key) for reply in replies], np.uint64)
        order = np.argsort(hashes, kind="stable").astype(np.uint32)
        tables = [pa.Table.from_arrays([pa.array(hashes[order]), pa.array(order)], schema=KEY_SCHEMA)]
        for first in range(0, len(replies), BLOCK):
            rows = [asdict(reply) for reply in replies[first : first + BLOCK]]
            tables.append(pa.Table.from_pylist(rows, REPLY_SCHEMA))
        return write_streams(self._store, part.path, REPLY_SCHEMA, tables, "zstd")

    def _merge(self, number: int) -> None:
        """Make one part of MERGED, if the one of this number completes them, and so on.

        Two that do it at once write the same. What is found under a number of a part that is there already, from a
        slow writer or a killed merge, stays beside it.
        """
        if (number + 1) % MERGED:  # a number is written when all below it are: only the last of a group completes it
            return
        numbers = MERGED
        while numbers <= LARGEST:
            whole = Part(number // numbers * numbers, numbers)
            inside = [part for part in self._parts() if whole.first <= part.first < whole.first + numbers]
            covered = {one for part in inside for one in range(part.first, part.first + part.numbers)}
            if len(covered) < numbers:
                return
            if whole not in inside:
                try:
                    self._write(whole, self._first_replies(inside))
                except FileNotFoundError:
                    return  # another has merged them
                for part in inside:
                    self._store.remove(part.path)
                    self._known.pop(part, None)
            numbers *= MERGED

    def _first_replies(self, parts: Iterable[Part]) -> list[Reply]:
        """Each key once, in order."""
        found: dict[str, Reply] = {}
        for part in parts:
            for reply in self._read(part):
                found.setdefault(reply.key, reply)
        return list(found.values())

    def _parts(self) -> list[Part]:
        names = filter(None, map(NAME.fullmatch, self._store.list(DIRECTORY)))
        return sorted(Part(int(name[1]), int(name[2])) for name in names)


def key_hash(key: str) -> int:
    """64 bits of a key, which is itself a hash in hex; of any other string its own."""
    try:
        return int(key[:16], 16)
    except ValueError:
        return int.from_bytes(key.encode()[:8].ljust(8, b"\0"), "little")
