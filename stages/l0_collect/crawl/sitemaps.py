"""Sitemaps: the pages that a site lists, within bounds."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, field

MAXIMUM_BYTES = 50 << 20
MAXIMUM_URLS = 50_000
"""Both as the protocol has them (sitemaps.org)."""


@dataclass(slots=True)
class Sitemap:
    pages: list[str] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)


def parse_sitemap(body: bytes) -> Sitemap:
    """What a sitemap or an index of them lists, as XML or as lines of text, also gzipped; what is broken ends it."""
    if body.startswith(b"\x1f\x8b"):
        body = _inflated(body)
    found = Sitemap()
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        lines = body.decode("utf-8-sig", "replace").splitlines()
        found.pages = [line.strip() for line in lines[:MAXIMUM_URLS] if line.strip().startswith("http")]
        return found
    from lxml import etree  # type: ignore[import-untyped]

    # No entities, no network: a document type that multiplies itself stays as small as it is.
    events = etree.iterparse(
        io.BytesIO(body), tag="{*}loc", resolve_entities=False, no_network=True, load_dtd=False, recover=True
    )
    try:
        for _, element in events:
            parent = element.getparent()
            text = (element.text or "").strip()
            if text and parent is not None:
                in_index = etree.QName(parent).localname == "sitemap"
                (found.sitemaps if in_index else found.pages).append(text)
            element.clear()
            if len(found.pages) + len(found.sitemaps) >= MAXIMUM_URLS:
                break
    except etree.XMLSyntaxError:
        pass  # what came before counts
    return found


def _inflated(body: bytes) -> bytes:
    inflater = zlib.decompressobj(31)
    try:
        return inflater.decompress(body, MAXIMUM_BYTES)
    except zlib.error:
        return b""
