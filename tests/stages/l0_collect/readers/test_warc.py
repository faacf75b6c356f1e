"""WARC in: every record comes out as a row, a drop or a quarantine entry, and damage costs only what it hits."""

import gzip
import random
import tarfile
import zlib
from collections import Counter
from pathlib import Path

import pytest

from stages.l0_collect.readers import http_body, record_source
from stages.l0_collect.readers.warc import WarcSource
from stages.l0_collect.readers.warc_records import Damage, records

HTML = b"<html><body>page</body></html>"


def record(url: str, http: bytes, kind: str = "response", length: int | None = None, extra: str = "") -> bytes:
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{url[-1]}>\r\nWARC-Target-URI: {url}\r\n"
        f"WARC-Date: 2024-05-18T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n{extra}"
        f"Content-Length: {len(http) if length is None else length}\r\n\r\n"
    )
    return head.encode() + http + b"\r\n\r\n"


def http(body: bytes = HTML, headers: str = "Content-Type: text/html; charset=utf-8", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n".encode() + body


def page(number: int, size: int = 1000) -> bytes:
    noise = random.Random(number).randbytes(size).hex().encode()
    return record(f"http://a.test/{number}", http(b"<html><body>" + noise))


def read(path: Path, data: bytes, **settings: bool) -> Counter[str]:
    """How often each outcome came: `url`, `url rule` or `position error`."""
    path.write_bytes(data)
    source, outcomes = WarcSource(**settings), Counter[str]()
    for unit in source.units(str(path), "hash"):
        for batch in source.read(unit):
            outcomes.update(batch.rows.column("url").to_pylist())
            outcomes.update(f"{url} {rule}" for _, url, rule in batch.dropped)
            outcomes.update(f"{position} {error}" for position, _, error in batch.quarantined)
    return outcomes


def body_of(tmp_path: Path, response: bytes, extra: str = "") -> bytes | str:
    """The decoded body, or the error or rule instead."""
    path = tmp_path / "a.warc"
    path.write_bytes(record("http://a.test/", response, extra=extra))
    [batch] = [batch for unit in WarcSource().units(str(path), "hash") for batch in WarcSource().read(unit)]
    if len(batch.rows):
        return bytes(batch.rows.column("html")[0].as_py())
    return (batch.quarantined + batch.dropped)[0][2]


def test_a_page_brings_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(gzip.compress(record("http://a.test/", http(), extra="WARC-Truncated: length\r\n")))
    [unit] = WarcSource().units(str(path), "hash")
    [batch] = WarcSource(source="crawl").read(unit)
    assert batch.rows.to_pylist() == [{
        "html": HTML, "url": "http://a.test/", "source": "crawl", "date": "2024-05-18T00:00:00Z",
        "source_id": "<urn:uuid:/>", "http_status": 200, "content_type": "text/html; charset=utf-8",
        "warc_truncated": "length", "warc_digest": None,
    }]  # fmt: skip


def test_what_is_no_page_is_dropped_by_rule(tmp_path: Path) -> None:
    data = b"".join([
        record("http://a.test/1", http()),
        record("http://a.test/2", b"GET / HTTP/1.1\r\n\r\n", "request"),
        record("http://a.test/3", http(status="404 Not Found")),
        record("http://a.test/4", http(b"%PDF-1.7", "Content-Type: application/pdf")),
        record("http://a.test/5", http(b" \n")),
        record("http://a.test/6", http(b"<!DOCTYPE HTML><p>x", "Server: x")),
        record("http://a.test/7", http(b"plain", "Server: x")),
        record("dns:8", b"20240518\na.test. 60 IN A 192.0.2.1").replace(b"application/http", b"text/dns"),
        record("http://a.test/9", http(HTML, "Content-Type: application/xhtml+xml")),
    ])  # fmt: skip
    assert read(tmp_path / "a.warc", data) == Counter([
        "http://a.test/1", "http://a.test/2 not_a_response", "http://a.test/3 http_status", "http://a.test/4 not_html",
        "http://a.test/5 empty_body", "http://a.test/6", "http://a.test/7 not_html", "dns:8 not_http",
        "http://a.test/9",
    ])  # fmt: skip


CHUNKED = "Content-Type: text/html\r\nTransfer-Encoding: chunked"
DEFLATE = "Content-Type: text/html\r\nContent-Encoding: deflate"
GZIP = "Content-Type: text/html\r\nContent-Encoding: gzip"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (CHUNKED, b"10\r\n" + HTML[:16] + b"\r\ne;x=y\r\n" + HTML[16:] + b"\r\n0\r\n\r\n"),
        (CHUNKED, HTML),
        (GZIP, gzip.compress(HTML)),
        (GZIP, HTML),
        (DEFLATE, zlib.compress(HTML)),
        (DEFLATE, zlib.compress(HTML, wbits=-15)),
        (CHUNKED + "\r\nContent-Encoding: x-gzip", b"%x\r\n%b\r\n0\r\n\r\n" % (len(z := gzip.compress(HTML)), z)),
    ],
)
def test_bodies_are_decoded_and_bodies_already_decoded_are_left(tmp_path: Path, headers: str, body: bytes) -> None:
    assert body_of(tmp_path, http(body, headers)) == HTML


