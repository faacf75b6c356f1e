"""A page's text as a tree."""

from __future__ import annotations

from typing import Any


def parse(html: str) -> Any:
    """The tree; an empty one where there is nothing to parse."""
    from lxml import etree  # type: ignore[import-untyped]
    from lxml.html import HTMLParser, document_fromstring  # type: ignore[import-untyped]

    parser = HTMLParser(collect_ids=False, encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return document_fromstring(html.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:  # nothing in it at all
        return document_fromstring("<html><body></body></html>")
