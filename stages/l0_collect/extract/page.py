"""The main text of one page, worked out in a process that can be killed.

Run as a file this is that process.
"""

from __future__ import annotations

import codecs
import re
from typing import Any

from pipeline.processes import serve

BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
CHARSET = re.compile(r"charset\s*=\s*(?:[\"']\s*)?([\w.:-]+)", re.IGNORECASE | re.ASCII)
META_CHARSET = re.compile(rb"<meta[^>]{1,200}?charset\s*=\s*(?:[\"']\s*)?([\w.:-]+)", re.IGNORECASE)
META_WITHIN = 4096
"""Bytes; browsers look at 1,024, but real pages put scripts first."""
# Browsers read these labels as their Windows supersets (WHATWG Encoding Standard), and so do the pages' authors.
SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
ENCODINGS = ("utf-8", "cp", "iso", "koi8", "gb", "big5", "euc", "hz", "mac", "johab", "kz", "ptcp")
SEVEN_BIT = ("iso2022", "hz")
"""Look like ASCII, and so like UTF-8, until they are decoded."""
GUESS_FROM = 16 << 10
"""Bytes."""
MAXIMUM_TITLE = 500


def decode(page: bytes, content_type: str) -> str:
    """The page as text: by its byte order mark or, in turn, as UTF-8, as its header or meta tag says, by its bytes.

    UTF-8 comes before what is declared: a page that is valid UTF-8 is UTF-8, whatever it says.
    """
    for bom, its_encoding in BOMS:
        if page.startswith(bom):
            return page[len(bom) :].decode(its_encoding, "replace")
    header, meta = CHARSET.search(content_type), META_CHARSET.search(page[:META_WITHIN])
    labels = [header[1] if header else "", meta[1].decode("ascii", "replace") if meta else ""]
    declared = [encoding for label in labels if (encoding := _encoding_for(label))]
    seven_bit = [encoding for encoding in declared if encoding.startswith(SEVEN_BIT)]
    for encoding in (*seven_bit, "utf-8", *declared):
        try:
            return page.decode(encoding)
        except UnicodeDecodeError:
            continue
    return page.decode(declared[0] if declared else _guess(page), "replace")


def _encoding_for(label: str) -> str | None:
    """Python's name for a label of the web; None for what is unknown or no encoding of pages."""
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    name = SUPERSETS.get(name, name)
    return name if name.startswith(ENCODINGS) else None


def _guess(page: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(page[:GUESS_FROM]).best()
    return best.encoding if best else "cp1252"


def extract(page: bytes, content_type: str, maximum_elements: int, maximum_depth: int) -> dict[str, Any]:
    """{text, title, elements, depth}; text and title are empty if the page breaks a bound or has none."""
    import trafilatura
    from lxml import etree  # type: ignore[import-untyped]
    from lxml.html import HTMLParser, document_fromstring  # type: ignore[import-untyped]

    markup = decode(page, content_type).replace("\0", "").encode()
    parser = HTMLParser(collect_ids=False, encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = document_fromstring(markup, parser=parser)
    except etree.ParserError:  # nothing in it at all
        return {"text": "", "title": "", "elements": 0, "depth": 0}
    elements, depth = _size(tree)
    found = {"text": "", "title": "", "elements": elements, "depth": depth}
    if elements <= maximum_elements and depth <= maximum_depth:
        title = " ".join((tree.findtext(".//title") or "").split())
        # `deduplicate` stays off: it compares with the pages before, so the output would depend on their order.
        text = trafilatura.extract(tree, favor_precision=True, include_comments=False, deduplicate=False)
        found |= {"text": text or "", "title": title[:MAXIMUM_TITLE]}
    return found


def _size(tree: Any) -> tuple[int, int]:
    """(elements, depth)"""
    from lxml import etree

    elements = depth = deepest = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        if event == "start":
            elements += 1
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return elements, deepest


def main() -> None:
    serve(lambda html, asked: extract(html, asked["content_type"], asked["maximum_elements"], asked["maximum_depth"]))


if __name__ == "__main__":
    main()
