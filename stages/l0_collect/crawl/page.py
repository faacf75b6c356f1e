"""What a crawler needs of a page: its links, its <meta> elements, its words."""

from __future__ import annotations

from dataclasses import dataclass, field

from stages.l0_collect.crawl.urls import normalized
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


def decoded_body(body: bytes, headers: list[tuple[str, str]], is_whole: bool) -> bytes | None:
    """The body without its content encoding; None if that is a bomb or broken."""
    fields = parse_fields("".join(f"{name}: {value}\n" for name, value in headers).encode("latin-1", "replace"))
    fields.pop("transfer-encoding", None)  # the chunks are joined already
    try:
        return decoded(body, fields, is_whole=is_whole)
    except ValueError:
        return None


def read_page(html: bytes, url: str) -> Page:
    """Links, <meta> elements and words of a page, by a fast parser."""
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(bytes_to_str(html, detect_encoding(html) or "utf-8"))
    page = Page()
    if tree.head is not None:
        for meta in tree.head.get_elements_by_tag_name("meta"):
            name = (meta.getattr("name") or meta.getattr("http-equiv") or "").lower()
            if name:
                page.metas.setdefault(name, meta.getattr("content") or "")
    if tree.body is None:
        return page
    bases = [element.getattr("href") for element in tree.head.get_elements_by_tag_name("base")] if tree.head else []
    base = normalized(bases[0], url) if bases and bases[0] else None
    page.text = tree.body.text or ""
    if "nofollow" in page.metas.get("robots", "").lower():
        return page
    found: dict[str, None] = {}
    for link in tree.body.get_elements_by_tag_name("a"):
        target = link.getattr("href")
        if target and "nofollow" not in (link.getattr("rel") or "").lower():
            absolute = normalized(target, base or url)
            if absolute and absolute != url:
                found[absolute] = None
                if len(found) >= MOST_LINKS:
                    break
    page.links = list(found)
    return page
