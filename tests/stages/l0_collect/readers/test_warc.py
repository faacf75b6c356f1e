"""WARC in: every record comes out as a row, a drop or a quarantine entry, and damage costs only what it hits."""

import base64
import gzip
import hashlib
import importlib.metadata
import io
import tarfile
import zlib
from collections import Counter
from contextlib import suppress
from pathlib import Path

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.readers import http_body, record_source
from stages.l0_collect.readers.warc import WarcSource
from tests.stages.l0_collect.readers.pdfs import make_pdf
from tests.stages.l0_collect.readers.warc_files import (
    HTML,
    PACKINGS,
    arc_record,
    body_of,
    http,
    outcome,
    page,
    read,
    record,
)


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


@pytest.mark.parametrize(
    "content_type", ["application/pdf", "application/octet-stream", "text/html", "Application/X-PDF"]
)
def test_pdf_documents_come_along_where_the_recipe_says_so(tmp_path: Path, content_type: str) -> None:
    paper = make_pdf([["The ferry crosses the bay."]])
    data = record("http://a.test/1", http(paper, f"Content-Type: {content_type}"))
    assert outcome(tmp_path, data, WarcSource(pdf=True)) == paper
    assert outcome(tmp_path, data) == "not_html"
    other = record("http://a.test/1", http(HTML, "Content-Type: application/pdf"))
    assert outcome(tmp_path, other, WarcSource(pdf=True)) == "not_html"


def test_only_who_reads_pdf_needs_its_library() -> None:
    assert "pdf" in WarcSource(pdf=True).extras()
    assert WarcSource(pdf=True).assets() == {"pypdfium2": importlib.metadata.version("pypdfium2")}
    assert "pdf" not in WarcSource().extras()
    assert WarcSource().assets() == {}


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
ZIPPED = gzip.compress(HTML, mtime=0)  # the same bytes in each worker, since they are part of test names


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (CHUNKED, b"10\r\n" + HTML[:16] + b"\r\ne;x=y\r\n" + HTML[16:] + b"\r\n0\r\n\r\n"),
        (CHUNKED, HTML),
        (GZIP, ZIPPED),
        (GZIP, HTML),
        (DEFLATE, zlib.compress(HTML)),
        (DEFLATE, zlib.compress(HTML, wbits=-15)),
        (CHUNKED + "\r\nContent-Encoding: x-gzip", b"%x\r\n%b\r\n0\r\n\r\n" % (len(ZIPPED), ZIPPED)),
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


def test_no_warc_at_all(tmp_path: Path) -> None:
    assert read(tmp_path / "a.warc", b"") == Counter()
    assert read(tmp_path / "a.warc", b"filedesc://an.arc 0") == Counter(
        ["a.warc@0 no WARC record starts here, but b'filedesc://an.arc 0'"]
    )


DIFFER = {
    # file → (records that ours gives, warcio, fastwarc, why)
    "bad.arc": (4, 4, 0, "two lengths of -1 and one that is a word: quarantined, each with its place"),
    "example-bad-non-chunked.warc.gz": (6, 1, 6, "one member around all records, at which warcio stops"),
    "example-bad.warc.gz.bad": (6, 1, 6, "as above"),
    "example-trunc.warc": (4, 4, 3, "a block shorter than its length: its digest is wrong"),
    "example-wrong-chunks.warc.gz": (2, 1, 2, "one member that goes on behind its record, at which warcio stops"),
    "IAH-20080430204825-00000-blackbook-truncated.arc": (9, 1, 0, "no line end between records, which warcio wants"),
}
ARC = ("example.arc", "example.arc.gz", "example-space-in-url.arc")


def test_every_record_of_odd_real_files_has_an_outcome(shared_data: Path, tmp_path: Path) -> None:
    outcomes, differ, files = Counter[str](), {}, 0
    with tarfile.open(shared_data / "crawl" / "odd_warcs.tar.gz") as archive:
        for member in archive.getmembers():
            stream = archive.extractfile(member)
            if stream is None:
                continue
            data, name = stream.read(), member.name.rpartition("/")[2]
            found = read(tmp_path / "odd", data)
            files += 1
            counts = (found.total(), records_of_warcio(data), records_of_fastwarc(data))
            if len(set(counts)) > 1 and not (name in ARC or ".arc.gz" in name):  # fastwarc reads no ARC
                differ[name] = counts
            outcomes.update(
                "damaged" if name.startswith("odd@") else name.split(" ")[-1] if " " in name else "page"
                for name in found.elements()
            )
    assert files == 38
    assert differ == {name: counts[:3] for name, counts in DIFFER.items()}
    assert outcomes == {
        "page": 68, "not_a_response": 432, "revisit": 59, "not_http": 10, "not_html": 90, "http_status": 17,
        "damaged": 7,
    }  # fmt: skip


