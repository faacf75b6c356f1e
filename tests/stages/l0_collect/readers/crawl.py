"""A small crawl on a loopback server: WARC files of gzip members, their columnar index and their CDX server."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.stages.l0_collect.readers.range_server import RangeServer

FILES = tuple(f"crawl-data/CC-MAIN-2026-01/segments/{number}/warc/CC-{number}.warc.gz" for number in (1, 2))
PLACES = (
    # url, languages, mime
    ("http://example.org/", "eng", "text/html"),
    ("https://www.example.org/docs/a", "eng,deu", "text/html"),
    ("https://sub.example.org/docs/b", "deu,eng", "text/html"),
    ("https://example.organic/docs/", "eng", "text/html"),
    ("http://example.org:8080/port", "eng", "text/html"),
    ("https://notexample.org/", "eng", "text/html"),
    ("https://other.test/paper.pdf", "eng", "application/pdf"),
    ("https://www2.example.org/mirror", "eng", "text/html"),
    ("https://other.test/docs/", "fra", "application/xhtml+xml"),
)


WWW = re.compile(r"^www\d*\.")


def sha1(data: bytes) -> str:
    return base64.b32encode(hashlib.sha1(data).digest()).decode()


def page(url: str) -> bytes:
    return f"<html><head><title>{url}</title></head><body><p>The page at {url} has words.</p></body></html>".encode()


def member(url: str, body: bytes | None = None, kind: str = "response", status: str = "200 OK") -> bytes:
    """A record as one gzip member, as Common Crawl writes it."""
    body = page(url) if body is None else body
    http = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-02T03:04:05Z\r\n"
        f"WARC-Record-ID: <urn:uuid:{sha1(url.encode())}>\r\nWARC-Payload-Digest: sha1:{sha1(body)}\r\n"
        f"WARC-Block-Digest: sha1:{sha1(http)}\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + http + b"\r\n\r\n", mtime=0)


def build(server: RangeServer, places: Iterable[tuple[str, str, str]] = PLACES) -> list[dict[str, Any]]:
    """Put the pages, alternately into two WARC files, on the server; what the index says of each."""
    data = {
        name: gzip.compress(b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n\r\n\r\n") for name in FILES
    }
    told = []
    for number, (url, languages, mime) in enumerate(places):
        name, record = FILES[number % 2], member(url)
        host = url.partition("://")[2].partition("/")[0]
        port = host[len(host.partition(":")[0]) :]
        labels = WWW.sub("", host.partition(":")[0]).split(".")
        told.append({
            "url_surtkey": f"{','.join(reversed(labels))}{port}){url.partition('://')[2][len(host):]}",
            "url": url, "url_host_name": host.partition(":")[0], "fetch_status": 200, "content_digest": sha1(page(url)),
            "content_mime_type": "text/html", "content_mime_detected": mime, "content_languages": languages,
            "warc_filename": name, "warc_record_offset": len(data[name]), "warc_record_length": len(record),
        })  # fmt: skip
        data[name] += record
    server.files |= {f"/{name}": content for name, content in data.items()}
    return told


def write_index(path: Path, told: list[dict[str, Any]]) -> Path:
    schema = pa.Table.from_pylist(told).schema
    for name, kind in (
        ("fetch_status", pa.int16()),
        ("warc_record_offset", pa.int32()),
        ("warc_record_length", pa.int32()),
    ):
        schema = schema.set(schema.get_field_index(name), pa.field(name, kind))
    table = pa.Table.from_pylist(sorted(told, key=lambda row: row["url_surtkey"]), schema)
    pq.write_table(table, path, row_group_size=2)
    return path


def serve_cdx(server: RangeServer, told: list[dict[str, Any]], path: str = "/cdx", page_size: int = 2) -> str:
    """A CDX server as Common Crawl's: pages, 404 for nothing; hosts and prefixes, whatever the scheme."""

    def answer(asked: dict[str, str]) -> tuple[int, bytes]:
        def fits(row: dict[str, Any]) -> bool:
            """By keys without `www.`, as such servers compare."""
            place, wanted = (WWW.sub("", text) for text in (row["url"].partition("://")[2], asked["url"]))
            if asked["matchType"] == "prefix":
                return place.startswith(wanted)
            host = place.partition("/")[0].partition(":")[0]
            return host == wanted or host.endswith(f".{wanted}")

        found = [row for row in told if fits(row) and str(row["fetch_status"]) == "200"]
        if "showNumPages" in asked:
            return 200, json.dumps({"pages": -(-len(found) // page_size), "pageSize": page_size}).encode()
        first = int(asked["page"]) * page_size
        lines = [
            json.dumps({
                "urlkey": row["url_surtkey"], "timestamp": "20260102030405", "url": row["url"], "mime": "text/html",
                "mime-detected": row["content_mime_detected"], "status": str(row["fetch_status"]),
                "digest": row["content_digest"], "length": str(row["warc_record_length"]),
                "offset": str(row["warc_record_offset"]), "filename": row["warc_filename"],
                "languages": row["content_languages"],
            })
            for row in found[first : first + page_size]
        ]  # fmt: skip
        return (200, "\n".join(lines).encode()) if lines else (404, b'{"message": "No Captures found"}')

    server.queries[path] = answer
    return f"{server.url}{path}"
