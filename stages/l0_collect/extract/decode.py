# ruff: noqa: RUF001  signs that look like others are meant
"""A page's bytes as text, whatever it says its encoding is.

In turn: the byte order mark, UTF-8 (what is valid UTF-8 is UTF-8, whatever the page says), UTF-8 with some damage, the
encodings that header and markup name, the bytes themselves. A label is believed if the text it gives could be written
by people. Where nothing gives text the page is dropped: U+FFFD in bulk is never published.
"""

from __future__ import annotations

import codecs
import re

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before the mark of UTF-16, which it begins with
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CHARSET = re.compile(r"charset\s*=\s*(?:[\"']\s*)?([\w.:-]+)", re.IGNORECASE | re.ASCII)
META_CHARSET = re.compile(
    rb"<meta[\s/][^>]{0,250}?charset\s*=\s*(?:[\"']\s*)?([\w.:-]+)"
    rb"|<\?xml[^>]{0,200}?encoding\s*=\s*[\"']\s*([\w.:-]+)",
    re.IGNORECASE,
)
NO_MARKUP = re.compile(rb"<!--.*?(?:-->|$)|<(script|style|noscript)\b.*?(?:</\1|$)", re.IGNORECASE | re.DOTALL)
"""Where a <meta> is not one: the HTML standard passes over comments, and a script's strings are no markup."""
TAG = re.compile(rb"<[^<>]*>")
LABEL_WITHIN = 64 << 10
"""Bytes; browsers look at 1,024 before they parse, but real pages put scripts first."""
# Browsers read these labels as their Windows supersets (WHATWG Encoding Standard), and so do the pages' authors.
SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "koi8-r": "koi8-u",  # the same but for signs that draw boxes
}
LABELS = {
    "x-user-defined": "cp1252",  # as the standard has it for <meta>
    "x-sjis": "cp932",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "x-x-big5": "big5hkscs",
    "windows-949": "cp949",
    "ks_c_5601-1989": "cp949",
    "ksc_5601": "cp949",
    "dos-874": "cp874",
    "iso-8859-8-i": "iso8859-8",
    "koi": "koi8-u",
    "koi8": "koi8-u",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-roman": "mac-roman",
}
"""Of the web, unknown to Python."""
WIDER = {"euc_jp": "euc_jis_2004", "big5hkscs": "cp950", "cp1252": "iso8859-1"}
"""Tried where the usual table lacks a sign that browsers know."""
ENCODINGS = ("utf-8", "cp", "iso", "koi8", "gb", "big5", "euc", "hz", "mac", "johab", "kz", "ptcp")
WIDE_TAG = re.compile(rb"\A(?:[\t\n\r ]\0){0,500}<\0[!?/a-zA-Z]\0|\A((?:\0[\t\n\r ]){0,500}\0<\0[!?/a-zA-Z])")
"""The first tag in UTF-16, little and big end first."""
SEVEN_BIT = ("iso2022", "hz")
"""Look like ASCII, and so like UTF-8, until they are decoded."""
GUESS_FROM = 64 << 10
"""Bytes of visible text."""
BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
MOST_BINARY = 0.01
"""Share of control characters; text has none, pictures and archives have 10 % and more."""
MOST_REPLACED = 0.05
"""Share of U+FFFD and of signs for private use among the letters beyond ASCII that a declared encoding may leave."""
LOST = re.compile("[\ufffd\ue000-\uf8ff]")
ODD = re.compile(
    r"[\x80-\x9f]"  # controls
    r"|[a-zß-öø-ÿа-яё][À-ÖØ-ÞА-ЯЁ]"  # a capital behind a small letter: one Cyrillic table taken for another
    r"|[À-ÖØ-öø-ÿ]{3}"  # Cyrillic or Chinese taken for Latin
    r"|[A-Za-z][\u0370-\u04ff\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]?[\u0370-\u04ff][A-Za-z]"  # Latin for Cyrillic
    r"|[^\W\d_][¢-©«-´¶-¹»-¿×÷†‡‰€ƒ„…ˆ\u02dc][^\W\d_]"  # signs within words
    r"|[\u2500-\u259f]"  # lines and blocks of old terminals
)
MOST_ODD = 0.2
"""Odd places for each run of letters beyond ASCII; a page of proper text has next to none."""
RUN = re.compile(r"[^\x00-\x7f]+")
CUT_LETTER = re.compile(rb"(?:[\xe0-\xef][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{1,2})(?![\x80-\xbf])|[\xc2-\xf4]\Z")
SINGLE_BYTE = ("cp125", "cp874", "iso8859", "koi8", "mac")
LATIN = ("cp1250", "cp1252", "cp1254", "cp1257", "cp1258", "iso8859-1", "iso8859-2", "iso8859-3", "iso8859-4")
DOUBT_FROM = 16
"""Letters beyond ASCII from which the detector knows better than a label whose table decodes any byte."""
DENSE = 0.045
"""Share of letters beyond ASCII from which the detector tells the Latin tables apart: Polish, Czech, Turkish and
Hungarian have 7 to 13 %, German 2, French 4."""
HIGH = re.compile(rb"[\x80-\xff]")
LETTER = re.compile(rb"[A-Za-z\x80-\xff]")
CHINESE = re.compile("[\u3100-\u312f\u4e00-\u9fff\ue000-\uf8ff]")
FREQUENT = {"gb18030": (0xB0, 0xD7, 0.6), "big5hkscs": (0xA4, 0xC6, 0.2)}
"""The first and the last lead byte of the frequent characters, which both tables hold first, and the largest share of
others: 0 to 37 % of text in its own table (GB holds what only Taiwan writes in its rare part), 76 % and more of Big5
read as GB, and 42 to 56 % of GB read as Big5."""
HANGUL = re.compile("[\uac00-\ud7a3]")