def records_of_warcio(data: bytes) -> int:
    from warcio.archiveiterator import ArchiveIterator

    count = 0
    with suppress(Exception):  # it stops there
        for one in ArchiveIterator(io.BytesIO(data)):
            one.raw_stream.read()
            count += 1
    return count


def records_of_fastwarc(data: bytes) -> int:
    from fastwarc.warc import ArchiveIterator

    count = 0
    with suppress(Exception):  # it stops there
        for _ in ArchiveIterator(io.BytesIO(data), parse_http=False):
            count += 1
    return count


def test_real_crawl(shared_data: Path) -> None:
    source, path = WarcSource(), str(shared_data / "crawl" / "pages_2005.warc.gz")
    batches = [batch for unit in source.units(path, "hash") for batch in source.read(unit)]
    assert sum(len(batch.rows) for batch in batches) == 740
    assert sum(len(batch.dropped) for batch in batches) == 1
    assert sum(len(batch.quarantined) for batch in batches) == 0


def test_arc_records_are_read_by_the_same_source(tmp_path: Path) -> None:
    header = b"1 0 Crawler\nURL IP-address Archive-date Content-type Archive-length\n"
    second = b"http://a.test/4 192.0.2.1 20240518000000 text/html 200 X - 0 a.arc %d\n" % len(http()) + http() + b"\n"
    data = b"".join([
        arc_record("filedesc://a.arc", header, "text/plain"),
        arc_record("http://a.test/1 2", http()),
        arc_record("dns:a.test", b"20240518000000\na.test. 60 IN A 192.0.2.1", "text/dns"),
        arc_record("http://a.test/3", http(b"%PDF-1.7", "Content-Type: application/pdf"), "application/pdf"),
        second,
    ])  # fmt: skip
    assert read(tmp_path / "a.arc", data) == Counter([
        "filedesc://a.arc not_a_response", "http://a.test/1 2", "dns:a.test not_http", "http://a.test/3 not_html",
        "http://a.test/4",
    ])  # fmt: skip
    [unit] = WarcSource().units(str(tmp_path / "a.arc"), "hash")
    [batch] = WarcSource().read(unit)
    assert batch.rows.column("date").to_pylist() == ["2024-05-18T00:00:00Z"] * 2
    assert batch.rows.column("source_id").to_pylist() == [None, None]


def test_a_page_that_a_browser_saved_is_a_page(tmp_path: Path) -> None:
    saved = record("http://a.test/1", HTML, "resource").replace(b"application/http; msgtype=response", b"text/html")
    assert outcome(tmp_path, saved) == HTML
    assert outcome(tmp_path, saved.replace(b"http://a.test/1", b"urn:thumbnail:1")) == "not_a_response"
    assert outcome(tmp_path, saved.replace(b"text/html", b"image/png")) == "not_html"


@pytest.mark.parametrize("kind", ["request", "metadata", "warcinfo", "conversion", "continuation", "other"])
def test_other_kinds_of_records_are_no_responses(tmp_path: Path, kind: str) -> None:
    assert outcome(tmp_path, record("http://a.test/", http(), kind)) == "not_a_response"


def test_a_revisit_is_no_page(tmp_path: Path) -> None:
    assert outcome(tmp_path, record("http://a.test/", http(b""), "revisit")) == "revisit"


