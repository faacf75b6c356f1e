"""What a page and its site say of machines that read and models that train, in all the ways there are.

| kind                | where it stands                                                                  |
|---------------------|----------------------------------------------------------------------------------|
| noindex, noai, noimageai | `X-Robots-Tag`, `<meta name="robots">` or one with our agent's name          |
| tdm_reservation     | header or `<meta name="tdm-reservation">` of 1, `/.well-known/tdmrep.json`       |
| train_ai            | `Content-Usage` or `Content-Signal` of header or robots.txt: `train-ai=n`, `ai-train=no` |
| ai_txt              | `/ai.txt` disallows the URL                                                      |
| robots_ai           | robots.txt turns an agent away by name that collects text for training           |

What stands in the page and its header is read here, what stands in files of its site in sites.py. Parsed tolerantly,
since most of these are drafts; what was found is kept as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

OPT_OUTS = ("noindex", "noai", "noimageai", "tdm_reservation", "train_ai", "ai_txt", "robots_ai")
HONOURED = tuple(kind for kind in OPT_OUTS if kind != "noimageai")
"""By default: a page that keeps models from its pictures still gives its text."""
WORDS = {"noindex": "noindex", "none": "noindex", "noai": "noai", "noimageai": "noimageai"}
TRAIN = re.compile(r"(?:train-ai|ai-train|tdm|train-genai)\s*=\s*(?:n|no|\?0|0)(?![a-z0-9])", re.IGNORECASE)
AGENT_VALUE = re.compile(r"^[A-Za-z0-9_-]+$")
WITH_VALUE = ("max-snippet", "max-image-preview", "max-video-preview", "unavailable_after")
"""Rules of `X-Robots-Tag` that hold a colon, and so look as if they began with the name of an agent."""


def _known(kinds: tuple[str, ...]) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in OPT_OUTS:
            raise ValueError(f"honour names no opt-out '{kind}'; there are {', '.join(OPT_OUTS)}")
    return kinds


Honour = Annotated[tuple[str, ...], AfterValidator(_known)]
"""Kinds of opt-outs by which a page is no document."""


@dataclass(frozen=True, slots=True)
class OptOut:
    kind: str
    evidence: str
    """Where it stands, and what stands there."""


def of_page(url: str, headers: Iterable[tuple[str, str]], metas: Mapping[str, str], agent: str) -> list[OptOut]:
    """What the response's headers and the page's <meta> elements (names in lower case) say."""
    found: list[OptOut] = []
    for name, value in headers:
        name = name.lower()
        if name == "x-robots-tag":
            found += _words(_for_us(value, agent), f"X-Robots-Tag: {value}")
        elif name == "tdm-reservation" and value.strip() == "1":
            found.append(OptOut("tdm_reservation", f"tdm-reservation: {value}"))
        elif name in ("content-usage", "content-signal") and TRAIN.search(value):
            found.append(OptOut("train_ai", f"{name}: {value}"))
    for name in ("robots", agent.lower()) if agent else ("robots",):
        found += _words(metas.get(name, ""), f'<meta name="{name}">: {metas.get(name, "")}')
    if metas.get("tdm-reservation", "").strip() == "1":
        found.append(OptOut("tdm_reservation", '<meta name="tdm-reservation">: 1'))
    return found


def _for_us(value: str, agent: str) -> str:
    """The rules of an `X-Robots-Tag` that hold for all or for us; `name: rules` holds for that agent alone."""
    name, colon, rest = value.partition(":")
    if not colon or not AGENT_VALUE.match(name.strip()) or name.strip().lower() in WITH_VALUE:
        return value
    return rest if name.strip().lower() in (agent.lower(), "robots") else ""


def _words(value: str, evidence: str) -> list[OptOut]:
    words = [word.strip().lower() for word in value.split(",")]
    return [OptOut(kind, evidence) for kind in dict.fromkeys(WORDS[word] for word in words if word in WORDS)]
