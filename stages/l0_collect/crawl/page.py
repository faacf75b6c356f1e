"""What a crawler needs of a page: its links, its <meta> elements, its words."""

from __future__ import annotations

from dataclasses import dataclass, field

from stages.l0_collect.crawl.urls import normalized
from stages.l0_collect.extract.decode import Undecodable, decode
from stages.l0_collect.extract.tree import parse
from stages.l0_collect.readers.headers import parse_fields
from stages.l0_collect.readers.http_body import decoded

MOST_LINKS = 2_000
"""A page with more is a list that serves machines; the first ones count."""


@dataclass(slots=True)
class Page:
    links: list[str] = field(default_factory=list)
    """Normalised, each once, in the order of the page; without those that the page asks not to follow."""
    metas: dict[str, str] = field(default_factory=dict)
    text: str = ""
    """All of it, navigation too: to compare pages, not to read."""


NO_TEXT = ("script", "style", "template", "noscript")


def decoded_body(body: bytes, headers: list[tuple[str, str]], is_whole: bool) -> bytes | None:
    """The body without its content encoding; None if that is a bomb or broken."""
    fields = parse_fields("".join(f"{name}: {value}\n" for name, value in headers).encode("latin-1", "replace"))
    fields.pop("transfer-encoding", None)  # the chunks are joined already
    try:
        return decoded(body, fields, is_whole=is_whole)
    except ValueError:
        return None


def read_page(html: bytes, url: str, content_type: str = "") -> Page:
    """Links, <meta> elements and words of a page; none of a page in no encoding."""
    try:
        tree = parse(decode(html, content_type))
    except Undecodable:
        return Page()
    page, base, links = Page(), url, []
    for element in tree.iter("meta", "base", "a"):
        if element.tag == "a":
            if "nofollow" not in element.get("rel", "").lower():
                links.append(element.get("href", ""))
        elif element.tag == "meta":
            name = element.get("name", element.get("http-equiv", "")).lower()
            page.metas.setdefault(name, element.get("content", ""))
        elif base == url:
            base = normalized(element.get("href", ""), url) or url
    for element in tree.iter(*NO_TEXT):
        element.text = None
    page.text = " ".join(tree.itertext())
    if "nofollow" not in page.metas.get("robots", "").lower():
        absolute = dict.fromkeys(normalized(link, base) for link in links[:MOST_LINKS] if link)
        page.links = [link for link in absolute if link and link != url]
    return page