def test_broken_bodies_are_quarantined_unless_the_crawler_says_it_cut_them(tmp_path: Path) -> None:
    cut = gzip.compress(HTML * 100)[:-9]
    assert body_of(tmp_path, http(cut, GZIP)) == "the compressed body ends too early"
    assert str(body_of(tmp_path, http(cut, GZIP), "WARC-Truncated: length\r\n").decode()).startswith("<html>")
    chunks = b"5\r\n<html\r\n5\r\n"
    assert body_of(tmp_path, http(chunks, CHUNKED)) == "the chunked body is broken at byte 13 of 13"
    assert body_of(tmp_path, http(chunks, CHUNKED), "WARC-Truncated: time\r\n") == b"<html"
    assert "content encoding, but in 'x'" in str(body_of(tmp_path, http(b"\0\1", GZIP.replace("gzip", "x"))))
    assert "content encoding, but in 'br'" in str(body_of(tmp_path, http(b"\xff" * 50, GZIP.replace("gzip", "br"))))


def test_bombs_are_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b"<html>" + bytes(3 << 20))
    assert len(bomb) * http_body.MAXIMUM_RATIO < 3 << 20
    assert body_of(tmp_path, http(bomb, GZIP)) == "too_large"
    monkeypatch.setattr(record_source, "MAXIMUM_BODY", 1000)
    monkeypatch.setattr(http_body, "MAXIMUM_BODY", 1000)
    assert body_of(tmp_path, http(b"<html>" + bytes(2000))) == "too_large"
    assert body_of(tmp_path, http(gzip.compress(b"<html>" + bytes(2000)), GZIP)) == "too_large"


def test_a_block_that_is_not_its_digest_is_quarantined(tmp_path: Path) -> None:
    data = record("http://a.test/1", http(), extra="WARC-Block-Digest: sha1:" + "A" * 32 + "\r\n")
    [outcome] = read(tmp_path / "a.warc", data)
    assert "WARC-Block-Digest" in outcome
    assert read(tmp_path / "a.warc", data, verify_digests=False) == Counter(["http://a.test/1"])


@pytest.mark.parametrize(
    ("length", "kept"),
    [(30, "134"), (5000, "134"), (10**25, "134"), (10**9, "134")],
    ids=["too short", "into the next record", "absurd", "over the end of the file"],
)
def test_a_wrong_content_length_costs_one_record(tmp_path: Path, length: int, kept: str) -> None:
    data = page(1) + record("http://a.test/2", http(), length=length) + page(3, 3000) + page(4)
    outcomes = read(tmp_path / "a.warc", data)
    assert sum(f"a.warc@{len(page(1))} " in outcome for outcome in outcomes) == 1
    assert [f"http://a.test/{number}" for number in kept] == [outcome for outcome in outcomes if "@" not in outcome]


def test_truncation_is_never_silent(tmp_path: Path) -> None:
    members = [gzip.compress(page(number), mtime=0) for number in range(4)]
    plain = b"".join(page(number) for number in range(4))
    for cut in range(1, len(members[3]), 37):
        outcomes = read(tmp_path / "a.warc.gz", b"".join(members)[:-cut])
        assert outcomes.total() == 4
        assert sum("ends inside a gzip member" in outcome for outcome in outcomes) == 1
    for cut in (1, 2, 3):
        [*pages, last] = read(tmp_path / "a.warc", plain[:-cut]).elements()
        assert len(pages) == 4
        assert last == f"a.warc@{len(plain) - cut} the file ends inside the line ends that close its last record"
    for cut in range(5, len(page(3)), 37):
        outcomes = read(tmp_path / "a.warc", plain[:-cut])
        assert (outcomes.total(), sum("a.warc@" in outcome for outcome in outcomes)) == (4, 1)


@pytest.mark.parametrize("seed", range(40))
def test_one_flipped_byte_costs_one_record(tmp_path: Path, seed: int) -> None:
    data = bytearray(b"".join(gzip.compress(page(number), mtime=0) for number in range(50)))
    data[random.Random(seed).randrange(len(data))] ^= 1 << random.Random(seed).randrange(8)
    outcomes = read(tmp_path / "a.warc.gz", bytes(data))
    whole = {f"http://a.test/{number}" for number in range(50)} & set(outcomes)
    damaged = [outcome for outcome in outcomes if "a.warc.gz@" in outcome]
    # A flip in a gzip header's time or flags may be harmless.
    assert (len(whole), len(damaged)) in ((49, 1), (50, 0))


