"""Crawl the demo web for real, by the crawler that crawls others', and say what it refused, honoured and cut off."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from flows.demo.loopback import ADDRESS, serving
from flows.demo.pages import Page
from pipeline.store.store import open_store
from stages.l0_collect.crawl.crawl import crawl
from stages.l0_collect.crawl.crawled import Crawled
from stages.l0_collect.crawl.settings import CrawlSettings

DELAY = 0.05
"""Seconds between two requests to a host: its own machine may be asked that often."""
MARK = "web"
"""File of the crawl's folder: the hash of the web that was crawled. Of another web nothing is taken over."""


def crawl_demo_web(
    pages: Sequence[Page], folder: Path, name: str, tell: Callable[[str], None] = lambda line: None
) -> Crawled:
    """Crawl the pages, named by their hash, into the folder; what was crawled before is not asked for again."""
    mark = folder / MARK
    if not mark.exists() or mark.read_text(encoding="utf-8") != name:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        mark.write_text(name, encoding="utf-8")
    with serving(pages) as (seeds, names):
        settings = CrawlSettings(
            folder=str(folder), seeds=tuple(seeds), user_agent="orefine-demo/1.0 (+https://example.org/bot)",
            delay=DELAY, slowness=0.0, timeout=10.0, per_address=64, max_depth=1000, allow_networks=(f"{ADDRESS}/32",),
        )  # fmt: skip
        return crawl(settings, open_store(str(folder)), tell, names)


def crawl_lines(done: Crawled) -> list[str]:
    """What people are told of it."""
    lines = [f"crawled: {done.pages:,} pages in {done.lots} sealed lots"]
    lines += [f"{count:6}  {outcome}" for outcome, count in done.outcomes.most_common() if outcome != "fetched"]
    return lines + [f"        cut off {cut.prefix}: {cut.reason}" for cut in done.cuts]
