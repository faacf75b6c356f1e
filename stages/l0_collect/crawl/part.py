"""Which worker of a crawl asks which hosts."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from ipaddress import ip_address

from stages.l0_collect.crawl.urls import name_of


@dataclass(frozen=True, slots=True)
class Part:
    """One of the workers of a crawl; a crawl by one process is the only one."""

    index: int = 0
    of: int = 1

    def owns(self, url: str) -> bool:
        """Whether the URL's host is this worker's. Nobody else asks it anything, so its delay needs no agreement."""
        return self.of == 1 or zlib.crc32(site_of(name_of(url)).encode()) % self.of == self.index

    def lot_name(self, number: int) -> str:
        return f"lot-{f'p{self.index:03d}-' if self.index else ''}{number:06d}"

    def is_own(self, journal: str) -> bool:
        """Whether this worker, or an earlier one in its place, has sealed the lot of that name."""
        parts = journal.rpartition("/")[2].split("-")
        return (int(parts[1][1:]) if len(parts) == 3 else 0) == self.index


def site_of(name: str) -> str:
    """The end of a host name, so that hosts that belong together mostly have one worker: their addresses are shared,
    and one's robots.txt may lead to another's. A guess at the registered domain, which decides no row."""
    try:
        return str(ip_address(name.strip("[]")))
    except ValueError:
        labels = name.rstrip(".").split(".")
        is_wide = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3  # co.uk, com.au
        return ".".join(labels[-3 if is_wide else -2 :])
