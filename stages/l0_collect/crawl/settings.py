"""What a recipe may say of a crawl."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from stages.l0_collect.crawl.opt_outs import HONOURED, Honour
from stages.l0_collect.crawl.urls import normalized

CONTACT = re.compile(r"https?://\S|\S@\S")
PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class CrawlSettings(BaseModel):
    """Where a crawl begins, how far it goes, and how fast."""

    folder: str = ""
    """Where the lots lie: a folder, or s3://bucket/prefix."""
    earlier: tuple[str, ...] = ()
    """Folders of earlier crawls, the oldest first: their pages are asked for again, only what changed is kept anew."""
    seeds: tuple[str, ...] = ()
    """URLs to begin with."""
    seed_file: str = ""
    """A file with one URL a line, besides."""
    sitemaps: Literal["follow", "ignore"] = "follow"
    """Those that robots.txt names."""
    scope: Literal["host", "domain", "prefix"] = "host"
    """Links are followed within the seeds' hosts, these hosts and their subdomains, or below the seeds."""
    user_agent: str = ""
    """`name/version (+https://… or mail)`: who is asked about this crawl. The name is what robots.txt knows."""
    honour: Honour = HONOURED
    """Opt-outs by which a page is no document; others are only written down."""
    delay: float = Field(default=1.0, ge=0)
    """Seconds from the end of one request to a host to the beginning of the next; robots.txt may ask for more."""
    slowness: float = Field(default=10.0, ge=0)
    """The delay is at least so many times what the last answer took, up to `most_delay`."""
    most_delay: float = Field(default=30.0, gt=0)
    per_address: int = Field(default=2, ge=1)
    """Requests at once to all hosts of one address."""
    parallel: int = Field(default=64, ge=1, le=1000)
    """Requests at once."""
    max_pages: int = Field(default=10_000, ge=1)
    max_pages_per_host: int = Field(default=10_000, ge=1)
    max_bytes: int = Field(default=100 << 30, ge=1)
    max_seconds: float = Field(default=86_400.0, gt=0)
    max_depth: int = Field(default=25, ge=0)
    timeout: float = Field(default=60.0, gt=0)
    """Seconds that one answer may take."""
    lot_bytes: int = Field(default=256 << 20, ge=1)
    lot_seconds: float = Field(default=60.0, gt=0)
    """A lot is sealed when it is so large or so old: what a kill can cost."""
    allow_networks: tuple[str, ...] = ()
    """Private networks that may be crawled, such as 10.1.0.0/16; without any only public addresses are."""

    @field_validator("seeds")
    @classmethod
    def _seeds_are_urls(cls, seeds: tuple[str, ...]) -> tuple[str, ...]:
        for seed in seeds:
            if not seed.lower().startswith(("http://", "https://")):
                raise ValueError(f"seed '{seed}' is no http or https URL; write it whole, with https://")
        return seeds

    @field_validator("allow_networks")
    @classmethod
    def _networks_are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network, strict=False)
            except ValueError:
                raise ValueError(f"allow_networks: '{network}' is no network; write 10.1.0.0/16 or fd00::/8") from None
        return networks

    def problems(self) -> list[str]:
        """What is missing to crawl; reading what was crawled needs none of it."""
        found = []
        if not self.folder:
            found.append("`folder` is missing: where shall the lots lie")
        if not self.seeds and not self.seed_file and not self.earlier:
            found.append("there are no `seeds` and no `seed_file`: where shall it begin")
        if not PRODUCT.match(self.user_agent) or not CONTACT.search(self.user_agent):
            found.append(
                f"`user_agent` is '{self.user_agent}': it must begin with a name and hold a URL or mail address under "
                "which those who are crawled can reach you, such as 'mybot/1.0 (+https://example.org/bot)'"
            )
        return found

    @property
    def agent(self) -> str:
        """The name by which robots.txt knows us."""
        return product_of(self.user_agent)

    def named_seeds(self) -> list[str]:
        """Those of the recipe and of its file, as they are written."""
        named = list(self.seeds)
        if self.seed_file:
            lines = Path(self.seed_file).read_text(encoding="utf-8").splitlines()
            named += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        return named

    def starts(self) -> list[str]:
        """All seeds, normalised, each once. Raises ValueError for one that is no URL."""
        found: dict[str, None] = {}
        for seed in self.named_seeds():
            url = normalized(seed)
            if url is None:
                raise ValueError(f"seed '{seed}' is no http or https URL; write it whole, with https://")
            found[url] = None
        return list(found)


def product_of(user_agent: str) -> str:
    """The name at the beginning of a user agent; empty if there is none."""
    match = PRODUCT.match(user_agent)
    return match[0] if match else ""
