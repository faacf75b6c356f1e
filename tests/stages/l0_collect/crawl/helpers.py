"""A loopback web to crawl, and what was crawled of it."""

import json
from pathlib import Path

from pipeline.steps import SourceBatch
from pipeline.store.store import open_store
from stages.l0_collect.crawl.journal import sealed_lots
from stages.l0_collect.crawl.settings import CrawlSettings
from stages.l0_collect.crawl.source import CrawlSource
from tests.stages.l0_collect.crawl.loopback_web import address_of

DELAY = 0.05


class Web:
    def __init__(self, port: int, log: Path) -> None:
        self.port, self._log = port, log

    def seed(self, kind: str) -> str:
        return f"http://{address_of(kind)}:{self.port}/"

    def visits(self, kind: str) -> list[tuple[float, str]]:
        """(time, path) of each request to the host of this kind."""
        lines = [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]
        return [(when, path) for when, host, path in lines if host.startswith(address_of(kind) + ":")]


def settings(folder: Path, seeds: list[str], **more: object) -> CrawlSettings:
    given: dict[str, object] = {
        "folder": str(folder), "seeds": tuple(seeds), "user_agent": "testbot/1.0 (+https://example.org/bot)",
        "delay": DELAY, "slowness": 0.0, "allow_networks": ("127.0.0.0/8",), "timeout": 2.0,
    }  # fmt: skip
    return CrawlSettings(**(given | more))  # type: ignore[arg-type]


def sealed_urls(folder: Path) -> list[str]:
    return [visit.url for lot in sealed_lots(open_store(str(folder))) for visit in lot.visits]


def batches(folder: Path) -> list[SourceBatch]:
    """What L0 reads of a crawl."""
    source = CrawlSource(folder=str(folder))
    return [batch for path in source.inputs() or [] for unit in source.units(path, "") for batch in source.read(unit)]


def kept_urls(folder: Path) -> list[str]:
    return [url for batch in batches(folder) for url in batch.rows.column("url").to_pylist()]
