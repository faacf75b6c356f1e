"""Take documents down: find all that a store has of them, and write a tombstone by which they stay known.

From then on no run takes them in (`stages.l0_collect.taken_down`). What versions and levels hold of them stays until a
purge (`pipeline.upkeep.purge`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.books.tombstones import Targets, Tombstone, hashes_of, keep, now, page_of
from pipeline.errors import UsageError
from pipeline.hosts import canonical_host
from pipeline.store.shard import read_batches
from pipeline.store.store import Store

LEVELS = ("l0_collect", "l1_filter", "l2_select", "l3_synthesize", "l4_verify")
COLUMNS = ("id", "parent_id", "text_hash", "url", "text")
ROUNDS = 8
"""Rows made from rows made from a document: a level deeper each time."""


class NothingFound(UsageError):
    """No row of the store is meant."""


@dataclass
class Found:
    """What a takedown has found."""

    name: str = ""
    rows: Counter[str] = field(default_factory=Counter)
    """Level or release → rows that hold a text of it."""
    near: set[str] = field(default_factory=set)
    """Ids of near duplicates, which are other texts and were not asked for."""

    def lines(self) -> list[str]:
        lines = [f"{place}: {rows:,} rows" for place, rows in sorted(self.rows.items())]
        if self.near:
            lines.append(f"{len(self.near):,} near duplicates stay: --near-duplicates takes them down too")
        return lines


def take_down(
    store: Store, ids: Sequence[str], urls: Sequence[str], hosts: Sequence[str], reason: str, near: bool = False
) -> Found:
    """Write the tombstone. NothingFound for ids that nobody knows; URLs and hosts may come in a later crawl."""
    targets = Targets(set(ids), set(), {page_of(url) for url in urls}, {canonical_host(host) for host in hosts})
    found = Found()
    for _ in range(ROUNDS):
        before = (len(targets.ids), len(targets.texts))
        found.rows = _grow(store, targets)
        found.near = _near(store, targets)
        if near:
            targets.ids |= found.near
        if before == (len(targets.ids), len(targets.texts)):
            break
    if not found.rows and ids and not (urls or hosts):
        raise NothingFound(f"no level of {store.root} knows '{ids[0]}'; `orefine explain` finds ids by URL")
    found.near -= targets.ids
    stone = Tombstone(
        asked=now(), reason=reason, ids=tuple(sorted(targets.ids)), texts=tuple(sorted(targets.texts)),
        urls=tuple(sorted(set(urls))), hosts=tuple(sorted(targets.hosts)),
    )  # fmt: skip
    keep(store, stone)
    found.name = stone.name
    return found


def data_files(store: Store) -> Iterator[str]:
    """All Parquet files of levels, finished or not, and of releases."""
    for folder in (*LEVELS, "releases"):
        yield from (path for path in store.list(folder) if path.endswith(".parquet"))


def place_of(path: str) -> str:
    """The level or release that a file belongs to."""
    parts = path.split("/")
    return "/".join(parts[: 3 if parts[0] == "releases" else 2])


def _grow(store: Store, targets: Targets) -> Counter[str]:
    """Add the ids and hashes of the rows that are meant; rows by place."""
    rows: Counter[str] = Counter()
    for path in data_files(store):
        role = path.split("/")[-2]
        if role not in ("data", "dropped"):
            continue
        for batch in _read(store, path):
            meant = batch.filter(pa.array(targets.mask(batch)))
            if meant.num_rows:
                rows[place_of(path)] += meant.num_rows if role == "data" else 0
                targets.ids |= {one for one in meant.column("id").to_pylist() if one}
                targets.texts |= hashes_of(meant)
    return Counter({place: count for place, count in rows.items() if count})


def _near(store: Store, targets: Targets) -> set[str]:
    near: set[str] = set()
    for path in data_files(store):
        if "/clusters/" in path:
            for batch in read_batches(store.open(path), ["id", "cluster"]):
                pairs = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
                clusters = {cluster for one, cluster in pairs if one in targets.ids or cluster in targets.ids}
                near |= {one for pair in pairs if pair[1] in clusters for one in pair}
    return near


def _read(store: Store, path: str) -> Iterator[pa.RecordBatch]:
    with store.open(path) as opened:
        names = pq.read_schema(opened).names
    yield from read_batches(store.open(path), [name for name in COLUMNS if name in names])
