"""What is to be fetched, and when: one request to a host at a time, and none before its delay is over.

Times are those of `time.monotonic`. All of it is in memory; a crawl that goes on fills it from the sealed lots.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

from stages.l0_collect.crawl.robots import Robots
from stages.l0_collect.crawl.traps import HOST_WINDOW, Monitor
from stages.l0_collect.crawl.urls import host_of

Kind = Literal["page", "robots", "ai_txt", "tdmrep", "sitemap"]


@dataclass(slots=True)
class Job:
    """One request."""

    url: str
    kind: Kind = "page"
    depth: int = 0
    hops: int = 0
    """Redirects that led here."""
    tries: int = 0
    owner: str = ""
    """The host whose robots.txt this is, where a redirect led to another one."""


@dataclass(slots=True)
class Host:
    """One scheme and authority."""

    name: str
    files: deque[Job] = field(default_factory=deque)
    """Of the site: robots.txt before all else, then what says how its text may be used, then sitemaps."""
    pages: deque[Job] = field(default_factory=deque)
    ready: float = 0.0
    is_busy: bool = False
    is_queued: bool = False
    robots: Robots | None = None
    """None: not known yet, and no page is fetched."""
    ai_txt: Robots | None = None
    tdmrep: list[tuple[str, bool]] = field(default_factory=list)
    address: str = ""
    monitor: Monitor = field(default_factory=lambda: Monitor(HOST_WINDOW))

    def next_job(self) -> Job | None:
        if self.files:
            return self.files.popleft()
        return self.pages.popleft() if self.robots is not None and self.pages else None

    def has_work(self) -> bool:
        return bool(self.files) or (self.robots is not None and bool(self.pages))


class Frontier:
    """The hosts with work, in the order in which they may be asked."""

    def __init__(self, per_address: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.hosts: dict[str, Host] = {}
        self._seen: set[bytes] = set()
        self._heap: list[tuple[float, str]] = []
        self._per_address = per_address
        self._clock = clock
        self._at_address: Counter[str] = Counter()
        self._parked: defaultdict[str, deque[Host]] = defaultdict(deque)
        self.busy = 0
        self.earliest = 0.0
        """When the first request to any host may begin: an earlier run may have asked it a moment ago."""

    def is_known(self, url: str) -> bool:
        return _key(url) in self._seen

    def remember(self, url: str) -> bool:
        """Whether the URL was new."""
        key = _key(url)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def host(self, url: str) -> Host:
        """The host of a URL; a new one is asked for its robots.txt and the like first."""
        name = host_of(url)
        if name not in self.hosts:
            self.hosts[name] = host = Host(name, ready=self.earliest)
            host.files.append(Job(f"{name}/robots.txt", "robots", owner=name))
            self._queue(host)
        return self.hosts[name]

    def add(self, job: Job, first: bool = False) -> None:
        """Put a job at the end of its host's, or before its others."""
        host = self.host(job.url)
        queue = host.pages if job.kind == "page" else host.files
        queue.appendleft(job) if first else queue.append(job)
        self._queue(host)

    def take(self) -> tuple[Host, Job] | None:
        """A job that may begin now."""
        while self._heap and self._heap[0][0] <= self._clock():
            host = self.hosts[heapq.heappop(self._heap)[1]]
            host.is_queued = False
            if host.address and self._at_address[host.address] >= self._per_address:
                self._parked[host.address].append(host)
                host.is_queued = True
                continue
            job = host.next_job()
            if job is None:
                continue
            host.is_busy = True
            self.busy += 1
            self._at_address[host.address] += bool(host.address)
            return host, job
        return None

    def release(self, host: Host, wait: float | None = None, address: str = "") -> None:
        """The job is done; the next one may begin after `wait` seconds, or at once if there was no request (None)."""
        host.is_busy = False
        self.busy -= 1
        if host.address:
            self._at_address[host.address] -= 1
            if self._parked[host.address]:
                other = self._parked[host.address].popleft()
                other.is_queued = False
                self._queue(other)
        host.address = address or host.address
        if wait is not None:
            host.ready = self._clock() + wait
        self._queue(host)

    def next_time(self) -> float | None:
        """When the next job may begin; None if there is none."""
        return self._heap[0][0] if self._heap else None

    def wake(self, host: Host) -> None:
        """A host has work again, such as pages whose robots.txt came from elsewhere."""
        self._queue(host)

    def _queue(self, host: Host) -> None:
        if not host.is_busy and not host.is_queued and host.has_work():
            host.is_queued = True
            heapq.heappush(self._heap, (host.ready, host.name))


def _key(url: str) -> bytes:
    """Eight bytes for a URL: ten million of them share one by chance at 3 in a million (birthday bound)."""
    return blake2b(url.encode(), digest_size=8).digest()
