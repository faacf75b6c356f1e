"""What the files of a site say of its pages: robots.txt, ai.txt, tdmrep.json; kept as a snapshot for later use.

A snapshot is a file with one JSON object a line, sorted by host, as `orefine opt-outs` writes it (survey.py):

    {"host": "https://www.example.org", "asked": "2026-11-26T22:00:00Z", "status": 200, "refusal": "",
     "robots": "User-agent: …", "ai_txt": null, "tdmrep": [["/photos/*", true]]}

`refusal` says why nothing may be fetched from the host, such as a robots.txt that did not come.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel

from stages.l0_collect.crawl.opt_outs import TRAIN, OptOut
from stages.l0_collect.crawl.robots import Robots, robots_of

PARSED = 4096
"""Hosts whose rules are kept parsed."""


class Site(BaseModel):
    """One line of a snapshot."""

    host: str
    """Scheme and authority."""
    asked: str
    status: int | None = None
    refusal: str = ""
    robots: str = ""
    ai_txt: str | None = None
    tdmrep: list[tuple[str, bool]] = []


def of_site(url: str, robots: Robots, ai_txt: Robots | None, tdmrep: list[tuple[str, bool]]) -> list[OptOut]:
    """What the files of the page's host say of this URL."""
    found = []
    if agent := robots.turns_away(url):
        found.append(OptOut("robots_ai", f"robots.txt: {agent} may not fetch it"))
    found += [OptOut("train_ai", f"robots.txt: {usage}") for usage in robots.usage if TRAIN.search(usage)]
    if ai_txt is not None and not ai_txt.may_fetch(url):
        found.append(OptOut("ai_txt", "ai.txt disallows it"))
    path = urlsplit(url).path
    for pattern, is_reserved in tdmrep:  # the first that fits counts
        if fnmatchcase(path, pattern) or (not pattern.endswith(("*", "$")) and path == pattern):
            if is_reserved:
                found.append(OptOut("tdm_reservation", f"tdmrep.json: {pattern}"))
            break
    return found


def parse_tdmrep(body: bytes) -> list[tuple[str, bool]]:
    """(pattern of paths, whether reserved) in order; empty if the file is none."""
    try:
        raw = json.loads(body)
    except ValueError:
        return []
    entries = [entry for entry in raw if isinstance(entry, dict)] if isinstance(raw, list) else []
    return [
        (str(entry.get("location", "")).removesuffix("$"), entry.get("tdm-reservation") in (1, "1", True))
        for entry in entries[:10_000]
    ]


def write_snapshot(path: Path, sites: Iterable[Site]) -> None:
    """The file as a whole, or none."""
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("w", encoding="utf-8") as file:
        for site in sorted(sites, key=lambda one: one.host):
            file.write(site.model_dump_json() + "\n")
    temporary.replace(path)


class Snapshot:
    """The hosts of a snapshot: its lines in memory, about two kilobytes each; those in use parsed."""

    def __init__(self, path: Path) -> None:
        self._lines: dict[str, str] = {}
        self.asked = ""
        """When the last of them was asked."""
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    site = Site.model_validate_json(line)
                except ValueError:
                    raise ValueError(
                        f"{path}, line {number}: no line of a snapshot of opt-outs; `orefine opt-outs` makes one"
                    ) from None
                self._lines[site.host] = line
                self.asked = max(self.asked, site.asked)
        self._parsed = lru_cache(PARSED)(self._parse)

    def __len__(self) -> int:
        return len(self._lines)

    def rule(self, url: str, host: str, agent: str, honour: tuple[str, ...]) -> str:
        """The rule by which the page is none of ours: robots_disallowed, a kind of opt-out, or why nobody knows."""
        if host not in self._lines:
            return "not_asked"
        robots, ai_txt, tdmrep = self._parsed(host, agent)
        if robots.refusal:
            return "no_answer"
        if not robots.may_fetch(url):
            return "robots_disallowed"
        return next((one.kind for one in of_site(url, robots, ai_txt, tdmrep) if one.kind in honour), "")

    def _parse(self, host: str, agent: str) -> tuple[Robots, Robots | None, list[tuple[str, bool]]]:
        site = Site.model_validate_json(self._lines[host])
        # A delay that no crawler waits for forbids no use of what is there; its rules count.
        robots = Robots(site.robots, "" if site.robots else site.refusal, site.status, agent)
        ai_txt = robots_of(200, site.ai_txt.encode(), agent) if site.ai_txt is not None else None
        return robots, ai_txt, site.tdmrep


@lru_cache(maxsize=4)
def read_snapshot(path: Path, _changed: int) -> Snapshot:
    """The snapshot; read again only where the file has changed."""
    return Snapshot(path)
