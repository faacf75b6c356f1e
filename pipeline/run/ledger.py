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
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.run.ledger_index import FAN_OUT, index_parts, indexes_in, look_up, merge_indexes
from pipeline.steps import Reply
from pipeline.store.damage import damaged
from pipeline.store.store import Store
from pipeline.store.streams import StreamFile, write_streams

DIRECTORY = "ledger"
TYPES = {"str": pa.string(), "int": pa.int32(), "float": pa.float32()}
REPLY_SCHEMA = pa.schema([pa.field(field.name, TYPES[str(field.type)], nullable=False) for field in fields(Reply)])
BEFORE_ABOUT = REPLY_SCHEMA.remove(REPLY_SCHEMA.get_field_index("about"))
"""Of ledgers that do not know yet which document a reply is about; merging brings them up to date."""
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

    @property
    def is_whole(self) -> bool:
        """Never merged any more."""
        return self.numbers == LARGEST

    @property
    def place(self) -> int:
        """The n-th of whole parts."""
        return self.first // LARGEST


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
        """The stored replies to these requests. Takes time by the number of keys, hardly by that of replies."""
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
            for index in indexes_in(self._store.list(DIRECTORY)):
                if part.is_whole and index.covers(part.place):
                    self._store.remove(index.path(DIRECTORY))  # the parts that stay are asked by their own keys
            self._store.remove(part.path)
            gone += len(replies) - len(kept)
        return gone

    def _find(self, wanted: dict[str, None]) -> dict[str, Reply]:
        """Whole parts are asked through their indexes, the few others by their own keys."""
        names = self._store.list(DIRECTORY)
        parts, indexes = _parts_in(names), indexes_in(names)
        alone = [part for part in parts if not any(part.is_whole and one.covers(part.place) for one in indexes)]
        self._known = {part: keys for part, keys in self._known.items() if part in alone}
        hashes = np.unique(np.array([key_hash(key) for key in wanted], np.uint64))
        places: defaultdict[Part, set[int]] = defaultdict(set)
        for part in alone:
            known, rows = self._keys(part)
            begin, end = np.searchsorted(known, hashes), np.searchsorted(known, hashes, "right")
            for low, high in zip(begin[begin < end], end[begin < end], strict=True):
                places[part].update(rows[low:high].tolist())
        for index in indexes:
            for place, row in zip(*look_up(self._store, DIRECTORY, index, hashes), strict=True):
                places[Part(int(place) * LARGEST, LARGEST)].add(int(row))
        found: dict[str, Reply] = {}
        for part in sorted(places):
            for reply in self._read_rows(part, sorted(places[part])):
                if reply.key in wanted:
                    found.setdefault(reply.key, reply)
        return found

    def _keys(self, part: Part) -> Keys:
        if part not in self._known:
            self._known[part] = self._read_keys(part)
        return self._known[part]

    def _read_keys(self, part: Part) -> Keys:
        with StreamFile(self._store, part.path) as file:
            if not (file.schema.equals(REPLY_SCHEMA) or file.schema.equals(BEFORE_ABOUT)):
                raise damaged(self._store, part.path, f"it has the columns {', '.join(file.schema.names)}")
            table = file.table(1)
        assert table is not None
        return table.column("hash").to_numpy(), table.column("row").to_numpy()

    def _read(self, part: Part) -> Iterator[Reply]:
        with StreamFile(self._store, part.path) as file:
            for number in range(file.count - 2):
                yield from _replies_of(file, number)

    def _read_rows(self, part: Part, rows: list[int]) -> Iterator[Reply]:
        with StreamFile(self._store, part.path) as file:
            for number, chosen in groupby(rows, lambda row: row // BLOCK):
                yield from _replies_of(file, number, [row % BLOCK for row in chosen])

    def _write(self, part: Part, replies: list[Reply]) -> bool:
        hashes = np.array([key_hash(reply.key) for reply in replies], np.uint64)
        order = np.argsort(hashes, kind="stable").astype(np.uint32)
        tables = [pa.Table.from_arrays([pa.array(hashes[order]), pa.array(order)], schema=KEY_SCHEMA)]
        columns = [[getattr(reply, name) for reply in replies] for name in REPLY_SCHEMA.names]
        whole = pa.Table.from_pydict(dict(zip(REPLY_SCHEMA.names, columns, strict=True)), REPLY_SCHEMA)
        tables += [whole.slice(first, BLOCK) for first in range(0, len(replies), BLOCK)]
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
        self._index(number // LARGEST)

    def _index(self, place: int) -> None:
        """Make an index of the whole parts up to this one, if it completes FAN_OUT of them, and so on."""
        covered = FAN_OUT
        while (place + 1) % covered == 0:
            first = place // covered * covered
            names = self._store.list(DIRECTORY)
            try:
                if covered == FAN_OUT:
                    parts = [Part((first + n) * LARGEST, LARGEST) for n in range(FAN_OUT)]
                    if not {part.path for part in parts} <= set(names):
                        return
                    index_parts(self._store, DIRECTORY, first, (self._read_keys(part) for part in parts))
                else:
                    inside = [one for one in sorted(indexes_in(names)) if first <= one.first <= place]
                    if [one.parts for one in inside] != [covered // FAN_OUT] * FAN_OUT:
                        return
                    merge_indexes(self._store, DIRECTORY, inside)
            except FileNotFoundError:
                return  # another has merged them
            covered *= FAN_OUT

    def _first_replies(self, parts: Iterable[Part]) -> list[Reply]:
        """Each key once, in order."""
        found: dict[str, Reply] = {}
        for part in parts:
            for reply in self._read(part):
                found.setdefault(reply.key, reply)
        return list(found.values())

    def _parts(self) -> list[Part]:
        return _parts_in(self._store.list(DIRECTORY))


def _parts_in(paths: Iterable[str]) -> list[Part]:
    names = filter(None, map(NAME.fullmatch, paths))
    return sorted(Part(int(name[1]), int(name[2])) for name in names)


def _replies_of(file: StreamFile, block: int, rows: list[int] | None = None) -> Iterator[Reply]:
    table = file.table(block + 2)
    assert table is not None
    for row in (table if rows is None else table.take(pa.array(rows))).to_pylist():
        yield Reply(**row)


def key_hash(key: str) -> int:
    """64 bits of a key, which is itself a hash in hex; of any other string its own."""
    try:
        return int(key[:16], 16)
    except ValueError:
        return int.from_bytes(key.encode()[:8].ljust(8, b"\0"), "little")
