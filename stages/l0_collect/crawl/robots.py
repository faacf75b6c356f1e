"""robots.txt by RFC 9309: what it allows, how fast, where sitemaps lie, and what it says of training models.

| answer                                   | means                                                     |
|------------------------------------------|-----------------------------------------------------------|
| 2xx                                      | its rules                                                 |
| 4xx but 429                              | there is none: everything is allowed                      |
| 429, 5xx, no answer, redirects no end    | nothing is allowed, until an answer comes                 |
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

MAXIMUM_BYTES = 500 << 10
"""RFC 9309 2.5: a parser reads at least so much; what follows is not read."""
MAXIMUM_HOPS = 5
MAXIMUM_DELAY = 300.0
"""Seconds; who asks for more between two requests asks for no crawler, and is given none."""
AI_AGENTS = (
    "ai2bot", "anthropic-ai", "applebot-extended", "bytespider", "ccbot", "claudebot", "cohere-ai",
    "cohere-training-data-crawler", "diffbot", "facebookbot", "google-extended", "gptbot", "img2dataset",
    "meta-externalagent", "omgili", "omgilibot", "pangubot", "timpibot", "webzio-extended",
)  # fmt: skip
"""Agents that collect text to train models on. A site that turns one of them away by name does not want this use."""
AGENT_LINE = re.compile(r"^[ \t]*user-agent[ \t]*:[ \t]*([^\s#]{1,200})", re.IGNORECASE | re.MULTILINE)
LICENSE_LINE = re.compile(r"^[ \t]*license[ \t]*:[ \t]*(\S{1,500})", re.IGNORECASE | re.MULTILINE)
USAGE_LINE = re.compile(r"^[ \t]*content-(?:usage|signal)[ \t]*:[ \t]*([^\r\n]{1,500})", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Robots:
    """What one host says. `refusal` is why nothing may be fetched from it."""

    text: str = ""
    refusal: str = ""
    status: int | None = None
    agent: str = "*"

    @cached_property
    def _rules(self) -> Any:
        from protego import Protego

        return Protego.parse(self.text)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest() if self.text else ""

    def may_fetch(self, url: str) -> bool:
        return not self.refusal and (not self.text or bool(self._rules.can_fetch(url, self.agent)))

    @cached_property
    def delay(self) -> float:
        """Seconds that it wants between two requests; 0 if it does not say."""
        return float(self._rules.crawl_delay(self.agent) or 0.0) if self.text else 0.0

    @cached_property
    def sitemaps(self) -> list[str]:
        return list(self._rules.sitemaps) if self.text else []

    @cached_property
    def license(self) -> str:
        """The URL of a `License:` line (RSL)."""
        found = LICENSE_LINE.search(self.text)
        return found[1] if found else ""

    @cached_property
    def usage(self) -> list[str]:
        """The values of `Content-Usage:` and `Content-Signal:` lines."""
        return USAGE_LINE.findall(self.text)

    @cached_property
    def _named_agents(self) -> list[str]:
        named = {name.lower() for name in AGENT_LINE.findall(self.text)}
        return [agent for agent in AI_AGENTS if agent in named]

    def turns_away(self, url: str) -> str:
        """The first agent for training that a group of its own keeps from this URL; empty if there is none."""
        return next((agent for agent in self._named_agents if not self._rules.can_fetch(url, agent)), "")


def robots_of(status: int | None, body: bytes, agent: str, error: str = "") -> Robots:
    """What the answer to the request for robots.txt means. `status` None: no answer, and `error` says why."""
    if status is None:
        return Robots(refusal=f"robots_unreachable: {error}", agent=agent)
    if 200 <= status < 300:
        text = body[:MAXIMUM_BYTES].decode("utf-8-sig", "replace")
        found = Robots(text=text, status=status, agent=agent)
        if found.delay > MAXIMUM_DELAY:
            return Robots(text, f"crawl_delay: {found.delay:g} s, and {MAXIMUM_DELAY:g} at most", status, agent)
        return found
    if 400 <= status < 500 and status != 429:
        return Robots(status=status, agent=agent)
    return Robots(refusal=f"robots_unreachable: status {status}", status=status, agent=agent)
