"""What a body is, by its bytes: servers call anything text/html, and HTML anything.

After the MIME Sniffing Standard of the WHATWG, which decides for browsers, with two differences: what is called HTML
is looked at too, and HTML called plain text is taken for HTML, since nothing is executed here.
"""

from __future__ import annotations

import codecs
import json
import re

SAMPLE = 8 << 10
HEAD = 1445
"""Bytes of which the standard asks whether they are binary."""
WITHIN = 1024
"""Bytes in which a page must begin, behind what its server let slip before it."""
BINARY_SHARE = 50
"""More than one in so many control characters makes a text binary: compressed data has one in eleven."""
CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
SIGNATURES = (
    b"%PDF-", b"%!PS", b"{\\rtf", b"\xff\xd8\xff", b"\x89PNG", b"GIF87a", b"GIF89a", b"PK\x03\x04", b"PK\x05\x06",
    b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", b"\x7fELF",
    b"MZ\x90", b"\x1a\x45\xdf\xa3", b"\xd0\xcf\x11\xe0", b"SQLite format 3\x00", b"\xca\xfe\xba\xbe", b"OggS\x00",
    b"!<arch>", b"AT&TFORM", b"#EXTM3U", b"BEGIN:VCALENDAR", b"BEGIN:VCARD",
)  # fmt: skip
"""Of documents, pictures, archives, programs and lists; whatever else is binary shows in its control characters."""
SIGNATURES_INSIDE = ((4, b"ftyp"), (8, b"WEBP"), (8, b"WAVE"), (8, b"AVI "), (257, b"ustar"))

HTML_TYPES = ("text/htm", "text/xhtml", "application/xhtml+xml", "application/vnd.wap.xhtml+xml")
"""And whatever begins so."""
UNSURE_TYPES = (
    "application/octet-stream", "binary/octet-stream", "application/binary", "application/x-unknown",
    "application/unknown", "unknown/unknown", "application/force-download", "application/x-download", "*/*",
)  # fmt: skip
"""Say nothing of the body, as no type does."""
TEXT_TYPES = ("text/plain", "text/xml", "application/xml")
"""Of which only what is plainly a page is one: source code and data are called so too."""
PAGE_ROOTS = frozenset(("html", "head", "body", "frameset"))
ROOTS = PAGE_ROOTS | {
    "a", "abbr", "address", "article", "aside", "audio", "b", "base", "big", "blockquote", "br", "button",
    "caption", "center", "cite", "code", "col", "dd", "del", "details", "dialog", "dir", "div", "dl", "dt", "em",
    "embed", "fieldset", "figure", "font", "footer", "form", "frame", "h1", "h2", "h3", "h4", "h5", "h6", "header",
    "hr", "i", "iframe", "img", "input", "ins", "label", "legend", "li", "link", "main", "map", "mark", "menu",
    "meta", "nav", "noscript", "object", "ol", "option", "p", "picture", "pre", "q", "s", "samp", "script",
    "section", "select", "small", "span", "strike", "strong", "style", "sub", "summary", "sup", "table", "tbody",
    "td", "textarea", "tfoot", "th", "thead", "title", "tr", "tt", "u", "ul", "video",
}  # fmt: skip
"""Elements that a page, or a piece of one, begins with."""
DATA_ROOTS = frozenset((
    "rss", "feed", "rdf:rdf", "urlset", "sitemapindex", "svg", "opensearchdescription", "kml", "gpx",
    "wsdl:definitions", "soap:envelope", "plist", "package",
))  # fmt: skip
"""Elements of feeds, site maps and other XML that no page is in."""
PAGE = re.compile(rb"<!doctype\s{1,9}html|<(?:html|head|body)[\s>]", re.IGNORECASE)
TAG = re.compile(rb"<([a-z][a-z0-9:_-]{0,40})[\s/>]", re.IGNORECASE)
SPACE = re.compile(rb"(?:[\s\x0b]|\xef\xbb\xbf)*")
COMMENT = re.compile(rb"(?:[\s;]|\xef\xbb\xbf|/\*(?s:.){0,8000}?\*/|//[^\n]{0,2000}\n)*")
GUARD = re.compile(rb"\)\]\}',?|(?:for|while)\s?\((?:;;|1|true)\);")
"""What servers put before JSON so that no script can include it."""
JSON_OBJECT = re.compile(rb"\[?\s{0,99}\{\s{0,99}\"(?:[^\"\\]|\\.){0,200}\"\s{0,9}:")
STYLE = re.compile(
    rb"@(?:charset|import|media|font-face|namespace|supports|layer|(?:-\w{1,9}-)?keyframes)\b"
    rb"|[.#*:a-z][^{}<>;]{0,300}\{\s{0,99}[a-z-]{1,40}\s{0,9}:[^{}<>]{1,500}[;}]",
    re.IGNORECASE,
)
SCRIPT = re.compile(
    rb"['\"]use strict['\"]|[!+(]{0,2}\s?(?:async\s)?function\b[\s\w*$]{0,60}\(|\(\s?\([\w,\s]{0,60}\)\s?=>"
    rb"|(?:var|let|const)\s[\w$\s,]{1,200}=|import\s?[\"'{*]|export\s(?:default|const|function|class|\{)"
    rb"|(?:jQuery|\$)\s?(?:\(\s?(?:document|function|window|['\"])|\.)"
    rb"|(?:window|document|self|module|exports|define|require)\s?[.(\[]"
    rb"|[\w$]{1,60}(?:\.[\w$]{1,60}){0,5}\s?(?:=\s?[\[{\"'(]|\(\s?[\[{\"'])|(?:try|do)\s?\{|if\s?\([\w$.!=\s(\"']{1,99}\)\s?\{"
)
MAXIMUM_JSON = 1 << 20
"""Bytes that are parsed to tell; a longer text is taken by its last sign."""
CODE_SIGNS = re.compile(rb"[{}();=]")
CODE_SHARE = 100
"""Prose has less than one in so many, code more than five."""


