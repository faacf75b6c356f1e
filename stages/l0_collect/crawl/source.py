"""Read what a crawl has sealed (`orefine crawl`): WARC lots, like any others.

Pages of hosts, or parts of hosts, that the crawl found to be traps are dropped by the rule `trap`.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any, Literal

from pydantic import ConfigDict

from pipeline.store.store import open_store
from stages.l0_collect.crawl.journal import cuts_of, sealed_lots
from stages.l0_collect.crawl.settings import CrawlSettings
from stages.l0_collect.readers.warc import WarcSource
from stages.l0_collect.readers.warc_records import Record


class CrawlSource(CrawlSettings, WarcSource):
    """Reads the sealed lots of a crawl's `folder`; `orefine crawl RECIPE` fills it by the other settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["crawl"] = "crawl"  # type: ignore[assignment]

    def identity(self) -> dict[str, Any]:
        """What decides the rows beside the lots themselves: how they are read, and what was cut off."""
        kept = WarcSource.model_fields.keys() - {"paths"}
        return {**self.model_dump(mode="json", include=kept), "cuts": sorted(self._prefixes)}

    def inputs(self) -> list[str] | None:
        """The sealed lots. Raises FileNotFoundError if there are none."""
        if self.paths:
            return None
        store = open_store(self.folder)
        found = [os.path.join(self.folder, lot.warc) for lot in sealed_lots(store)]
        if not found:
            raise FileNotFoundError(
                f"the crawl folder '{self.folder}' holds no sealed lot; run `orefine crawl` on this recipe first"
            )
        return found

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        return tuple(cut.prefix for cut in cuts_of(sealed_lots(open_store(self.folder)))) if self.folder else ()

    def _row(self, record: Record) -> dict[str, Any] | str:
        if record.kind == "response" and record.url.startswith(self._prefixes):
            return "trap"
        return super()._row(record)
