"""Read what a crawl has sealed (`orefine crawl`): WARC lots, like any others.

| rule     | drops                                                                                       |
|----------|---------------------------------------------------------------------------------------------|
| trap     | pages of hosts, or parts of hosts, that the crawl found to be traps                         |
| revisit  | records that a page is as an earlier crawl has it; the page comes from that crawl's lots    |
| replaced | pages of `earlier` crawls that a later one found changed, gone, forbidden or reserved       |
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict

from pipeline.steps import SourceBatch, Unit
from pipeline.store.store import open_store
from stages.l0_collect.crawl.journal import Lot, cuts_of, sealed_lots
from stages.l0_collect.crawl.settings import CrawlSettings
from stages.l0_collect.readers.warc import WarcSource
from stages.l0_collect.readers.warc_records import Record


class CrawlSource(CrawlSettings, WarcSource):
    """Reads the sealed lots of a crawl's `folder`; `orefine crawl RECIPE` fills it by the other settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["crawl"] = "crawl"  # type: ignore[assignment]

    def identity(self) -> dict[str, Any]:
        """What decides the rows beside the lots themselves: how they are read, what was cut off and what replaced."""
        kept = WarcSource.model_fields.keys() - {"paths"}
        found = {**self.model_dump(mode="json", include=kept), "cuts": sorted(self._prefixes)}
        if self.earlier:
            gone = [sorted(urls) for urls in self._replaced]
            found["replaced"] = hashlib.sha256(repr(gone).encode()).hexdigest()
        return found

    def inputs(self) -> list[str] | None:
        """The sealed lots, also those of earlier crawls. Raises FileNotFoundError if a folder has none."""
        if self.paths:
            return None
        found = []
        for folder, lots in zip(self._folders, self._lots, strict=True):
            if not lots:
                raise FileNotFoundError(
                    f"the crawl folder '{folder}' holds no sealed lot; run `orefine crawl` on this recipe first"
                )
            found += [os.path.join(folder, lot.warc) for lot in lots]
        return found

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        gone = self._gone(unit.path)
        for batch in super().read(unit):
            if gone and batch.rows.num_rows:
                urls = batch.rows.column("url").to_pylist()
                names = batch.rows.column("source_id").to_pylist()
                batch.dropped += [
                    (name or url, url, "replaced") for name, url in zip(names, urls, strict=True) if url in gone
                ]
                batch.rows = batch.rows.filter(pc.invert(pc.is_in(batch.rows.column("url"), pa.array(sorted(gone)))))
            yield batch

    @property
    def _folders(self) -> tuple[str, ...]:
        return (*self.earlier, self.folder) if self.folder else self.earlier

    @cached_property
    def _lots(self) -> list[list[Lot]]:
        """Of each folder, the oldest first."""
        return [sealed_lots(open_store(folder)) for folder in self._folders]

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        return tuple(cut.prefix for lots in self._lots for cut in cuts_of(lots))

    @cached_property
    def _replaced(self) -> list[frozenset[str]]:
        """Of each folder: the URLs of which a later crawl knows better."""
        found: list[frozenset[str]] = []
        later: frozenset[str] = frozenset()
        for lots in reversed(self._lots):
            found.append(later)
            visits = (visit for lot in lots for visit in lot.visits if visit.is_answer)
            later = later | {visit.url for visit in visits if visit.outcome != "unchanged"}
        return found[::-1]

    def _gone(self, path: str) -> frozenset[str]:
        """The URLs of a lot that a later crawl replaced."""
        if not self.earlier:
            return frozenset()
        lots = zip(self._folders, self._lots, self._replaced, strict=True)
        return next(
            (gone for folder, sealed, gone in lots if path in {os.path.join(folder, lot.warc) for lot in sealed}),
            frozenset(),
        )

    def _row(self, record: Record) -> dict[str, Any] | str:
        if record.kind == "response" and record.url.startswith(self._prefixes):
            return "trap"
        return super()._row(record)
