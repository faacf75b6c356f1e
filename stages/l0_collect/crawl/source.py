"""Read what a crawl has sealed (`orefine crawl`): WARC lots, like any others.

| rule     | drops                                                                                       |
|----------|---------------------------------------------------------------------------------------------|
| trap     | pages of hosts, or parts of hosts, that the crawl found to be traps                         |
| altered_copy | pages whose text is that of another host with words changed (altered.py)                |
| revisit  | records that a page is as an earlier crawl has it; the page comes from that crawl's lots    |
| replaced | pages of `earlier` crawls that a later one found changed, gone, forbidden or reserved       |
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any, Literal

import pyarrow as pa
from pydantic import ConfigDict

from pipeline.steps import SourceBatch, Unit
from pipeline.store.store import open_store
from stages.l0_collect.crawl.altered import ALTERED_COPY
from stages.l0_collect.crawl.journal import LOTS, cuts_of, marks_of, sealed_lots
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
        if self._marked:
            found["altered_copies"] = sorted(self._marked)
        if self.earlier:
            gone = sorted((os.path.basename(path), sorted(urls)) for path, urls in self._sealed().items())
            found["replaced"] = hashlib.sha256(repr(gone).encode()).hexdigest()
        return found

    def inputs(self) -> list[str] | None:
        """The sealed lots, also those of earlier crawls. Raises FileNotFoundError if a folder has none."""
        if self.paths:
            return None
        found = list(self._sealed())
        for folder in self._folders:
            if not any(path.startswith(os.path.join(folder, "")) for path in found):
                raise FileNotFoundError(
                    f"the crawl folder '{folder}' holds no sealed lot; run `orefine crawl` on this recipe first"
                )
        return found

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        gone = self._sealed().get(unit.path) if self.earlier else None
        for batch in super().read(unit):
            if gone and batch.rows.num_rows:
                urls, names = (batch.rows.column(name).to_pylist() for name in ("url", "source_id"))
                is_gone = [url in gone for url in urls]
                batch.dropped += [
                    (name or url, url, "replaced") for name, url, no in zip(names, urls, is_gone, strict=True) if no
                ]
                batch.rows = batch.rows.filter(pa.array([not one for one in is_gone]))
            yield batch

    @property
    def _folders(self) -> tuple[str, ...]:
        return (*self.earlier, self.folder) if self.folder else self.earlier

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        return tuple(cut.prefix for folder in self._folders for cut in cuts_of(sealed_lots(open_store(folder))))

    @cached_property
    def _marked(self) -> frozenset[str]:
        return marks_of([lot for folder in self._folders for lot in sealed_lots(open_store(folder))])

    def _sealed(self) -> dict[str, frozenset[str]]:
        """Lot → the URLs in it of which a later crawl knows better. Not kept here: a task would carry all of it."""
        return replaced(self._folders, tuple(tuple(open_store(folder).list(LOTS)) for folder in self._folders))

    def _row(self, record: Record) -> dict[str, Any] | str:
        if record.kind == "response" and record.url.startswith(self._prefixes):
            return "trap"
        if record.kind == "response" and record.url in self._marked:
            return ALTERED_COPY
        return super()._row(record)


@lru_cache(maxsize=2)
def replaced(folders: tuple[str, ...], _names: tuple[tuple[str, ...], ...]) -> dict[str, frozenset[str]]:
    """Lot → the URLs of which a later crawl knows better; read again only where there are other lots."""
    found: dict[str, frozenset[str]] = {}
    later: frozenset[str] = frozenset()
    for folder in reversed(folders):
        lots = sealed_lots(open_store(folder))
        found = {os.path.join(folder, lot.warc): later for lot in lots} | found
        visits = (visit for lot in lots for visit in lot.visits if visit.is_answer)
        later |= {visit.url for visit in visits if visit.outcome != "unchanged"}
    return found
