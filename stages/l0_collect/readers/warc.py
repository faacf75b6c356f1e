"""Read web pages from WARC files, plain or gzip.

| column out     | from                                                        |
|----------------|-------------------------------------------------------------|
| html           | the body, decoded, as bytes; `extract_html` makes the text  |
| url            | WARC-Target-URI                                             |
| source         | the setting `source`                                        |
| date           | WARC-Date                                                   |
| source_id      | WARC-Record-ID                                              |
| http_status    | the status line                                             |
| content_type   | the HTTP header, whose charset `extract_html` needs         |
| warc_truncated | why the crawler cut the body short, if it says so           |
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, ClassVar, Literal

import pyarrow as pa

from pipeline.steps import Source, SourceBatch, Unit
from stages.l0_collect.readers.files import open_input, open_unit
from stages.l0_collect.readers.row_buffer import RowBuffer
from stages.l0_collect.readers.warc_records import Damage, Record, is_gzip, records

UNIT_BYTES = 64 << 20
"""Compressed bytes per unit: about 2,300 pages of Common Crawl, a minute of extraction."""
MAXIMUM_BODY = 50 << 20
MAXIMUM_RATIO = 100
RATIO_FROM = 1 << 20
"""Bytes; below it a high ratio is a repetitive page, above it a bomb."""
HTML_TYPES = ("text/html", "application/xhtml+xml")
LOOKS_LIKE_HTML = re.compile(rb"<!doctype html|<html|<head|<body", re.IGNORECASE)
CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")
COLUMNS = pa.schema(
    [
        ("html", pa.binary()),
        ("url", pa.string()),
        ("source", pa.string()),
        ("date", pa.string()),
        ("source_id", pa.string()),
        ("http_status", pa.int64()),
        ("content_type", pa.string()),
        ("warc_truncated", pa.string()),
    ]
)


class WarcSource(Source):
    """Reads the HTML pages of WARC files. Whatever else is in them is dropped by rule, damage is quarantined.

    Positions are `file@offset`, the byte where the record or the damage begins.
    """

    kind: Literal["warc"] = "warc"
    libraries: ClassVar[tuple[str, ...]] = ("fastwarc",)
    source: str = ""
    """What to call this input in the column `source`."""
    verify_digests: bool = True
    """Quarantine pages whose block differs from their WARC-Block-Digest."""

    def units(self, path: str, sha256: str) -> list[Unit]:
        """Ranges of compressed bytes: `start` is an offset, and the range ends 64 MiB further.

        A file without compression is one unit: only gzip members tell surely where a record begins.
        """
        with open_input(path) as stream:
            size = stream.seek(0, 2)
            starts = range(0, size, UNIT_BYTES) if is_gzip(stream) else range(min(size, 1))
        return [Unit(path, sha256, start) for start in starts]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        buffer, name = RowBuffer(COLUMNS), unit.shown
        with open_unit(unit) as stream:
            for record in records(stream, MAXIMUM_BODY, unit.start, unit.start + UNIT_BYTES):
                self._sort(record, f"{name}@{record.position}", buffer)
                if buffer.is_full():
                    yield buffer.take()
        yield buffer.take()

    def _sort(self, record: Record | Damage, position: str, buffer: RowBuffer) -> None:
        """Put the record among the rows, the drops or the quarantined."""
        if isinstance(record, Damage):
            buffer.quarantine(position, "", record.error)
            buffer.skip(record.unread_bytes)
            return
        url = ""
        try:
            page = _parsed(record)
            url = page.headers.get("WARC-Target-URI") or ""
            found = self._row(page, url, record.block is None)
        except (ValueError, OSError, zlib.error) as error:
            buffer.quarantine(position, url, error)
            return
        if isinstance(found, str):
            buffer.drop(position, url, found)
        else:
            buffer.add(found)

    def _row(self, page: Any, url: str, is_cut: bool) -> dict[str, Any] | str:
        """The row, or the rule by which the record is none. Raises if it should be a row and cannot be read."""
        from fastwarc.warc import WarcRecordType

        if page.record_type != WarcRecordType.response:
            return "not_a_response"
        if not page.is_http:
            return "not_http"
        if is_cut:
            return "too_large"
        if self.verify_digests and "WARC-Block-Digest" in page.headers and not page.verify_block_digest():
            raise ValueError("the block is not what its WARC-Block-Digest says; `verify_digests: false` takes it")
        page.parse_http(auto_decode="none", strict_mode=False)
        http = page.http_headers
        if http.status_code != 200:
            return "http_status"
        content_type = http.get("Content-Type") or ""
        if content_type and not content_type.lower().startswith(HTML_TYPES):
            return "not_html"
        truncated = page.headers.get("WARC-Truncated")
        body = _decoded(page.reader.read(), http, is_whole=not truncated)
        if body is None:
            return "too_large"
        if not body.strip():
            return "empty_body"
        if not content_type and not _looks_like_html(body):
            return "not_html"
        return {
            "html": body,
            "url": url,
            "source": self.source,
            "date": page.headers.get("WARC-Date") or "",
            "source_id": page.record_id,
            "http_status": http.status_code,
            "content_type": content_type,
            "warc_truncated": truncated,
        }


def _parsed(record: Record) -> Any:
    from fastwarc.warc import WarcRecord

    return WarcRecord.from_bytes(record.head + (record.block or b""))


def _decoded(body: bytes, http: Any, is_whole: bool) -> bytes | None:
    """The body as the server meant it, None if that is too large. Raises ValueError if it is broken."""
    if "chunked" in (http.get("Transfer-Encoding") or "").lower():
        body = _joined_chunks(body, is_whole)
    for encoding in reversed((http.get("Content-Encoding") or "").lower().split(",")):
        limit = min(MAXIMUM_BODY, max(RATIO_FROM, MAXIMUM_RATIO * len(body)))
        body = _expanded(body, encoding.strip(), limit, is_whole)
        if len(body) > limit:
            return None
    return body


def _joined_chunks(body: bytes, is_whole: bool) -> bytes:
    """The chunks joined; the body itself if it has none: many crawlers join them and keep the header."""
    if not CHUNK_SIZE.match(body):
        return body
    chunks, at = [], 0
    while match := CHUNK_SIZE.match(body, at):
        size = int(match[1], 16)
        chunks.append(body[match.end() : match.end() + size])
        at = match.end() + size + 2
        if size == 0:
            return b"".join(chunks)
    if is_whole:
        raise ValueError(f"the chunked body is broken before byte {at}")
    return b"".join(chunks)


def _expanded(body: bytes, encoding: str, limit: int, is_whole: bool) -> bytes:
    """The body without one content encoding, or its first `limit` + 1 bytes.

    A body that is HTML already stays as it is: many crawlers decode and keep the header.
    """
    if encoding in ("gzip", "x-gzip") and body.startswith(b"\x1f\x8b"):
        return _inflated(body, 31, limit, is_whole)
    if encoding in ("", "identity") or _looks_like_html(body) or not body:
        return body
    if encoding == "deflate":  # meant to be zlib's format, but some servers send the bare stream
        has_header = body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
        return _inflated(body, 15 if has_header else -15, limit, is_whole)
    if encoding in ("br", "zstd"):
        return _read_through_fastwarc(body, encoding, limit)
    raise ValueError(f"the body is neither HTML nor in a known content encoding, but in '{encoding}'")


def _inflated(body: bytes, wbits: int, limit: int, is_whole: bool) -> bytes:
    inflate = zlib.decompressobj(wbits=wbits)
    found = inflate.decompress(body, limit + 1)
    if is_whole and not inflate.eof and len(found) <= limit:
        raise ValueError("the compressed body ends too early")
    return found


def _read_through_fastwarc(body: bytes, encoding: str, limit: int) -> bytes:
    from fastwarc.stream_io import BrotliReader, ZstdReader

    reader = BrotliReader(BytesIO(body)) if encoding == "br" else ZstdReader(BytesIO(body))
    found = b""
    while len(found) <= limit and (piece := reader.read(limit + 1 - len(found))):
        found += piece
    return found


def _looks_like_html(body: bytes) -> bool:
    return LOOKS_LIKE_HTML.search(body[:1024]) is not None
