"""Ask the hosts of pages that were collected earlier what they say today: robots.txt, ai.txt, tdmrep.json, no page.

As polite and as safe as a crawl, since the same engine asks. What comes is a snapshot (sites.py), which the step
`site_opt_outs` applies.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stages.l0_collect.crawl.engine import Engine
from stages.l0_collect.crawl.frontier import Host
from stages.l0_collect.crawl.robots import Robots
from stages.l0_collect.crawl.settings import CrawlSettings
from stages.l0_collect.crawl.sites import Site
from stages.l0_collect.crawl.urls import host_of, normalized

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

TELL_SECONDS = 10.0


def hosts_of(urls: Iterable[str]) -> set[str]:
    """Scheme and authority of each URL that has them."""
    return {host_of(url) for one in urls if (url := normalized(one))}


def survey(
    hosts: Iterable[str],
    settings: CrawlSettings,
    tell: Callable[[str], None] = lambda line: None,
    resolver: AbstractResolver | None = None,
) -> list[Site]:
    """What each host says; one that does not answer is there as well, with the reason. Raises OSError."""
    return asyncio.run(_Survey(hosts, settings, tell, resolver).run())


class _Survey(Engine):
    def __init__(
        self,
        hosts: Iterable[str],
        settings: CrawlSettings,
        tell: Callable[[str], None],
        resolver: AbstractResolver | None,
    ) -> None:
        super().__init__(settings, resolver)
        self._tell, self._told = tell, time.monotonic()
        self._asked = {name: self._frontier.host(f"{name}/") for name in sorted(hosts)}

    async def run(self) -> list[Site]:
        await self.ask_all()
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return [_site(host, now) for host in self._asked.values()]

    def _tick(self, now: float) -> str:
        if now - self._told >= TELL_SECONDS:
            self._told = now
            done = sum(host.robots is not None for host in self._asked.values())
            self._tell(f"{done:,} of {len(self._asked):,} hosts asked")
        return ""


def _site(host: Host, now: str) -> Site:
    robots = host.robots or Robots(refusal="robots_unreachable: no answer")
    ai_txt = host.ai_txt.text if host.ai_txt is not None else None
    return Site(
        host=host.name, asked=now, status=robots.status, refusal=robots.refusal, robots=robots.text, ai_txt=ai_txt,
        tdmrep=host.tdmrep,
    )  # fmt: skip
