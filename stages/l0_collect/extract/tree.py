"""A page's text as a tree of what a reader sees.

What no reader sees goes (scripts, styles, templates, hidden elements), formulas become one span of TeX each
(formulas.py), tables that only place things become <div>. JSON-LD stays in its <script>: it is data about the page.
"""

from __future__ import annotations

import re
from typing import Any

from stages.l0_collect.extract import formulas
from stages.l0_collect.extract.tables import is_data, unwrap

# XML, and so lxml, has no place for these, not even as references; HTML has them from old editors and cut feeds.
CONTROLS = bytes(range(0x09)) + b"\x0b" + bytes(range(0x0E, 0x20)) + b"\x7f"
FORM_FEED_TO_SPACE = bytes.maketrans(b"\x0c", b" ")
CONTROL_REFERENCE = re.compile(
    rb"&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01]|127|129|141|143|144|157|6553[45]"
    rb"|5529[6-9]|55[3-9]\d\d|56\d{3}|57[0-2]\d\d|573[0-3]\d|5734[0-3])(?!\d)"
    rb"|x0*(?:[0-8bcef]|1[0-9a-f]|7f|81|8[df]|90|9d|d[89a-f][0-9a-f]{2}|fff[ef]|fd[de][0-9a-f])(?![0-9a-f]));?",
    re.IGNORECASE,
)
C1 = re.compile(rb"\xc2([\x80-\x9f])")
"""Controls as Unicode has them; on pages they are signs of Windows-1252 that went through a wrong converter."""
NONCHARACTER = re.compile(rb"\xef\xb7[\x90-\xaf]|\xef\xbf[\xbe\xbf]|[\xf0-\xf4][\x8f\x9f\xaf\xbf]\xbf[\xbe\xbf]")
NONCHARACTER_SIGNS = (b"\xef\xb7", b"\xbf\xbe", b"\xbf\xbf")
END_TAG = re.compile(rb"</(?:body|html)\b[^>]*>", re.IGNORECASE)
NEVER_SEEN = ("script", "style", "template", "noscript")
"""Their content is no text of the page; <noscript> doubles what a script shows."""
HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
MAY_HIDE = "//*[@hidden or @aria-hidden = 'true' or contains(@style, 'none') or contains(@style, 'hidden')]"
MOST = 0.5
"""Share of the page's characters; what holds more is shown by a script in the end, however hidden it is at first."""


def parse(html: str) -> Any:
    """The tree; one with an empty body where there is nothing to parse."""
    from lxml import etree  # type: ignore[import-untyped]
    from lxml.html import HTMLParser, document_fromstring  # type: ignore[import-untyped]

    markup = _clean(html)
    parser = HTMLParser(collect_ids=False, encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = document_fromstring(markup, parser=parser)
    except etree.ParserError:  # nothing in it at all
        return document_fromstring("<html><body></body></html>")
    lowered = markup.lower()
    if any(sign in lowered for sign in formulas.SIGNS):
        formulas.simplify(tree)
    _take_hidden_away(tree)
    for table in reversed(list(tree.iter("table"))):  # inner ones first
        if not is_data(table):
            unwrap(table)
    return tree


def _clean(html: str) -> bytes:
    """The page as UTF-8 without what breaks a tree, and without the ends behind which the parser would stop reading."""
    markup = html.encode("utf-8", "ignore").translate(FORM_FEED_TO_SPACE, CONTROLS)
    if b"&#" in markup:
        markup = CONTROL_REFERENCE.sub(b"", markup)
    if not html.isascii():
        markup = C1.sub(lambda sign: sign[1].decode("cp1252", "ignore").encode(), markup)
        if any(sign in markup for sign in NONCHARACTER_SIGNS):
            markup = NONCHARACTER.sub(b"", markup)
    lowered = markup.lower()
    ends = [place for end in (b"</body", b"</html") if (place := lowered.find(end)) >= 0]
    if ends:
        first = min(ends)
        markup = markup[:first] + END_TAG.sub(b"", markup[first:])
    return markup


def _take_hidden_away(tree: Any) -> None:
    for element in list(tree.iter(*NEVER_SEEN)):
        tag = element.tag
        if tag == "script" and element.get("type", "").strip().lower() == "application/ld+json":
            continue
        if tag == "template" and element.get("shadowrootmode"):
            element.tag = "div"  # shown in the place of the element around it
        elif tag == "noscript" and _holds_most(element, tree):
            element.tag = "div"
        else:
            element.drop_tree()
    for element in tree.xpath(MAY_HIDE):
        if element.tag in ("html", "body") or not _is_hidden(element) or _holds_most(element, tree):
            continue
        element.drop_tree()


def _is_hidden(element: Any) -> bool:
    if element.get("hidden", "until-found").lower() != "until-found" or HIDING.search(element.get("style", "")):
        return True
    return element.get("aria-hidden") == "true" and _is_double(element)


def _is_double(element: Any) -> bool:
    """Whether the words of an element that only the eye is meant for stand beside it once more."""
    words = " ".join("".join(element.itertext()).split())
    around = element.getparent()
    if not words or around is None:
        return False
    all_words = " ".join("".join(around.itertext()).split())
    return all_words.count(words) > 1


def _holds_most(element: Any, tree: Any) -> bool:
    size = len("".join(element.itertext()))
    return size > 200 and size > MOST * sum(map(len, tree.itertext()))