@pytest.mark.parametrize(
    "status",
    ["HTTP/1.1 200 OK", "HTTP/1.0 200", "HTTP/2 200", "http/1.1 200 ok", "HTTP/1.1  200 OK",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"],
)  # fmt: skip
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_status_lines_and_line_ends_of_every_age(tmp_path: Path, status: str, line_end: bytes) -> None:
    response = http().replace(b"HTTP/1.1 200 OK", status.encode()).replace(b"\r\n", line_end)
    assert body_of(tmp_path, response) == HTML


def test_what_is_no_response_is_quarantined(tmp_path: Path) -> None:
    problem = "no HTTP status line stands where the response begins, but "
    assert body_of(tmp_path, HTML) == problem + "b'<html><body>page</bo'"
    assert body_of(tmp_path, b"") == problem + "b''"
    assert body_of(tmp_path, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n") == "empty_body"


def test_a_header_may_go_on_in_the_next_line_and_come_twice(tmp_path: Path) -> None:
    headers = "Content-Type: text/html;\r\n charset=utf-8\r\nContent-Encoding: gzip\r\ncontent-encoding: br"
    path = tmp_path / "a.warc"
    path.write_bytes(record("http://a.test/", http(brotli.compress(gzip.compress(HTML)), headers)))
    [unit] = WarcSource().units(str(path), "hash")
    [batch] = WarcSource().read(unit)
    assert batch.rows.column("html").to_pylist() == [HTML]
    assert batch.rows.column("content_type").to_pylist() == ["text/html; charset=utf-8"]


def test_a_body_shorter_than_announced_is_marked(tmp_path: Path) -> None:
    def mark(headers: str, extra: str = "") -> str | None:
        path = tmp_path / "a.warc"
        path.write_bytes(record("http://a.test/", http(HTML, "Content-Type: text/html\r\n" + headers), extra=extra))
        [batch] = [batch for unit in WarcSource().units(str(path), "hash") for batch in WarcSource().read(unit)]
        [told] = batch.rows.column("warc_truncated").to_pylist()
        return told

    assert mark(f"Content-Length: {len(HTML)}") is None
    assert mark(f"Content-Length: {len(HTML) + 1}") == "unspecified"
    assert mark("Content-Length: 9999", "WARC-Truncated: length\r\n") == "length"
    assert mark("Content-Length: 9999\r\nContent-Encoding: gzip") is None, "it was another body that had so many"
    assert mark("Content-Length: many") is None


def test_a_digest_that_cannot_be_checked_is_counted_and_its_page_kept(tmp_path: Path) -> None:
    response = http()
    right = base64.b32encode(hashlib.sha1(response).digest()).decode()
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(
        record(f"http://a.test/{number}", response, extra=f"WARC-Block-Digest: {digest}\r\n")
        for number, digest in enumerate([f"sha1:{right}", "blake3:" + "ab" * 32])
    ))  # fmt: skip
    [unit] = WarcSource().units(str(path), "hash")
    [batch] = WarcSource().read(unit)
    assert batch.rows.column("warc_digest").to_pylist() == [None, "unverified"]


def styled(name: str, style: str) -> str:
    return {"lower": name.lower(), "upper": name.upper()}.get(style, name)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_headers_in_any_spelling_say_the_same(tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject) -> None:
    style, blank = draw.draw(st.sampled_from(["lower", "upper", ""])), draw.draw(st.sampled_from([" ", "", "\t", "  "]))
    line_end = draw.draw(st.sampled_from(["\r\n", "\n"]))
    url = draw.draw(st.sampled_from(["http://a.test/1", "<http://a.test/1>"]))
    version = draw.draw(st.sampled_from(["WARC/1.0", "WARC/1.1", "WARC/0.18", "warc/1.0"]))
    response = http().replace(b"\r\n", line_end.encode())
    fields = [
        ("WARC-Type", draw.draw(st.sampled_from(["response", "Response"]))), ("WARC-Target-URI", url),
        ("Content-Length", str(len(response))),
    ]  # fmt: skip
    if draw.draw(st.booleans()):
        fields.append(("Content-Type", draw.draw(st.sampled_from(
            ["application/http; msgtype=response", "application/http;msgtype=response", "Application/HTTP"]
        ))))  # fmt: skip
    fields += draw.draw(st.lists(st.sampled_from([("X-Other", "a"), ("X-Folded", f"a{line_end} b"), ("no colon", "")])))
    lines = [version] + [f"{styled(name, style)}:{blank}{value}" for name, value in draw.draw(st.permutations(fields))]
    data = line_end.join([*lines, "", ""]).encode() + response
    after = draw.draw(st.sampled_from(["", line_end, 2 * line_end, 4 * line_end]))
    pack = PACKINGS[draw.draw(st.sampled_from(["plain", "gzip", "zstd"]))]
    found = read(tmp_path_factory.getbasetemp() / "spelled.warc", pack([data + after.encode()] * 3))
    assert found == Counter({"http://a.test/1": 3})


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_records_may_lie_in_members_as_they_like(tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject) -> None:
    parts = [page(number, 30 * number) for number in range(9)]
    ends = [*sorted(draw.draw(st.sets(st.integers(1, 8)))), 9]
    joined = [b"".join(parts[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    pack = PACKINGS[draw.draw(st.sampled_from(sorted(PACKINGS)))]
    padding = bytes(draw.draw(st.sampled_from([0, 1, 100, 5000])))
    path = tmp_path_factory.getbasetemp() / "members.warc"
    assert read(path, pack(joined) + padding) == Counter(f"http://a.test/{number}" for number in range(9))