class Undecodable(ValueError):
    """No encoding makes text of the page."""


def decode(page: bytes, content_type: str) -> str:
    """The page as text. Raises Undecodable."""
    for bom, encoding in BOMS:
        if page.startswith(bom):
            return _checked(page[len(bom) :].decode(encoding, "replace"))
    if wide := _wide(page):
        return _checked(page.decode(wide, "replace"))
    if _may_be_seven_bit(page):
        for encoding in (*declared(page, content_type), "iso2022_jp"):
            if encoding.startswith(SEVEN_BIT) and (text := _strictly(page, encoding)) is not None:
                return text
    text = _strictly(page, "utf-8")
    return _checked(text if text is not None else _legacy(page, content_type))


def _may_be_seven_bit(page: bytes) -> bool:
    """Whether ESC $ or ~{ stands in it, by one byte first: to look for two takes five times as long."""
    has_escape = b"\x1b" in page and b"\x1b$" in page
    return has_escape or any(piece.startswith(b"{") for piece in page.split(b"~")[1:])


def declared(page: bytes, content_type: str) -> list[str]:
    """Python's names of the encodings that the header and the markup name, in this order."""
    labels = []
    if header := CHARSET.search(content_type):
        labels.append(header[1])
    if meta := META_CHARSET.search(NO_MARKUP.sub(b"", page[:LABEL_WITHIN])):
        labels.append((meta[1] or meta[2]).decode("ascii", "replace"))
    return list(dict.fromkeys(encoding for label in labels if (encoding := _encoding_for(label))))


def _encoding_for(label: str) -> str | None:
    """Python's name for a label of the web; None for what is unknown or no encoding of pages."""
    label = label.lower()
    try:
        name = codecs.lookup(LABELS.get(label, label)).name
    except (LookupError, ValueError):
        return None
    name = SUPERSETS.get(name, name)
    return name if name.startswith(ENCODINGS) else None