def may_be_html(content_type: str) -> bool:
    """Whether a body of this Content-Type is worth a look."""
    media_type = _media_type(content_type)
    return "/" not in media_type or media_type.startswith(HTML_TYPES) or media_type in (*UNSURE_TYPES, *TEXT_TYPES)


def is_html(body: bytes, content_type: str) -> bool:
    """Whether the body is a page, its Content-Type taken for no more than a hint."""
    if not may_be_html(content_type) or is_binary(body):
        return False
    sample, media_type = _sample(body), _media_type(content_type)
    if media_type.startswith(HTML_TYPES):
        return not _is_data(sample, body)
    root = _root(sample)
    if media_type in TEXT_TYPES:
        return root in PAGE_ROOTS
    return root in ROOTS or (PAGE.search(sample, 0, WITHIN) is not None and not _is_data(sample, body))


def is_binary(body: bytes) -> bool:
    """Whether the body is no text at all, or text in a format that no page is in."""
    sample = _sample(body)
    if has_signature(body):
        return True
    if PAGE.search(sample, 0, WITHIN) or _root(sample) in ROOTS:
        return False
    head = sample[:HEAD]
    return len(CONTROLS.findall(head)) * BINARY_SHARE > len(head)


def has_signature(body: bytes) -> bool:
    """Whether the body is a file of a format known by its first bytes."""
    return body.startswith(SIGNATURES) or any(body.startswith(mark, at) for at, mark in SIGNATURES_INSIDE)


def is_text(body: bytes) -> bool:
    """Whether the body is surely text: markup, or UTF-8 without control characters."""
    sample = body[:SAMPLE]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return not is_binary(body) and (is_markup(body) or PAGE.search(_sample(body)) is not None)
    return not is_binary(body)


def is_markup(body: bytes) -> bool:
    """Whether the body begins as HTML or XML does, and so cannot be compressed."""
    return bool(_root(_sample(body)))


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].partition(",")[0].strip().lower()


def _sample(body: bytes) -> bytes:
    """The beginning; of UTF-16 only the bytes that are not zero, which is what Latin text has in ASCII."""
    sample = body[:SAMPLE]
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return sample[2:].replace(b"\0", b"")
    if len(sample) > 3 and sample[:4].count(0) == 2 and (sample[0] == sample[2] == 0 or sample[1] == sample[3] == 0):
        return sample.replace(b"\0", b"")
    return sample


def _root(sample: bytes) -> str:
    """The first tag's name, behind space, comments and declarations; `html` for HTML's own declaration, else nothing.

    A comment or declaration that does not end in the sample is called `html` too: nothing else begins so.
    """
    at = 0
    while True:
        at = SPACE.match(sample, at).end()  # type: ignore[union-attr]  # it matches nothing too
        if sample[at : at + 9].lower() == b"<!doctype":
            name = sample[at + 9 : at + 60].split(None, 1)[:1]
            if name and name[0].lower().startswith(b"html"):
                return "html"
        if sample.startswith(b"<!--", at):
            end = sample.find(b"-->", at + 4) + 3
        elif sample.startswith((b"<?", b"<!"), at):
            end = sample.find(b">", at) + 1
        else:
            tag = TAG.match(sample, at)
            return tag[1].decode("ascii").lower().rpartition("html:")[2] if tag else ""
        if end < 4:
            return "html"
        at = end


def _is_data(sample: bytes, body: bytes) -> bool:
    """Whether it is JSON, a script, a style sheet, a feed or other XML that is called HTML."""
    root = _root(sample)
    if root in ROOTS:
        return False
    if root in DATA_ROOTS or (root and sample.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml")):
        return True
    start = COMMENT.match(sample).end()  # type: ignore[union-attr]  # it matches nothing too
    if guard := GUARD.match(sample, start):
        start = SPACE.match(sample, guard.end()).end()  # type: ignore[union-attr]
    if JSON_OBJECT.match(sample, start) or (sample[start : start + 1] in (b"[", b"{") and _is_json(body[start:])):
        return True
    if root or PAGE.search(sample, 0, WITHIN):
        return False
    if not (STYLE.match(sample, start) or SCRIPT.match(sample, start)):
        return False
    return len(CODE_SIGNS.findall(sample)) * CODE_SHARE > len(sample)


def _is_json(text: bytes) -> bool:
    if len(text) > MAXIMUM_JSON:
        return text.rstrip()[-1:] in (b"]", b"}")
    try:
        json.loads(text)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True
