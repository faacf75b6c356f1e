"""What was asked to be taken down: which documents, by hashes, so that a store may keep this for good.

    tombstones/<name>.json    ids, hashes of texts, URLs, hosts; named by its content, never replaced

A document is known again by its id, by the hash of its text as any level of the store had it (a copy from elsewhere has
another id), by its URL, and by its host. Rows made from it are known by `parent_id`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from pipeline.books.manifest import dump, load
from pipeline.hosts import canonical_host, canonical_url, host_of
from pipeline.rows.batch import BoolArray
from pipeline.rows.document import content_hash, text_views
from pipeline.store.store import Store

FOLDER = "tombstones"
SHORTEST = 32
"""Bytes of a text whose hash counts: `Yes.` is no document's own."""


class Tombstone(BaseModel):
    """One takedown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asked: datetime
    reason: str
    ids: tuple[str, ...] = ()
    """Of the documents and of all rows made from them."""
    texts: tuple[str, ...] = ()
    """Hashes of their texts, as each level had them."""
    urls: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """With all hosts below them."""

    @property
    def name(self) -> str:
        """By what it takes down: the same request twice is one tombstone."""
        return content_hash(json.dumps([self.ids, self.texts, self.urls, self.hosts]))[:16]


@dataclass
class Targets:
    """What several tombstones name, for finding it in rows."""

    ids: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    urls: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)

    def add(self, stone: Tombstone) -> None:
        self.ids |= set(stone.ids)
        self.texts |= set(stone.texts)
        self.urls |= {page_of(url) for url in stone.urls}
        self.hosts |= {canonical_host(host) for host in stone.hosts}

    def __bool__(self) -> bool:
        return bool(self.ids or self.texts or self.urls or self.hosts)

    def find(self, rows: pa.RecordBatch) -> dict[str, BoolArray]:
        """Rule → which of the rows are meant by it, as far as their columns tell."""
        found = {}
        for rule, column, wanted in (
            ("id", "id", self.ids),
            ("made_from_it", "parent_id", self.ids),
            ("text", "text_hash", self.texts),
        ):
            if wanted and column in rows.schema.names:
                found[rule] = _is_in(rows.column(column), wanted)
        if self.texts and "text" in rows.schema.names:
            same = [content_hash(text) in self.texts for text in text_views(rows.column("text"))]
            found["text"] = found.get("text", np.zeros(rows.num_rows, np.bool_)) | np.array(same, np.bool_)
        if self.urls and "url" in rows.schema.names:
            same = [page_of(url or "") in self.urls for url in rows.column("url").to_pylist()]
            found["url"] = np.array(same, np.bool_)
        if self.hosts and "url" in rows.schema.names:
            below = [self.is_host(url or "") for url in rows.column("url").to_pylist()]
            found["host"] = np.array(below, np.bool_)
        return found

    def mask(self, rows: pa.RecordBatch) -> BoolArray:
        """Which of the rows are meant."""
        meant = np.zeros(rows.num_rows, np.bool_)
        for one in self.find(rows).values():
            meant |= one
        return meant

    def is_host(self, url: str) -> bool:
        """Whether the URL's host is one of the hosts, or lies below one."""
        parts = host_of(url).split(".")
        return any(".".join(parts[first:]) in self.hosts for first in range(len(parts)))


def page_of(url: str) -> str:
    """What two URLs of one page share: host and port in canonical form, path and query; no scheme, no fragment."""
    whole = canonical_url(url).partition("#")[0]
    scheme, separator, rest = whole.partition("://")
    return rest if separator and scheme in ("http", "https") else whole


def hashes_of(rows: pa.RecordBatch) -> set[str]:
    """Of the rows' texts, as they are and as they were when their ids were made."""
    found: set[str] = set()
    if "text" in rows.schema.names:
        found |= {content_hash(text) for text in text_views(rows.column("text")) if len(text) >= SHORTEST}
        if "text_hash" in rows.schema.names:
            long = pc.greater_equal(pc.fill_null(pc.binary_length(rows.column("text")), 0), SHORTEST)
            found |= {one for one in rows.column("text_hash").filter(long).to_pylist() if one}
    return found


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def keep(store: Store, stone: Tombstone) -> str:
    """Write it down; its path."""
    path = f"{FOLDER}/{stone.name}.json"
    store.create(path, dump(stone))
    return path


def paths(store: Store) -> list[str]:
    return [path for path in store.list(FOLDER) if path.endswith(".json")]


def targets_of(stones: Iterable[tuple[Store, str]]) -> Targets:
    """What the tombstones at these places name together."""
    found = Targets()
    for store, path in stones:
        found.add(load(Tombstone, store, path))
    return found


def _is_in(column: pa.Array, wanted: set[str]) -> BoolArray:
    mask: BoolArray = pc.fill_null(pc.is_in(column, value_set=pa.array(sorted(wanted), column.type)), False).to_numpy(
        zero_copy_only=False
    )
    return mask