def _wide(page: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of the markup that a page begins with is zero."""
    if begun := WIDE_TAG.match(page):
        return "utf-16-be" if begun[1] else "utf-16-le"
    head = page[:64]
    if head.count(b"\0") < 0.3 * len(head):
        return None
    even, odd = head[0::2].count(b"\0"), head[1::2].count(b"\0")
    if max(even, odd) < 4 * min(even, odd):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _strictly(page: bytes, encoding: str) -> str | None:
    try:
        return page.decode(encoding)
    except UnicodeDecodeError:
        return None


def _legacy(page: bytes, content_type: str) -> str:
    """The text of a page that is not valid UTF-8."""
    if len(BINARY.findall(page)) > MOST_BINARY * len(page):
        raise Undecodable("control characters: this is no text")
    labels = declared(page, content_type)
    as_utf8 = page.decode("utf-8", "replace")
    bad, letters = as_utf8.count("\ufffd"), sum(map(len, RUN.findall(as_utf8)))
    if letters - bad >= 4 * bad:
        return as_utf8  # damaged here and there: no other encoding looks like it by chance
    if "utf-8" in labels and len(CUT_LETTER.findall(page)) == bad:
        return as_utf8
    visible = TAG.sub(b" ", NO_MARKUP.sub(b" ", page))[:GUESS_FROM]
    found = _guess(visible)
    for encoding in labels:
        if encoding != "utf-8" and _is_likely(visible, encoding):
            is_doubtful = encoding.startswith(SINGLE_BYTE) and len(HIGH.findall(visible)) >= DOUBT_FROM
            is_doubtful |= found in FREQUENT and _is_rare(visible, encoding) and not _is_rare(visible, found)
            is_better = found is not None and found.startswith((*SINGLE_BYTE, *FREQUENT))
            return _with(page, found if found and is_doubtful and is_better else encoding)
    return _with(page, found or "cp1252")


def _with(page: bytes, encoding: str) -> str:
    for name in (encoding, WIDER.get(encoding, encoding)):
        if (text := _strictly(page, name)) is not None:
            return text
    return page.decode(encoding, "replace")


def _is_likely(visible: bytes, encoding: str) -> bool:
    """Whether people could have written what the encoding makes of the bytes."""
    text = _with(visible, encoding)
    runs = RUN.findall(text)
    if len(LOST.findall(text)) > max(1, MOST_REPLACED * sum(map(len, runs))):
        return False
    return len(ODD.findall(text)) <= MOST_ODD * len(runs)


def _is_rare(visible: bytes, encoding: str) -> bool:
    """Whether many of the Chinese characters, if this is their encoding, are seldom used."""
    if encoding not in FREQUENT:
        return False
    first, last, most = FREQUENT[encoding]
    leads = [sign.encode(encoding, "replace")[0] for sign in CHINESE.findall(_with(visible, encoding))]
    return len(leads) >= DOUBT_FROM and sum(not first <= lead <= last for lead in leads) > most * len(leads)


def _guess(visible: bytes) -> str | None:
    """The encoding by the bytes alone; None if they do not say it clearly."""
    from resiliparse.parse.encoding import detect_encoding  # type: ignore[import-not-found,unused-ignore]

    found = _encoding_for(detect_encoding(visible) or "")
    letters = len(LETTER.findall(visible))
    if found and found.startswith(LATIN) and len(HIGH.findall(visible)) < DENSE * letters:
        return None
    if found and found != "utf-8" and _is_likely(visible, found):
        return found
    # The detector knows Korean from long texts only. The table is the one without Microsoft's rare syllables: with them
    # the apostrophe of Windows and the s behind it are one.
    korean = HANGUL.findall(visible.decode("euc_kr", "ignore"))
    return "cp949" if 2 * len(korean) > 0.5 * len(HIGH.findall(visible)) and korean else None


def _checked(text: str) -> str:
    """The text. Raises Undecodable if it holds U+FFFD in bulk, as pages do that were broken before they were sent."""
    if "\ufffd" in text:
        count, words = text.count("\ufffd"), len(re.findall("\ufffd{3,}", text))
        if words > 5 or count > max(20, len(text) // 1000):
            raise Undecodable(f"{count} letters are lost")
    return text