def test_bytes_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    def unread(name: str, data: bytes) -> list[int]:
        (tmp_path / name).write_bytes(data)
        with open(tmp_path / name, "rb") as stream:
            return [found.unread_bytes for found in records(stream, 1 << 20) if isinstance(found, Damage)]

    members = [gzip.compress(page(number), mtime=0) for number in range(4)]
    broken = members[1][:500] + bytes([members[1][500] ^ 255]) + members[1][501:]
    assert unread("a.warc.gz", members[0] + broken + members[2]) == [len(broken)]
    assert unread("a.warc.gz", members[0] + members[1][:-7]) == [len(members[1]) - 7]
    wrong = record("http://a.test/2", http(), length=30)
    assert unread("a.warc", page(1) + wrong + page(3)) == [len(wrong)]
    assert unread("a.warc", page(1) + b"noise\n" + page(3)) == [6]
    assert unread("a.warc", page(1) + page(2)) == []


def test_a_deleted_stretch_costs_what_it_touches(tmp_path: Path) -> None:
    data = b"".join(gzip.compress(page(number), mtime=0) for number in range(10))
    outcomes = read(tmp_path / "a.warc.gz", data[:3000] + data[6000:])
    assert sum("test/" in outcome and "@" not in outcome for outcome in outcomes) >= 6
    assert sum("@" in outcome for outcome in outcomes) >= 1


@pytest.mark.parametrize("unit_bytes", [700, 1500, 4000, 10**6])
def test_units_share_no_record_and_lose_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit_bytes: int) -> None:
    monkeypatch.setattr(record_source, "UNIT_BYTES", unit_bytes)
    data = bytearray(b"".join(gzip.compress(page(number), mtime=0) for number in range(30)))
    urls = Counter(f"http://a.test/{number}" for number in range(30))
    assert read(tmp_path / "a.warc.gz", bytes(data)) == urls
    data[5000] ^= 255
    outcomes = read(tmp_path / "a.warc.gz", bytes(data))
    assert (outcomes & urls).total() == 29
    assert outcomes.total() == 30


def test_one_gzip_member_around_all_records(tmp_path: Path) -> None:
    data = gzip.compress(b"".join(page(number) for number in range(5)))
    assert read(tmp_path / "a.warc.gz", data) == Counter(f"http://a.test/{number}" for number in range(5))


def test_members_that_cut_through_records(tmp_path: Path) -> None:
    whole = b"".join(page(number) for number in range(20))
    data = b"".join(gzip.compress(whole[at : at + 777]) for at in range(0, len(whole), 777))
    assert read(tmp_path / "a.warc.gz", data) == Counter(f"http://a.test/{number}" for number in range(20))


def test_zeros_between_members_are_padding(tmp_path: Path) -> None:
    data = gzip.compress(page(1)) + bytes(100_000) + gzip.compress(page(2)) + bytes(10)
    assert read(tmp_path / "a.warc.gz", data) == Counter(["http://a.test/1", "http://a.test/2"])


def test_no_warc_at_all(tmp_path: Path) -> None:
    assert read(tmp_path / "a.warc", b"") == Counter()
    assert read(tmp_path / "a.warc", b"filedesc://an.arc 0") == Counter(
        ["a.warc@0 no WARC record starts here, but b'filedesc://an.arc 0'"]
    )


def test_positions_name_member_and_offset(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    first = gzip.compress(page(1))
    path.write_bytes(first + gzip.compress(page(2) + page(3)))
    with path.open("rb") as stream:
        positions = [found.position for found in records(stream, 10**6) if not isinstance(found, Damage)]
    assert positions == ["0", str(len(first)), f"{len(first)}+{len(page(2))}"]


def test_odd_real_files(shared_data: Path, tmp_path: Path) -> None:
    outcomes = Counter[str]()
    with tarfile.open(shared_data / "crawl" / "odd_warcs.tar.gz") as archive:
        for member in archive.getmembers():
            stream = archive.extractfile(member)
            if stream and ".warc" in member.name:
                found = read(tmp_path / "odd", stream.read())
                outcomes.update(
                    "damaged" if name.startswith("odd@") else name.split(" ")[-1] if " " in name else "page"
                    for name in found.elements()
                )
    assert outcomes == {
        "page": 61, "not_a_response": 487, "not_http": 8, "not_html": 80, "http_status": 17, "damaged": 2,
    }  # fmt: skip


def test_real_crawl(shared_data: Path) -> None:
    source, path = WarcSource(), str(shared_data / "crawl" / "pages_2005.warc.gz")
    batches = [batch for unit in source.units(path, "hash") for batch in source.read(unit)]
    assert sum(len(batch.rows) for batch in batches) == 740
    assert sum(len(batch.dropped) for batch in batches) == 1
    assert sum(len(batch.quarantined) for batch in batches) == 0
