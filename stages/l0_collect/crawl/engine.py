"""Ask many hosts at once, each politely: robots.txt before all else, one request at a time, delays, second tries.

One loop starts requests and takes in what they bring, so nothing here is shared between tasks:

    frontier → fetch (many at once, one a host) → what it means → frontier

What a page is good for is said by who uses it: a crawl (crawl.py) keeps it and follows its links, a survey of opt-outs
(survey.py) asks for none.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stages.l0_collect.crawl.fetch import NO_HEADERS, Fetched, fetch, open_session
from stages.l0_collect.crawl.frontier import Frontier, Host, Job
from stages.l0_collect.crawl.page import decoded_body
from stages.l0_collect.crawl.robots import MAXIMUM_HOPS, robots_of
from stages.l0_collect.crawl.settings import CrawlSettings
from stages.l0_collect.crawl.sites import parse_tdmrep
from stages.l0_collect.crawl.urls import normalized

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

TRIES = 3
RETRY_SECONDS = 5.0
"""Before the second try; doubled before the third."""
MOST_RETRY_SECONDS = 300.0
BUSY = (429, 500, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)


class Engine:
    """The loop, and what files of a site mean."""

    def __init__(self, settings: CrawlSettings, resolver: AbstractResolver | None) -> None:
        self._settings, self._resolver = settings, resolver
        self._frontier = Frontier(settings.per_address)
        self._came: asyncio.Queue[tuple[Host, Job, Fetched]] = asyncio.Queue()

    async def ask_all(self) -> str:
        """Work until nothing is left ("done") or `_tick` gives a reason to end."""
        why = ""
        async with open_session(
            self._settings.user_agent, self._settings.allow_networks, self._settings.parallel, self._resolver
        ) as session:
            tasks: set[asyncio.Task[None]] = set()
            while not (why := self._tick(time.monotonic())):
                while len(tasks) < self._settings.parallel and (found := self._frontier.take()):
                    if self._refuse(*found):
                        continue
                    task = asyncio.create_task(self._fetch(session, *found))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                if not self._frontier.busy and self._frontier.next_time() is None and not self._found_more():
                    break
                await self._take_in(self._patience(time.monotonic(), len(tasks)))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return why or "done"

    def _tick(self, now: float) -> str:
        """Called between answers, a second apart at most: what is to be done now and then; a reason to end, or none."""
        raise NotImplementedError

    def _page(self, host: Host, job: Job, fetched: Fetched) -> None:
        """Take in a page."""
        raise NotImplementedError

    def _sitemap(self, job: Job, body: bytes) -> None:
        """Take in a sitemap."""
        raise NotImplementedError

    def _robots_came(self, host: Host) -> None:
        """The host's robots.txt is known."""

    def _refuse(self, host: Host, job: Job) -> bool:
        """Whether the job is not to be asked for; it is done then, and the host free for the next."""
        return False

    def _more(self, job: Job) -> Mapping[str, str]:
        """Headers of the request beside those of every request."""
        return NO_HEADERS

    def _found_more(self) -> bool:
        """Nothing is left: whether there is more after all, from elsewhere."""
        return False

    def _deadline(self) -> float:
        """When `_tick` has something to do though no answer comes."""
        return float("inf")

    def _patience(self, now: float, at_work: int) -> float:
        """Seconds to wait for an answer until something else is to be done."""
        following = self._frontier.next_time()
        limit = max(0.0, self._deadline() - now)
        return min(1.0, limit, max(0.0, following - now) if following and at_work < self._settings.parallel else 1.0)

    async def _take_in(self, patience: float) -> None:
        with contextlib.suppress(TimeoutError):
            self._sort(*await asyncio.wait_for(self._came.get(), max(patience, 0.001)))
            while not self._came.empty():
                self._sort(*self._came.get_nowait())

    async def _fetch(self, session: Any, host: Host, job: Job) -> None:
        self._came.put_nowait((host, job, await fetch(session, job.url, self._settings.timeout, self._more(job))))

    def _sort(self, host: Host, job: Job, fetched: Fetched) -> None:
        """Take in an answer, and let the host rest."""
        wait = self._rest(host, fetched)
        retry = fetched.status in BUSY or (fetched.status is None and not fetched.error.startswith("forbidden"))
        if retry and job.tries + 1 < TRIES:
            job.tries += 1
            wait = max(wait, _retry_after(fetched), RETRY_SECONDS * 2 ** (job.tries - 1))
            self._frontier.add(job, first=True)
        elif job.kind == "page":
            self._page(host, job, fetched)
        elif job.kind == "robots":
            self._robots(job, fetched)
        elif fetched.status == 200:
            body = decoded_body(fetched.body, list(fetched.headers), not fetched.truncated) or b""
            if job.kind == "ai_txt":
                host.ai_txt = robots_of(200, body, self._settings.agent)
            elif job.kind == "tdmrep":
                host.tdmrep = parse_tdmrep(body)
            else:
                self._sitemap(job, body)
        self._frontier.release(host, wait, fetched.address)

    def _rest(self, host: Host, fetched: Fetched) -> float:
        settings = self._settings
        wanted = host.robots.delay if host.robots else 0.0
        slow = min(settings.slowness * fetched.seconds, settings.most_delay)
        return max(settings.delay, wanted, slow)

    def _robots(self, job: Job, fetched: Fetched) -> None:
        owner = self._frontier.hosts[job.owner]
        if fetched.status in REDIRECTS and job.hops < MAXIMUM_HOPS:
            target = normalized(fetched.header("location"), job.url)
            if target:
                # Asked of the other host in its turn, so that its delay counts too.
                self._frontier.add(Job(target, "robots", hops=job.hops + 1, owner=job.owner), first=True)
                return
        body = decoded_body(fetched.body, list(fetched.headers), not fetched.truncated)
        status = fetched.status if body is not None else None
        if status in REDIRECTS:
            status, fetched.error = None, f"more than {MAXIMUM_HOPS} redirects"
        owner.robots = robots_of(status, body or b"", self._settings.agent, fetched.error or "a body that is no text")
        if not owner.robots.refusal:
            for kind, path in (("ai_txt", "/ai.txt"), ("tdmrep", "/.well-known/tdmrep.json")):
                owner.files.append(Job(owner.name + path, kind, owner=owner.name))  # type: ignore[arg-type]
            self._robots_came(owner)
        self._frontier.wake(owner)


def _retry_after(fetched: Fetched) -> float:
    """Seconds that the server asks for, as a number or a date; bounded."""
    value = fetched.header("retry-after").strip()
    if value.isdecimal():
        return min(float(value[:6]), MOST_RETRY_SECONDS)
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        return min(max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()), MOST_RETRY_SECONDS)
    except (TypeError, ValueError):
        return 0.0
