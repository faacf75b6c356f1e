"""A page's text as a tree of what a reader sees.

What no reader sees goes (scripts, styles, templates, hidden elements), formulas become one span of TeX each
(formulas.py), tables that only place things become <div>. JSON-LD stays in its <script>: it is data about the page.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from stages.l0_collect.extract import formulas
from stages.l0_collect.extract.tables import is_data, unwrap

# XML, and so lxml, has no place for these, not even as references; HTML has them from old editors and cut feeds.
CONTROLS = bytes(range(0x09)) + b"\x0b" + bytes(range(0x0E, 0x20)) + b"\x7f"
FORM_FEED_TO_SPACE = bytes.maketrans(b"\x0c", b" ")
# No flag for upper and lower case: with it the search for the beginning takes ten times as long.
CONTROL_REFERENCE = re.compile(
    rb"&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01]|127|129|141|143|144|157|6553[45]"
    rb"|5529[6-9]|55[3-9]\d\d|56\d{3}|57[0-2]\d\d|573[0-3]\d|5734[0-3])(?!\d)"
    rb"|[xX]0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]|7[fF]|81|8[dfDF]|90|9[dD]"
    rb"|[dD][89a-fA-F][0-9a-fA-F]{2}|[fF]{3}[efEF]|[fF][dD][deDE][0-9a-fA-F])(?![0-9a-fA-F]));?"
)
C1 = re.compile(rb"\xc2([\x80-\x9f])")
"""Controls as Unicode has them; on pages they are signs of Windows-1252 that went through a wrong converter."""
NONCHARACTER = re.compile(rb"\xef(?:\xb7[\x90-\xaf]|\xbf[\xbe\xbf])")
END_TAG = re.compile(rb"</(?:[bB][oO][dD][yY]|[hH][tT][mM][lL])\b[^>]*>")
LONG_TAG = re.compile(rb"(<[a-zA-Z][a-zA-Z0-9:-]{0,100})[\s/][^<>]{9900,}+>")
"""A start tag that may bear MOST_ATTRIBUTES: two bytes each."""
LONG = 9900
MOST_ATTRIBUTES = 5_000
"""Rather than 135 s, the time that a million of them took."""
GONE = formulas.GONE
HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
SHOWN_ON_DEMAND = re.compile(
    r"\btab[-_]?(?:s|pane|panel|content|body)\b|accordion|collaps|faq|answer|^ S:\d", re.IGNORECASE
)
"""Classes of tabs and folded answers, text of the page too, and what React holds until a script puts it in place."""
MAY_HIDE = (
    "//@hidden/.. | //@aria-hidden[. = 'true']/.. | //@style[contains(translate(., 'NOE', 'noe'), 'none')"
    " or contains(translate(., 'HIDEN', 'hiden'), 'hidden')]/.."
)
"""By their attributes: to ask each element for three takes nearly twice as long."""
LITTLE = 200
"""Characters; hidden text up to here goes, whatever its share."""
MOST = 0.5
"""Share of the page's characters; what holds more is shown by a script in the end, however hidden it is at first."""


def parse(html: str) -> Any:
    """The tree; one with an empty body where there is nothing to parse."""
    return refined(read(html))


