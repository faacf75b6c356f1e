"""WARC 1.1 records, each a gzip member of its own, as crawlers write and all readers expect them (ISO 28500:2017)."""

from __future__ import annotations

import base64
import hashlib
import uuid
import zlib
from collections.abc import Sequence
from datetime import datetime

REVISIT = "http://netpreserve.org/warc/1.1/revisit/"
"""Before the names of both profiles of `revisit` records: server-not-modified, identical-payload-digest."""
LEVEL = 6
"""zlib's default: level 9 takes three times as long for 1 % less."""
NOT_AS_SENT = {"transfer-encoding": "X-Crawler-Transfer-Encoding"}
"""The body is stored without its chunks, so the header that tells of them must not stand there any more."""


def digest(data: bytes) -> str:
    return f"sha1:{base64.b32encode(hashlib.sha1(data).digest()).decode()}"


def warc_date(date: datetime) -> str:
    return date.strftime("%Y-%m-%dT%H:%M:%SZ")


def http_response(status: int, reason: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """The message as a record holds it."""
    lines = [f"HTTP/1.1 {status} {reason}".rstrip()]
    lines += [f"{NOT_AS_SENT.get(name.lower(), name)}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def record(kind: str, date: datetime, block: bytes, content_type: str, url: str = "", **more: str) -> tuple[str, bytes]:
    """(record id, compressed record). `more`: further fields, with `_` for `-`, such as WARC_Payload_Digest."""
    name = f"<urn:uuid:{uuid.uuid4()}>"
    fields = {
        "WARC-Type": kind,
        "WARC-Record-ID": name,
        "WARC-Date": warc_date(date),
        **({"WARC-Target-URI": url} if url else {}),
        **{key.replace("_", "-"): value for key, value in more.items() if value},
        "WARC-Block-Digest": digest(block),
        "Content-Type": content_type,
        "Content-Length": str(len(block)),
    }
    head = "WARC/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in fields.items()) + "\r\n"
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
    return name, packer.compress(head.encode()) + packer.compress(block + b"\r\n\r\n") + packer.flush()


def fields_block(fields: Sequence[tuple[str, str]]) -> bytes:
    """The block of a metadata or warcinfo record; a value keeps its line."""
    return "".join(f"{name}: {' '.join(value.split())}\r\n" for name, value in fields).encode()
