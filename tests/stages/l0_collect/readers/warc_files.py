"""WARC and ARC files for tests: records, responses and files in every compression."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import zstandard

from stages.l0_collect.readers.record_source import RecordSource
from stages.l0_collect.readers.warc import WarcSource

HTML = b"<html><body>page</body></html>"


def record(
    url: str, block: bytes, kind: str = "response", length: int | None = None, extra: str = "", line_end: str = "\r\n"
) -> bytes:
    head = "\n".join([
        "WARC/1.1", f"WARC-Type: {kind}", f"WARC-Record-ID: <urn:uuid:{url[-1]}>", f"WARC-Target-URI: {url}",
        "WARC-Date: 2024-05-18T00:00:00Z", "Content-Type: application/http; msgtype=response",
        *extra.split("\r\n")[:-1], f"Content-Length: {len(block) if length is None else length}", "\n",
    ])  # fmt: skip
    return head.replace("\n", line_end).encode() + block + 2 * line_end.encode()


def arc_record(url: str, block: bytes, media_type: str = "text/html") -> bytes:
    return f"{url} 192.0.2.1 20240518000000 {media_type} {len(block)}\n".encode() + block + b"\n"


def http(body: bytes = HTML, headers: str = "Content-Type: text/html; charset=utf-8", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n".encode() + body


def noise(number: int, size: int = 500) -> bytes:
    """A page of a kilobyte that does not compress."""
    return b"<html><body>" + random.Random(number).randbytes(size).hex().encode()


def page(number: int, size: int = 1000) -> bytes:
    return record(f"http://a.test/{number}", http(noise(number, size)))


def arc_page(number: int) -> bytes:
    return arc_record(f"http://a.test/{number}", http(noise(number)))


def plain(parts: Sequence[bytes]) -> bytes:
    return b"".join(parts)


def gzipped(parts: Sequence[bytes]) -> bytes:
    return b"".join(gzip.compress(part, mtime=0) for part in parts)


def zstandarded(parts: Sequence[bytes]) -> bytes:
    packer = zstandard.ZstdCompressor(write_checksum=True)
    return b"".join(packer.compress(part) for part in parts)


def with_dictionary(parts: Sequence[bytes], is_packed: bool = False) -> bytes:
    """A `.warc.zst` whose first frame, to be skipped by others, is the dictionary of the rest."""
    samples = [record(f"http://b.test/{number}", http(noise(number, 50))) for number in range(200)]
    dictionary = zstandard.train_dictionary(8 << 10, samples)
    packer = zstandard.ZstdCompressor(dict_data=dictionary, write_checksum=True)
    frame = zstandard.compress(dictionary.as_bytes()) if is_packed else dictionary.as_bytes()
    first = b"\x5d\x2a\x4d\x18" + len(frame).to_bytes(4, "little") + frame
    return first + b"".join(packer.compress(part) for part in parts)


PACKINGS: dict[str, Callable[[Sequence[bytes]], bytes]] = {
    "plain": plain, "gzip": gzipped, "zstd": zstandarded, "zstd with dictionary": with_dictionary,
}  # fmt: skip


def read(path: Path, data: bytes, source: RecordSource | None = None) -> Counter[str]:
    """How often each outcome came: `url`, `url rule` or `position error`."""
    path.write_bytes(data)
    source, outcomes = source or WarcSource(), Counter[str]()
    for unit in source.units(str(path), "hash"):
        for batch in source.read(unit):
            outcomes.update(batch.rows.column("url").to_pylist())
            outcomes.update(f"{url} {rule}" for _, url, rule in batch.dropped)
            outcomes.update(f"{position} {error}" for position, _, error in batch.quarantined)
    return outcomes


def outcome(folder: Path, data: bytes, source: RecordSource | None = None) -> bytes | str:
    """What came of the one record in a file: its page, or the rule or error instead."""
    path = folder / "one.warc"
    path.write_bytes(data)
    source = source or WarcSource()
    [batch] = [batch for unit in source.units(str(path), "hash") for batch in source.read(unit)]
    if len(batch.rows):
        [html] = batch.rows.column("html").to_pylist()
        return bytes(html)
    [(_, _, why)] = batch.quarantined + batch.dropped
    return why


def body_of(folder: Path, response: bytes, extra: str = "") -> bytes | str:
    """What came of the one response: its body, or the rule or error instead."""
    return outcome(folder, record("http://a.test/", response, extra=extra))