def read(html: str) -> Any:
    """The tree as the parser has it."""
    from lxml import etree  # type: ignore[import-untyped]

    # Its elements are plain ones: each time that one of lxml.html's classes is met takes four times as long.
    parser = etree.HTMLParser(collect_ids=False, encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = etree.fromstring(_clean(html), parser)
    except etree.XMLSyntaxError:  # nothing in it at all
        tree = None
    return etree.fromstring("<html><body></body></html>", parser) if tree is None else tree


def refined(tree: Any) -> Any:
    """The tree without what no reader sees, with formulas and tables made plain."""
    formulas.simplify(tree)
    _take_hidden_away(tree)
    for table in reversed(list(tree.iter("table"))):  # inner ones first
        if not is_data(table):
            unwrap(table)
    return tree


def _clean(html: str) -> bytes:
    """The page as UTF-8 without what breaks a tree, and without the ends behind which the parser would stop reading."""
    markup = html.encode("utf-8", "ignore").translate(FORM_FEED_TO_SPACE, CONTROLS)
    markup = END_TAG.sub(b"", CONTROL_REFERENCE.sub(b"", markup))
    markup = _without_swarms(markup)
    if not html.isascii():
        markup = C1.sub(lambda sign: sign[1].decode("cp1252", "ignore").encode(), markup)
        markup = NONCHARACTER.sub(b"", markup)
    return markup


def _without_swarms(markup: bytes) -> bytes:
    """Long start tags alone if they have attributes without number: the parser compares each with all before it.

    What is long stands around a multiple of its least length, so that a few places are looked at and not the page.
    """
    pieces: list[bytes] = []
    done, looked_at = 0, -1
    for place in range(LONG, len(markup), LONG):
        start = markup.rfind(b"<", done, place + 1)
        if start <= looked_at or markup.find(b">", place) - start <= LONG:
            continue
        looked_at = start
        tag = LONG_TAG.match(markup, start)
        if tag and tag[0].count(b"=") + len(tag[0].split()) > MOST_ATTRIBUTES:
            pieces += [markup[done:start], tag[1], b">"]
            done = tag.end()
    return b"".join([*pieces, markup[done:]]) if pieces else markup


def _take_hidden_away(tree: Any) -> None:
    """Scripts, styles, templates and hidden elements go, and <noscript>, which doubles what a script shows.

    They are renamed one by one and taken out in one go: lxml's drop_tree copies the text around it each time.
    """
    from lxml import etree

    for element in tree.iter("script", "style", "template"):
        if element.tag == "template" and element.get("shadowrootmode"):
            element.tag = "div"  # shown in the place of the element around it
        elif element.tag != "script" or element.get("type", "").strip().lower() != "application/ld+json":
            element.tag = GONE
    etree.strip_elements(tree, GONE, with_tail=False)
    size = functools.cache(lambda: _size(tree))  # seldom asked for
    for element in tree.iter("noscript"):
        element.tag = "div" if _length(element) > max(LITTLE, MOST * size()) else GONE
    for element in tree.xpath(MAY_HIDE):
        if element.tag not in ("html", "body") and _is_hidden(element):
            length = _length(element)
            if length <= LITTLE or length <= MOST * size():
                element.tag = GONE
    etree.strip_elements(tree, GONE, with_tail=False)


def _is_hidden(element: Any) -> bool:
    style, said = element.get("style"), element.get("hidden")
    is_hidden = (said is not None and said.lower() != "until-found") or (style is not None and HIDING.search(style))
    if not is_hidden:
        return element.get("aria-hidden") == "true" and _is_double(element)
    names = f"{element.get('class', '')} {element.get('id', '')}"
    return element.get("role") != "tabpanel" and not SHOWN_ON_DEMAND.search(names)


def _is_double(element: Any) -> bool:
    """Whether the words of an element that only the eye is meant for stand right beside it once more."""
    words = _words(element)
    around = element.getparent()
    beside = [element.getprevious(), element.getnext()]
    if around is not None and beside == [None, None]:
        beside = [around.getprevious(), around.getnext()]
    seen = [other for other in beside if other is not None and other.get("aria-hidden") != "true"]
    return bool(words) and any(words == _words(other) for other in seen)


def _words(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def _size(tree: Any) -> float:
    """Characters of the page, without those of the data about it; <noscript> counts, for it may be all there is."""
    return tree.xpath("string-length(.)") - sum(len(script.text or "") for script in tree.iter("script"))  # type: ignore[no-any-return]


def _length(element: Any) -> int:
    return sum(map(len, element.itertext()))
