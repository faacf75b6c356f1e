"""The journal of a crawl: what its sealed lots say happened, from which it goes on and from which it is read.

```
<folder>/lots/lot-000000-1f2e3d4c5b6a.warc.gz     what was fetched, named by its content
<folder>/lots/lot-000000.json                     written last: the lot is sealed, and this is what happened in it
<folder>/words/lot-000000-1f2e3d4c5b6a.zst        a hash for each word of its pages, by which copies of them are told
<folder>/lots/lot-p001-000000.json                of the second of several workers (parts.py), and so on
<folder>/crawl.json                               the crawl has ended, and why
<folder>/STOP                                     made by people: seal what there is, and end
```
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from pipeline.store.store import Store, open_store

LOTS, WORDS = "lots", "words"
ENDED = "crawl.json"
STOP = "STOP"


class Copy(BaseModel):
    """The page as a crawl has it."""

    date: str
    """WARC-Date of the record that holds it."""
    digest: str
    """Of the payload, as in the record."""
    etag: str = ""
    modified: str = ""
    """Last-Modified, as the server wrote it."""


class Visit(BaseModel):
    """What came of one URL."""

    url: str
    outcome: str
    """fetched, unchanged (since an earlier crawl), redirect, or the rule by which there is no page of it."""
    status: int | None = None
    depth: int = 0
    copy_of: Copy | None = None
    """Of fetched and unchanged: what a later crawl needs to ask whether it still is so."""

    @property
    def is_answer(self) -> bool:
        """Whether it says how the page is today; silence and faults of a server do not."""
        is_fault = self.outcome == "http_status" and (self.status == 429 or (self.status or 0) >= 500)
        return not is_fault and self.outcome not in ("time_out", "network", "robots_unreachable")


class Cut(BaseModel):
    """A host, or a part of one, that is fetched no further, and whose pages are no documents."""

    prefix: str
    reason: str


class Mark(BaseModel):
    """A page that is no document, though it looks like one."""

    url: str
    reason: str
    of: str
    """The page of which it is a copy."""


class Lot(BaseModel):
    """What happened while one lot was filled."""

    warc: str
    sha256: str
    bytes: int
    visits: list[Visit] = Field(default_factory=list)
    found: list[tuple[str, int]] = Field(default_factory=list)
    """URLs that were new, with their depth, in the order in which they were found."""
    cuts: list[Cut] = Field(default_factory=list)
    marks: list[Mark] = Field(default_factory=list)
    """Of pages of this or of any other lot."""
    words: str = ""
    """File of the words of its pages; empty where no page of it is long enough."""


def lot_names(store: Store) -> list[str]:
    """The journals of all sealed lots in their order. Files without a journal were never sealed."""
    return sorted(name for name in store.list(LOTS) if name.endswith(".json"))


def read_lot(store: Store, name: str) -> Lot:
    return Lot.model_validate_json(store.read(name))


def sealed_lots(store: Store) -> list[Lot]:
    return [read_lot(store, name) for name in lot_names(store)]


def earlier_lots(folder: str) -> list[Lot]:
    """The lots of an earlier crawl. Raises ValueError if there are none."""
    if not (lots := sealed_lots(open_store(folder))):
        raise ValueError(f"`earlier` names '{folder}', which holds no sealed lot; correct the path")
    return lots


def copies(folders: Sequence[Sequence[Lot]]) -> dict[str, tuple[int, Copy]]:
    """URL → its depth and what the last of the crawls that asked for it has of it; without what was no page then."""
    found: dict[str, tuple[int, Copy]] = {}
    for lots in folders:
        for visit in (visit for lot in lots for visit in lot.visits):
            if visit.is_answer:
                found.pop(visit.url, None)
            if visit.copy_of is not None:
                found[visit.url] = (visit.depth, visit.copy_of)
    return found


def marks_of(lots: Sequence[Lot]) -> frozenset[str]:
    """The URLs of pages that are no documents."""
    return frozenset(mark.url for lot in lots for mark in lot.marks)


def cuts_of(lots: Sequence[Lot]) -> tuple[Cut, ...]:
    return tuple(cut for lot in lots for cut in lot.cuts)
