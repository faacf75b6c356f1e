"""A polite crawl: from seeds to sealed WARC lots, resumable after any kill.

The engine asks; what comes of a page ends in the lot, and the URLs that it names in the frontier. Of several workers
(parts.py) each is such a crawl of its own hosts; it reads the others' lots for URLs that they found there.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pipeline.store.store import Store, open_store
from stages.l0_collect.crawl.altered import ALTERED_COPY, Known, read_texts
from stages.l0_collect.crawl.crawled import Crawled, write_end
from stages.l0_collect.crawl.engine import REDIRECTS, Engine
from stages.l0_collect.crawl.fetch import NO_HEADERS, Fetched
from stages.l0_collect.crawl.frontier import Host, Job
from stages.l0_collect.crawl.journal import (
    STOP,
    Copy,
    Cut,
    Lot,
    Mark,
    Visit,
    copies,
    earlier_lots,
    lot_names,
    read_lot,
    sealed_lots,
)
from stages.l0_collect.crawl.lots import LotWriter
from stages.l0_collect.crawl.opt_outs import OptOut, of_page
from stages.l0_collect.crawl.page import Page, decoded_body, read_page
from stages.l0_collect.crawl.part import Part
from stages.l0_collect.crawl.robots import MAXIMUM_HOPS
from stages.l0_collect.crawl.settings import CrawlSettings
from stages.l0_collect.crawl.sitemaps import parse_sitemap
from stages.l0_collect.crawl.sites import of_site
from stages.l0_collect.crawl.traps import Monitor, Words, sketch_of, words_of
from stages.l0_collect.crawl.urls import Scope, host_of, is_page, looks_endless, normalized, section_of
from stages.l0_collect.crawl.warc_writer import digest, warc_date
from stages.l0_collect.readers.page_sniff import is_html

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

SECTIONS_TO_HOST = 3
"""Sections of a host that are traps until the host is one."""
TELL_SECONDS = 10.0
NOT_ASKED = ("robots_disallowed", "robots_unreachable")
"""Outcomes without a request."""
ALONE = Part()


def crawl(
    settings: CrawlSettings,
    store: Store,
    tell: Callable[[str], None] = lambda line: None,
    resolver: AbstractResolver | None = None,
    part: Part = ALONE,
) -> Crawled:
    """Crawl, or go on where an earlier crawl in this folder was cut off. Raises AnotherCrawl, OSError.

    `resolver`: whom to ask for addresses instead of the system; what it answers is checked like any other.
    """
    return asyncio.run(_Crawl(settings, store, tell, resolver, part).run())


class _Crawl(Engine):
    def __init__(
        self,
        settings: CrawlSettings,
        store: Store,
        tell: Callable[[str], None],
        resolver: AbstractResolver | None,
        part: Part,
    ) -> None:
        super().__init__(settings, resolver)
        self._store, self._tell, self._part = store, tell, part
        seeds = settings.starts()
        self._sections: dict[str, Monitor] = {}
        self._cut: dict[str, Cut] = {}
        self._done = Crawled("done")
        self._number = 0
        self._started = self._told = time.monotonic()
        self._copies = copies([earlier_lots(folder) for folder in settings.earlier])
        self._starts = {url: depth for url, (depth, _) in self._copies.items()} | dict.fromkeys(seeds, 0)
        self._scope = Scope(seeds or list(self._copies), settings.scope)
        self._known = Known(store.temporary())
        self._asked: Counter[str] = Counter()
        """Pages asked of each host, towards `max_pages_per_host`."""
        self._read: set[str] = set()
        """Journals that are taken over."""

    def _begin(self) -> None:
        for folder in self._settings.earlier:
            for lot in sealed_lots(open_store(folder)):
                self._remember_texts(open_store(folder), lot)
        self._go_on()
        self._begin_lot()
        for url, depth in self._starts.items():
            if self._part.owns(url):
                self._discover(url, depth)

    def _go_on(self) -> None:
        """Take over what earlier lots say was found and done; whom a killed run asked last, nothing says."""
        if self._store.list("."):
            self._frontier.earliest = time.monotonic() + self._settings.delay
        lots = {name: read_lot(self._store, name) for name in lot_names(self._store)}
        for lot in lots.values():
            self._cut |= {cut.prefix: cut for cut in lot.cuts}
            self._remember_texts(self._store, lot)
            self._asked.update(host_of(visit.url) for visit in lot.visits if visit.outcome not in NOT_ASKED)
        visited = {visit.url for lot in lots.values() for visit in lot.visits}
        for name, lot in lots.items():
            self._take_found(lot, visited)
            if self._part.is_own(name):
                self._number += 1
                self._done.lots += 1
                self._done.bytes += lot.bytes
                self._done.altered += len(lot.marks)
                for visit in lot.visits:
                    self._count(visit)
        self._read = set(lots)
        self._done.cuts = list(self._cut.values())

    def _take_found(self, lot: Lot, visited: set[str]) -> bool:
        """Whether a lot names URLs that are this worker's to fetch."""
        is_any = False
        for url, depth in lot.found:
            is_new = self._part.owns(url) and self._frontier.remember(url) and url not in visited
            if is_new and not self._is_cut(url) and not self._is_full(host_of(url)):
                self._frontier.add(Job(url, depth=depth))
                is_any = True
        return is_any

    def _remember_texts(self, store: Store, lot: Lot) -> None:
        for mark in lot.marks:
            self._known.mark(mark.url)
        if lot.words:
            for url, words in read_texts(store.read(lot.words)):
                self._known.add(url, words)

    def _found_more(self) -> bool:
        """Take over what other workers have sealed since; whether there is work in it."""
        if self._part.of == 1:
            return False
        new = [name for name in lot_names(self._store) if name not in self._read and not self._part.is_own(name)]
        is_any = False
        for name in new:
            lot = read_lot(self._store, name)
            for cut in lot.cuts:
                self._stop_at(cut)
            is_any |= self._take_found(lot, set())
            for mark in lot.marks:
                self._known.mark(mark.url)
            for url, words in read_texts(self._store.read(lot.words)) if lot.words else ():
                self._compare(url, words)
            self._read.add(name)
        return is_any

    async def run(self) -> Crawled:
        try:
            self._begin()
            self._done.why = await self.ask_all()
            self._seal()
            self._seal()  # what the last look at others' lots has brought: of two workers the later one compares
            self._lot.discard()
        finally:
            self._known.close()
        if self._part.of == 1:
            write_end(self._store, self._done)
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
            if self._part.owns(url):
                self._frontier.add(Job(url, depth=depth, hops=hops))
        return True

    def _page(self, host: Host, job: Job, fetched: Fetched) -> None:
        visit = Visit(url=job.url, outcome="fetched", status=fetched.status, depth=job.depth)
        self._lot.visits.append(visit)
        self._asked[host.name] += 1
        if self._is_full(host.name):
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
        words = words_of(page.text)
        self._follow(host, job, page, words)
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
        self._lot.texts.write(job.url, words)
        self._compare(job.url, words)

    def _compare(self, url: str, words: Words) -> None:
        """Mark the page, or one that came before, if it is an altered copy of the other."""
        for copy, original in self._known.observe(url, words):
            self._lot.marks.append(Mark(url=copy, reason=ALTERED_COPY, of=original))
            self._done.altered += 1
            if self._known.is_source(copy):
                self._cut_off(f"{host_of(copy)}/", "altered_copies")

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

    def _follow(self, host: Host, job: Job, page: Page, words: Words) -> None:
        """Take up the page's links, unless it belongs to a trap."""
        of_host = [link for link in page.links if link.startswith(f"{host.name}/")]
        new = sum(not self._frontier.is_known(link) for link in of_host)
        sketch, section = sketch_of(words), section_of(job.url)
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
            cut = Cut(prefix=prefix, reason=reason)
            self._lot.cuts.append(cut)
            self._stop_at(cut)
            self._tell(f"cut off {prefix}: {reason}")

    def _stop_at(self, cut: Cut) -> None:
        if cut.prefix not in self._cut:
            self._cut[cut.prefix] = cut
            self._done.cuts.append(cut)
            self._sections.pop(cut.prefix, None)
            if host := self._frontier.hosts.get(host_of(cut.prefix)):
                host.pages = type(host.pages)(page for page in host.pages if not page.url.startswith(cut.prefix))

    def _is_cut(self, url: str) -> bool:
        return bool(self._cut) and (section_of(url) in self._cut or f"{host_of(url)}/" in self._cut)

    def _is_full(self, host: str) -> bool:
        return self._asked[host] >= self._settings.max_pages_per_host

    def _count(self, visit: Visit) -> None:
        self._done.outcomes[visit.outcome] += 1
        self._done.pages += visit.outcome == "fetched"

    def _begin_lot(self) -> None:
        settings = self._settings
        robots = "RFC 9309; opt-outs honoured: " + ", ".join(settings.honour)
        self._lot = LotWriter(
            self._store, self._part.lot_name(self._number), self._settings.user_agent, robots, self._tell
        )
        self._lot_began = time.monotonic()
        self._is_stopped = self._store.exists(STOP)

    def _seal(self) -> None:
        if self._lot.is_worth_it:
            lot = self._lot.seal()
            self._number += 1
            self._done.lots += 1
            self._done.bytes += lot.bytes
        else:
            self._lot.discard()
        self._begin_lot()
        self._found_more()
