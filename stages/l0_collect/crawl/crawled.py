"""How a crawl ends, and what is written down of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pipeline.store.store import Store
from stages.l0_collect.crawl.journal import ENDED, Cut


@dataclass(slots=True)
class Crawled:
    """How a crawl ended."""

    why: str
    """done, max_pages, max_bytes, max_seconds, stopped"""
    pages: int = 0
    bytes: int = 0
    lots: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    cuts: list[Cut] = field(default_factory=list)
    altered: int = 0
    """Pages that are altered copies of others."""

    def summary(self) -> dict[str, Any]:
        return {
            "why": self.why, "pages": self.pages, "bytes": self.bytes, "lots": self.lots,
            "outcomes": dict(sorted(self.outcomes.items())), "cuts": [cut.model_dump() for cut in self.cuts],
            "altered_copies": self.altered,
        }  # fmt: skip


def write_end(store: Store, done: Crawled) -> None:
    """Write down how the crawl ended."""
    store.replace(ENDED, json.dumps(done.summary(), indent=1).encode())
