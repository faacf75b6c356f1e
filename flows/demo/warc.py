"""Pages as WARC 1.1 records: who made the file, then a request and a response for each page.

What is gzipped is stored, not deflated: zlib's versions compress differently, and everyone shall get the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import uuid
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from flows.demo.pages import Page

GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflate, no name, no time, any system (RFC 1952)
BLOCK = 65_535
"""Bytes that a stored block of deflate holds at most (RFC 1951)."""


def write_warc(path: Path, pages: Sequence[Page]) -> None:
    """One gzip member per record, as crawlers write it."""
    path.write_bytes(b"".join(map(gzipped, _records(pages))))


def gzipped(data: bytes) -> bytes:
    """A gzip member that holds the bytes as they are."""
    blocks = []
    for start in range(0, max(1, len(data)), BLOCK):
        part = data[start : start + BLOCK]
        is_last = start + BLOCK >= len(data)
        blocks.append(struct.pack("<BHH", is_last, len(part), len(part) ^ 0xFFFF) + part)
    return GZIP_HEADER + b"".join(blocks) + struct.pack("<II", zlib.crc32(data), len(data))


def _records(pages: Sequence[Page]) -> Iterator[bytes]:
    yield _record(
        "warcinfo", "", "application/warc-fields", b"software: orefine demo\r\nformat: WARC File Format 1.1\r\n"
    )
    for number, page in enumerate(pages):
        host, _, path = page.url.removeprefix("http://").partition("/")
        asked = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        body, headers = page.body, page.headers
        if number % 3 == 0:  # as on the web, some bodies come compressed
            body, headers = gzipped(body), headers + "Content-Encoding: gzip\r\n"
        answer = (
            f"HTTP/1.1 {page.status}\r\nContent-Type: {page.content_type}\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        date = f"2026-01-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
        yield _record("request", page.url, "application/http; msgtype=request", asked, date)
        yield _record("response", page.url, "application/http; msgtype=response", answer, date)


def _record(kind: str, url: str, content_type: str, block: bytes, date: str = "2026-01-01T00:00:00Z") -> bytes:
    digest = base64.b32encode(hashlib.sha1(block).digest()).decode()
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{kind} {url} {digest}")
    target = f"WARC-Target-URI: {url}\r\n" if url else ""
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{name}>\r\nWARC-Date: {date}\r\n{target}"
        f"WARC-Block-Digest: sha1:{digest}\r\nContent-Type: {content_type}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"
