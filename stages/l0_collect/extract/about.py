"""What a page says about itself: title, date, language, canonical URL, licence. Nothing of it is checked or guessed."""

from __future__ import annotations

import re
from typing import Any

MAXIMUM_TITLE = 500
MAXIMUM_VALUE = 300
"""Characters; a date or an address that is longer is none."""
DATES = (
    "article:published_time", "datepublished", "og:published_time", "dc.date", "dcterms.created", "dc.date.issued",
    "citation_publication_date", "date", "pubdate", "publish-date", "parsely-pub-date", "sailthru.date",
)  # fmt: skip
DATE = re.compile(r"\"datePublished\"\s*:\s*\"([^\"]{4,40})\"")
LOOKS_LIKE_DATE = re.compile(r"\d{4}")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}$")
LICENCE = re.compile(r"\"license\"\s*:\s*\"(https?://[^\"]+)\"")
CC = "creativecommons.org/"
CC_PATHS = ("/licenses/", "/publicdomain/")


def about(tree: Any) -> dict[str, str]:
    """{title, published, declared_language, canonical_url, license}; empty where the page does not say."""
    said: dict[str, str] = {}
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop") or meta.get("http-equiv") or ""
        value = " ".join((meta.get("content") or "").split())
        if name and value:
            said.setdefault(name.strip().lower(), value)
    links: dict[str, str] = {}
    for link in tree.iter("link"):
        for relation in (link.get("rel") or "").lower().split():
            links.setdefault(relation, (link.get("href") or "").strip())
    data = "\n".join([script.text or "" for script in tree.iter("script")])  # JSON-LD is all that is left of them
    title = " ".join((tree.findtext(".//title") or "").split()) or said.get("og:title", "")
    return {
        "title": title[:MAXIMUM_TITLE],
        "published": _first(_dates(tree, said, data)),
        "declared_language": _first(_languages(tree, said)),
        "canonical_url": _first(filter(_is_address, (links.get("canonical", ""), said.get("og:url", "")))),
        "license": _first(filter(_is_address, _licences(tree, links, said, data))),
    }


def _first(values: Any) -> str:
    return next((value for value in values if value and len(value) <= MAXIMUM_VALUE), "")


def _is_address(value: str) -> bool:
    """Absolute: where a relative one leads depends on where the page was found."""
    return value.lower().startswith(("http://", "https://"))


def _dates(tree: Any, said: dict[str, str], data: str) -> Any:
    candidates = [said.get(name, "") for name in DATES]
    candidates += DATE.findall(data)
    candidates += [time.get("datetime") or "" for time in tree.xpath("//time[@pubdate or @itemprop='datePublished']")]
    return (value for value in candidates if LOOKS_LIKE_DATE.search(value))


def _languages(tree: Any, said: dict[str, str]) -> Any:
    html = tree if tree.tag == "html" else tree.find(".//html")
    candidates = [html.get("lang"), html.get("xml:lang")] if html is not None else []
    candidates += [said.get("content-language"), said.get("og:locale")]
    return (value.strip() for value in candidates if value and LANGUAGE.match(value.strip()))


def _licences(tree: Any, links: dict[str, str], said: dict[str, str], data: str) -> Any:
    yield links.get("license", "")
    for link in tree.iter("a"):
        address = (link.get("href") or "").strip()
        if not (CC in address or "license" in (link.get("rel") or "")):
            continue
        if "license" in (link.get("rel") or "").lower().split() or any(path in address for path in CC_PATHS):
            yield "https:" + address if address.startswith("//") else address
    yield said.get("dc.rights", "")
    yield from LICENCE.findall(data)
