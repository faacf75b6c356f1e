"""A polite crawl: from seeds to sealed WARC lots, in one process, resumable after any kill.

The engine asks; what comes of a page ends in the lot, and the URLs that it names in the frontier.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.store.store import Store, open_store
from stages.l0_collect.crawl.engine import REDIRECTS, Engine
from stages.l0_collect.crawl.fetch import NO_HEADERS, Fetched
from stages.l0_collect.crawl.frontier import Host, Job
from stages.l0_collect.crawl.journal import ENDED, STOP, Copy, Cut, Lot, Visit, copies, sealed_lots
from stages.l0_collect.crawl.lots import LotWriter
from stages.l0_collect.crawl.opt_outs import OptOut, of_page
from stages.l0_collect.crawl.page import Page, decoded_body, read_page
from stages.l0_collect.crawl.robots import MAXIMUM_HOPS
from stages.l0_collect.crawl.settings import CrawlSettings
from stages.l0_collect.crawl.sitemaps import parse_sitemap
from stages.l0_collect.crawl.sites import of_site
from stages.l0_collect.crawl.traps import Monitor, sketch_of
from stages.l0_collect.crawl.urls import Scope, host_of, is_page, looks_endless, normalized, section_of
from stages.l0_collect.crawl.warc_writer import digest, warc_date
from stages.l0_collect.readers.page_sniff import is_html

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

SECTIONS_TO_HOST = 3
"""Sections of a host that are traps until the host is one."""
TELL_SECONDS = 10.0


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

    def summary(self) -> dict[str, Any]:
        return {
            "why": self.why, "pages": self.pages, "bytes": self.bytes, "lots": self.lots,
            "outcomes": dict(sorted(self.outcomes.items())), "cuts": [cut.model_dump() for cut in self.cuts],
        }  # fmt: skip


def crawl(
    settings: CrawlSettings,
    store: Store,
    tell: Callable[[str], None] = lambda line: None,
    resolver: AbstractResolver | None = None,
) -> Crawled:
    """Crawl, or go on where an earlier crawl in this folder was cut off. Raises AnotherCrawl, OSError.

    `resolver`: whom to ask for addresses instead of the system; what it answers is checked like any other.
    """
    return asyncio.run(_Crawl(settings, store, tell, resolver).run())


class _Crawl(Engine):
    def __init__(
        self, settings: CrawlSettings, store: Store, tell: Callable[[str], None], resolver: AbstractResolver | None
    ) -> None:
        super().__init__(settings, resolver)
        self._store, self._tell = store, tell
        seeds = _starts(settings)
        self._sections: dict[str, Monitor] = {}
        self._cut: dict[str, Cut] = {}
        self._done = Crawled("done")
        self._number = 0
        self._started = self._told = time.monotonic()
        self._copies = copies([_earlier(folder) for folder in settings.earlier])
        self._scope = Scope(seeds or list(self._copies), settings.scope)
        self._go_on(sealed_lots(store))
        self._begin_lot()
        for seed in seeds:
            self._discover(seed, 0)
        for url, (depth, _) in self._copies.items():
            self._discover(url, depth)

    def _go_on(self, sealed: list[Lot]) -> None:
        """Take over what earlier lots say was found and done."""
        visited = {visit.url for lot in sealed for visit in lot.visits}
        for lot in sealed:
            self._number += 1
            self._done.bytes += lot.bytes
            for cut in lot.cuts:
                self._cut[cut.prefix] = cut
            for visit in lot.visits:
                self._count(visit)
        for lot in sealed:
            for url, depth in lot.found:
                if self._frontier.remember(url) and url not in visited and not self._is_cut(url):
                    self._frontier.add(Job(url, depth=depth))
        self._done.lots, self._done.cuts = len(sealed), list(self._cut.values())

    async def run(self) -> Crawled:
        self._done.why = await self.ask_all()
        self._seal()
        self._lot.discard()
        self._store.replace(ENDED, json.dumps(self._done.summary(), indent=1).encode())
        return self._done

    def _tick(self, now: float) -> str:
        if now - self._told >= TELL_SECONDS:
            self._told = now
            self._tell(
                f"{self._done.pages:,} pages, {self._done.bytes / 1e6:,.1f} MB, {self._frontier.busy} requests at work"
            )
        if self._lot.bytes >= self._settings.lot_bytes or now >= self._deadline():
            self._seal()
        settings = self._settings
        if self._done.pages + self._done.outcomes["unchanged"] >= settings.max_pages:
            return "max_pages"
        if self._done.bytes + self._lot.bytes >= settings.max_bytes:
            return "max_bytes"
        return "max_seconds" if now - self._started >= settings.max_seconds else "stopped" if self._is_stopped else ""

    def _more(self, job: Job) -> Mapping[str, str]:
        """Ask for a page that an earlier crawl has only if it has changed since."""
        if job.kind != "page" or job.url not in self._copies:
            return NO_HEADERS
        copy = self._copies[job.url][1]
        asked = {"If-None-Match": copy.etag, "If-Modified-Since": copy.modified}
        return {name: value for name, value in asked.items() if value}

    def _deadline(self) -> float:
        return self._lot_began + self._settings.lot_seconds

    def _refuse(self, host: Host, job: Job) -> bool:
        """Whether robots.txt forbids the job; it is done then, and the host was not asked."""
        assert job.kind != "page" or host.robots is not None
        if job.kind != "page" or host.robots is None or host.robots.may_fetch(job.url):
            return False
        outcome = host.robots.refusal.partition(":")[0] or "robots_disallowed"
        visit = Visit(url=job.url, outcome=outcome, depth=job.depth)
        self._lot.visits.append(visit)
        self._count(visit)
        self._frontier.release(host)
        return True

    def _robots_came(self, host: Host) -> None:
        assert host.robots is not None
        if self._settings.sitemaps == "follow":
            for sitemap in host.robots.sitemaps[:100]:
                self._add_sitemap(sitemap, host.name, 0)

    def _add_sitemap(self, url: str, base: str, depth: int) -> None:
        target = normalized(url, base)
        # A sitemap counts only for the host that names it, else one site could send us to another.
        if target and target.startswith(f"{host_of(base + '/')}/") and self._frontier.remember(f"sitemap {target}"):
            self._frontier.add(Job(target, "sitemap", depth=depth))

    def _sitemap(self, job: Job, body: bytes) -> None:
        found = parse_sitemap(body)
        if job.depth < 2:
            for url in found.sitemaps[:1000]:
                self._add_sitemap(url, host_of(job.url), job.depth + 1)
        for url in found.pages:
            target = normalized(url, job.url)
            if target and host_of(target) == host_of(job.url):
                self._discover(target, 1)

    def _discover(self, url: str, depth: int, hops: int = 0) -> bool:
        """Whether the URL was new; in scope and of a form that ends, it will be fetched."""
        if depth > self._settings.max_depth or not self._scope.holds(url) or not is_page(url):
            return False
        if not self._frontier.remember(url):
            return False
        if not looks_endless(url) and not self._is_cut(url):
            self._lot.found.append((url, depth))
            self._frontier.add(Job(url, depth=depth, hops=hops))
        return True

    def _page(self, host: Host, job: Job, fetched: Fetched) -> None:
        visit = Visit(url=job.url, outcome="fetched", status=fetched.status, depth=job.depth)
        self._lot.visits.append(visit)
        host.fetched += 1
        if host.fetched >= self._settings.max_pages_per_host:
            host.pages.clear()
        if fetched.status is None:
            visit.outcome = fetched.error.partition(":")[0]
        elif fetched.status in REDIRECTS:
            target = normalized(fetched.header("location"), job.url)
            visit.outcome = "redirect" if job.hops < MAXIMUM_HOPS else "too_many_redirects"
            if target and job.hops < MAXIMUM_HOPS:
                self._discover(target, job.depth, job.hops + 1)
        elif fetched.status == 304 and job.url in self._copies:
            self._unchanged(host, job, fetched, visit)
        elif fetched.status != 200:
            visit.outcome = "http_status"
        else:
            self._document(host, job, fetched, visit)
        self._count(visit)

    def _document(self, host: Host, job: Job, fetched: Fetched, visit: Visit) -> None:
        body = decoded_body(fetched.body, list(fetched.headers), not fetched.truncated)
        if body is None:
            visit.outcome = "undecodable"
            return
        if not is_html(body, fetched.header("content-type")):
            visit.outcome = "not_html"
            return
        page = read_page(body, job.url, fetched.header("content-type"))
        assert host.robots is not None
        opt_outs, honoured = self._opt_outs(host, job, fetched, page.metas)
        self._follow(host, job, page)
        if honoured:
            visit.outcome = f"opt_out_{honoured}"
            return
        if self._is_cut(job.url):
            visit.outcome = "trap"
            return
        copy = Copy(
            date=warc_date(fetched.date), digest=digest(fetched.body), etag=fetched.header("etag"),
            modified=fetched.header("last-modified"),
        )  # fmt: skip
        earlier = self._copies.get(job.url)
        if earlier and earlier[1].digest == copy.digest and not fetched.truncated:
            self._unchanged(host, job, fetched, visit)
            return
        visit.copy_of = copy
        about = [
            ("robots-sha256", host.robots.sha256), ("robots-status", str(host.robots.status)),
            ("fetch-seconds", f"{fetched.seconds:.3f}"), ("license", host.robots.license),
        ]  # fmt: skip
        self._lot.add(fetched, opt_outs, [(name, value) for name, value in about if value])

    def _opt_outs(self, host: Host, job: Job, fetched: Fetched, metas: Mapping[str, str]) -> tuple[list[OptOut], str]:
        """All that holds for a page, and the first kind of it that is honoured."""
        assert host.robots is not None
        found = of_page(job.url, fetched.headers, metas, self._settings.agent)
        found += of_site(job.url, host.robots, host.ai_txt, host.tdmrep)
        return found, next((one.kind for one in found if one.kind in self._settings.honour), "")

    def _unchanged(self, host: Host, job: Job, fetched: Fetched, visit: Visit) -> None:
        """A page is as an earlier crawl has it; what its site says today still decides."""
        if honoured := self._opt_outs(host, job, fetched, {})[1]:
            visit.outcome = f"opt_out_{honoured}"
            return
        copy = self._copies[job.url][1]
        visit.outcome, visit.copy_of = "unchanged", copy
        self._lot.add_revisit(fetched, copy)

    def _follow(self, host: Host, job: Job, page: Page) -> None:
        """Take up the page's links, unless it belongs to a trap."""
        of_host = [link for link in page.links if link.startswith(f"{host.name}/")]
        new = sum(not self._frontier.is_known(link) for link in of_host)
        sketch, section = sketch_of(page.text), section_of(job.url)
        monitor = self._sections.setdefault(section, Monitor())
        if reason := monitor.observe(len(of_host), new, sketch):
            self._cut_off(section, reason)
            host.monitor.forget()
            parts = sum(prefix.startswith(f"{host.name}/") for prefix in self._cut)
            if parts >= SECTIONS_TO_HOST:
                self._cut_off(f"{host.name}/", reason)
        elif reason := host.monitor.observe(len(of_host), new, sketch):
            self._cut_off(f"{host.name}/", reason)
        if not self._is_cut(job.url):
            for link in page.links:
                self._discover(link, job.depth + 1)

    def _cut_off(self, prefix: str, reason: str) -> None:
        if prefix not in self._cut:
            self._cut[prefix] = cut = Cut(prefix=prefix, reason=reason)
            self._lot.cuts.append(cut)
            self._done.cuts.append(cut)
            self._sections.pop(prefix, None)
            host = self._frontier.hosts[host_of(prefix)]
            host.pages = type(host.pages)(page for page in host.pages if not page.url.startswith(prefix))
            self._tell(f"cut off {prefix}: {reason}")

    def _is_cut(self, url: str) -> bool:
        return bool(self._cut) and (section_of(url) in self._cut or f"{host_of(url)}/" in self._cut)

    def _count(self, visit: Visit) -> None:
        self._done.outcomes[visit.outcome] += 1
        self._done.pages += visit.outcome == "fetched"

    def _begin_lot(self) -> None:
        robots = "RFC 9309; opt-outs honoured: " + ", ".join(self._settings.honour)
        self._lot = LotWriter(self._store, self._number, self._settings.user_agent, robots)
        self._lot_began = time.monotonic()
        self._is_stopped = self._store.exists(STOP)

    def _seal(self) -> None:
        if self._lot.visits or self._lot.found or self._lot.cuts:
            lot = self._lot.seal()
            self._number += 1
            self._done.lots += 1
            self._done.bytes += lot.bytes
        else:
            self._lot.discard()
        self._begin_lot()


def _earlier(folder: str) -> list[Lot]:
    """The lots of an earlier crawl. Raises ValueError if there are none."""
    if not (lots := sealed_lots(open_store(folder))):
        raise ValueError(f"`earlier` names '{folder}', which holds no sealed lot; correct the path")
    return lots


def _starts(settings: CrawlSettings) -> list[str]:
    """All seeds, normalised, each once. Raises ValueError for one that is no URL."""
    found: dict[str, None] = {}
    for seed in settings.named_seeds():
        url = normalized(seed)
        if url is None:
            raise ValueError(f"seed '{seed}' is no http or https URL; write it whole, with https://")
        found[url] = None
    return list(found)
