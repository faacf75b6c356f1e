"""Read web pages from WARC and ARC files, plain or compressed with gzip or Zstandard.

| column out     | from                                                             |
|----------------|------------------------------------------------------------------|
| html           | the body, decoded, as bytes; `extract_html` makes the text;      |
|                | with `pdf: true` also that of a PDF document                     |
| http_status    | the status line; null for a page that was saved without          |
| content_type   | the HTTP header, whose charset `extract_html` needs              |
| every other    | the record's header (`record_source.py`)                         |

With `honour`, a page that opts out in its header or <meta> elements is dropped by the rule `opt_out_noai` and the like.
A body shorter than its Content-Length counts as `warc_truncated: unspecified`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, ClassVar, Literal

import pyarrow as pa

from stages.l0_collect.crawl.opt_outs import Honour, of_page
from stages.l0_collect.crawl.settings import product_of
from stages.l0_collect.extract.pdf import is_pdf
from stages.l0_collect.readers import record_source
from stages.l0_collect.readers.headers import Fields, split_http
from stages.l0_collect.readers.http_body import decoded
from stages.l0_collect.readers.page_sniff import is_html, may_be_html
from stages.l0_collect.readers.record_source import RecordSource
from stages.l0_collect.readers.warc_records import Record

MAY_OPT_OUT = re.compile(rb"<meta[^<]{0,1000}?(?:noindex|none|noai|noimageai|tdm-reservation)", re.IGNORECASE)


class WarcSource(RecordSource):
    """Reads the HTML pages of WARC and ARC files. All else in them is dropped by rule, damage is quarantined."""

    kind: Literal["warc"] = "warc"
    libraries: ClassVar[tuple[str, ...]] = (*RecordSource.libraries, "idna", "lxml", "resiliparse")
    honour: Honour = ()
    """Opt-outs by which a page is dropped though it was crawled (crawl/opt_outs.py): noindex, noai, train_ai, …"""
    user_agent: str = ""
    """The crawler to whom `X-Robots-Tag: name: noai` and `<meta name="name">` speak; without one those to all count."""
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            ("html", pa.binary()),
            *record_source.COLUMNS,
            ("http_status", pa.int64()),
            ("content_type", pa.string()),
        ]
    )

    pdf: bool = False
    """Read PDF documents too, by their text layer; otherwise they are dropped as `not_html`."""

    def extras(self) -> tuple[str, ...]:
        return ("pdf", *super().extras()) if self.pdf else super().extras()

    def assets(self) -> Mapping[str, str]:
        return {**super().assets(), **({"pypdfium2": version("pypdfium2")} if self.pdf else {})}

    def _row(self, record: Record) -> dict[str, Any] | str:
        is_page = record.kind == "resource" and record.url.lower().startswith(("http://", "https://"))
        if record.kind == "revisit":
            return "revisit"  # the page is in an earlier record, which may lie in another file
        if record.kind != "response" and not is_page:
            return "not_a_response"
        if not is_page and not _is_http(record):
            return "not_http"
        if record.block is None:
            return "too_large"
        common = self._common(record, record.block)
        status, http, body = (None, _of_resource(record), record.block) if is_page else split_http(record.block)
        if status not in (None, 200):
            return "http_status"
        content_type = http.get("content-type", "")
        if not (may_be_html(content_type) or (self.pdf and "pdf" in content_type.lower())):
            return "not_html"
        if _is_short(body, http):
            common["warc_truncated"] = common["warc_truncated"] or "unspecified"
        html = decoded(body, http, is_whole=not common["warc_truncated"])
        if html is None:
            return "too_large"
        if not html.strip():
            return "empty_body"
        if not (is_html(html, content_type) or (self.pdf and is_pdf(html))):
            return "not_html"
        if self.honour and (kind := self._opt_out(record, len(body), html, content_type)):
            return f"opt_out_{kind}"
        return common | {"html": html, "http_status": status, "content_type": content_type}

    def _opt_out(self, record: Record, body: int, html: bytes, content_type: str) -> str:
        """The first kind by which the page itself opts out, of those that are honoured."""
        agent = product_of(self.user_agent)
        head = (record.block or b"")[: len(record.block or b"") - body]
        # Line by line: what speaks to one crawler and what speaks to all must not be joined.
        lines = (line.partition(":") for line in head.decode("latin-1").split("\n"))
        headers = [(name.strip(), value.strip()) for name, _, value in lines]
        metas: dict[str, str] = {}
        # Few pages say any of this; the others are not parsed.
        if MAY_OPT_OUT.search(html) or b"\0" in html[:1000]:
            from stages.l0_collect.crawl.page import read_page

            metas = read_page(html, record.url, content_type).metas
        found = of_page(record.url, headers, metas, agent)
        return next((one.kind for one in found if one.kind in self.honour), "")


def _is_http(record: Record) -> bool:
    media_type = record.fields.get("content-type", "").lower()
    if media_type:
        return media_type.startswith(("application/http", "message/http"))
    return record.url.lower().startswith(("http:", "https:"))


def _of_resource(record: Record) -> Fields:
    """What the header of a page says that a browser saved without its HTTP header."""
    return {"content-type": record.fields.get("content-type", "")}


def _is_short(body: bytes, http: Fields) -> bool:
    """Whether the server announced more bytes than there are, of a body that nobody can have decoded since."""
    length = http.get("content-length", "")
    is_plain = not (http.get("content-encoding") or http.get("transfer-encoding"))
    return is_plain and length.isdecimal() and int(length[:18]) > len(body)
