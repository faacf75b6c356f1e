"""Pages by byte ranges: each capture is a row, a drop or a quarantine entry; faults of the network end the run."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.steps import Fault, SourceBatch
from stages.l0_collect.readers import common_crawl, http_ranges
from stages.l0_collect.readers.captures import Capture
from stages.l0_collect.readers.common_crawl import CommonCrawlSource, _spans
from tests.stages.l0_collect.readers.crawl import FILES, PLACES, build, member, page, serve_cdx, sha1, write_index
from tests.stages.l0_collect.readers.range_server import RangeServer, serving

HTML = [url for url, _, mime in PLACES if mime != "application/pdf"]


class Crawl:
    def __init__(self, server: RangeServer, folder: Path) -> None:
        self.server, self.told, self.folder = server, build(server), folder

    def source(self, **parameters: Any) -> CommonCrawlSource:
        index = {} if "cdx" in parameters else {"index": str(write_index(self.folder / "index.parquet", self.told))}
        return CommonCrawlSource(**index | {"base": f"{self.server.url}/"} | parameters)

    def read(self, **parameters: Any) -> list[SourceBatch]:
        return read(self.source(**parameters))

    def row(self, url: str) -> dict[str, Any]:
        return next(row for row in self.told if row["url"] == url)


def read(source: CommonCrawlSource) -> list[SourceBatch]:
    [path] = source.inputs() or ()
    return [batch for unit in source.units(path, source.identify(path) or "") for batch in source.read(unit)]


def urls(batches: list[SourceBatch]) -> list[str]:
    return [row["url"] for batch in batches for row in batch.rows.to_pylist()]


def errors(batches: list[SourceBatch]) -> dict[str, str]:
    return {url: error for batch in batches for _, url, error in batch.quarantined}


@pytest.fixture
def crawl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crawl]:
    monkeypatch.setattr(http_ranges, "FIRST_WAIT", 0.001)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as server:
        yield Crawl(server, tmp_path)


def test_the_pages_come_as_from_a_warc_file(crawl: Crawl) -> None:
    [batch] = crawl.read(source="cc", hosts=["sub.example.org"])
    [row] = batch.rows.to_pylist()
    url = "https://sub.example.org/docs/b"
    assert row == {
        "html": page(url), "url": url, "source": "cc", "date": "2026-01-02T03:04:05Z", "http_status": 200,
        "source_id": row["source_id"], "content_type": "text/html", "warc_truncated": None,
        "warc_digest": None,
    }  # fmt: skip
    assert row["source_id"]


def test_neighbours_are_fetched_together_and_nothing_else_is(crawl: Crawl, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(urls(crawl.read())) == sorted(HTML)
    ranges = [asked for asked in crawl.server.asked if "bytes" in asked]
    assert sorted(asked.partition(" ")[0] for asked in ranges) == [f"/{name}" for name in FILES]
    crawl.server.asked.clear()
    monkeypatch.setattr(common_crawl, "GAP", -1)
    assert sorted(urls(crawl.read())) == sorted(HTML)
    told = sorted((row["warc_filename"], row["warc_record_offset"], row["warc_record_length"]) for row in crawl.told)
    wanted = {f"/{name} bytes={start}-{start + length - 1}" for name, start, length in told}
    assert len(crawl.server.asked) == len(HTML)
    assert wanted >= set(crawl.server.asked)


def test_the_index_may_lie_on_the_server_too(crawl: Crawl) -> None:
    crawl.server.files["/index.parquet"] = write_index(crawl.folder / "i", crawl.told).read_bytes()
    assert sorted(urls(crawl.read(index=[f"{crawl.server.url}/index.parquet"]))) == sorted(HTML)
    with pytest.raises(ValueError, match=r"index http.*gone: the server answers 404.*; name a file of the index"):
        crawl.read(index=f"{crawl.server.url}/gone")


def test_an_index_and_a_cdx_server_lead_to_one_identity(crawl: Crawl) -> None:
    by_index = crawl.source(hosts=["example.org"], parallel=1)
    by_cdx = crawl.source(hosts=["example.org"], cdx=serve_cdx(crawl.server, crawl.told))
    assert by_index.identify("") == by_cdx.identify("")
    assert by_index.identity() == by_cdx.identity()
    assert urls(read(by_index)) == urls(read(by_cdx))
    assert crawl.source(hosts=["example.org"], limit=1).identify("") != by_index.identify("")
    assert crawl.source(verify_digests=False).identity() != by_index.identity()


def test_the_same_capture_twice_in_the_index_is_one(crawl: Crawl) -> None:
    crawl.told += crawl.told
    assert sorted(urls(crawl.read())) == sorted(HTML)


def test_a_limit_takes_the_first_in_order(crawl: Crawl) -> None:
    assert urls(crawl.read(limit=3)) == urls(crawl.read())[:3]


def test_units_are_bounded_by_count_and_bytes(crawl: Crawl, monkeypatch: pytest.MonkeyPatch) -> None:
    source = crawl.source()

    def spans() -> list[tuple[int, int | None]]:
        units = source.units("", "")
        assert all(len(unit.parts) == (unit.stop or 0) - unit.start for unit in units)
        return [(unit.start, unit.stop) for unit in units]

    assert spans() == [(0, 8)]
    monkeypatch.setattr(common_crawl, "UNIT_CAPTURES", 3)
    assert spans() == [(0, 3), (3, 6), (6, 8)]
    monkeypatch.setattr(common_crawl, "UNIT_BYTES", 1)
    assert spans() == [(place, place + 1) for place in range(8)]


CAPTURES = st.builds(
    Capture, st.sampled_from(["a", "b"]), st.integers(0, 60), st.integers(1, 20), st.just(""), st.just("")
)


@settings(max_examples=200, deadline=None)
@given(st.lists(CAPTURES, max_size=8), st.integers(-1, 20), st.integers(1, 40))
def test_spans_hold_each_capture_once_and_whole(captures: list[Capture], gap: int, most: int) -> None:
    captures = sorted(captures)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common_crawl, "GAP", gap)
        patch.setattr(common_crawl, "SPAN_BYTES", most)
        spans = list(_spans(captures))
    assert [capture for span in spans for capture in span.captures] == captures
    for span in spans:
        assert {capture.filename for capture in span.captures} == {span.filename}
        assert all(span.start <= one.offset and one.offset + one.length <= span.stop for one in span.captures)
        assert len(span.captures) == 1 or span.stop - span.start <= max(most, max(one.length for one in span.captures))


def spoil(crawl: Crawl, url: str, what: str) -> None:
    """Make the index, or the file, wrong in one place."""
    row = crawl.row(url)
    place = f"/{row['warc_filename']}"
    data = bytearray(crawl.server.files[place])
    start, length = row["warc_record_offset"], row["warc_record_length"]
    if what == "file gone":
        row["warc_filename"] += ".gone"
    elif what == "behind the end":
        row["warc_record_offset"] = len(data) + 100_000
    elif what == "over the end":
        row["warc_record_offset"] = len(data) - 10
    elif what == "one byte":
        data[start + length // 2] ^= 0xFF
    elif what == "too short":
        row["warc_record_length"] -= 5
    elif what == "no gzip":
        data[start : start + length] = b"x" * length
    elif what == "two records":
        row["warc_record_length"] += next(
            one["warc_record_length"] for one in crawl.told if one["warc_record_offset"] == start + length
        )
    elif what == "another record":
        other = next(one for one in crawl.told if one is not row and one["warc_filename"] == row["warc_filename"])
        row["warc_record_offset"], row["warc_record_length"] = other["warc_record_offset"], other["warc_record_length"]
    elif what == "another URL":
        row |= {"content_digest": "", "url": f"{url}other"}
    elif what == "nothing":
        data[start : start + length] = gzip.compress(b"") + b"\0" * (length - len(gzip.compress(b"")))
    crawl.server.files[place] = bytes(data)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("file gone", "the server answers 404"),
        ("behind the end", "the server answers 416"),
        ("over the end", "the file ends after 10 of"),
        ("one byte", ""),
        ("too short", "the file ends inside a gzip member"),
        ("no gzip", "no WARC record starts here"),
        ("two records", "the range holds more than one record"),
        ("another record", "another record than the index says: the payload's digest differs"),
        ("another URL", "another record than the index says: the URL differs"),
        ("nothing", "the range holds no record"),
    ],
)
def test_what_is_wrong_with_a_capture_costs_that_capture(crawl: Crawl, what: str, said: str) -> None:
    url = HTML[1]
    spoil(crawl, url, what)
    name = f"{url}other" if what == "another URL" else url
    batches = crawl.read()
    assert sorted(urls(batches)) == sorted(set(HTML) - {url})
    assert list(errors(batches)) == [name]
    assert said in errors(batches)[name]
    [(position, _, _)] = [entry for batch in batches for entry in batch.quarantined]
    row = crawl.row(name)
    assert position == f"{row['warc_filename'].rpartition('/')[2]}@{row['warc_record_offset']}"
    assert sum(batch.unread_bytes for batch in batches) == row["warc_record_length"]


def test_a_record_that_is_no_page_is_dropped_by_the_rules_of_warc(crawl: Crawl) -> None:
    row = crawl.row(HTML[0])
    place, start, length = f"/{row['warc_filename']}", row["warc_record_offset"], row["warc_record_length"]
    record = member(HTML[0], kind="request")
    data = crawl.server.files[place]
    crawl.server.files[place] = data + record
    row |= {"warc_record_offset": len(data), "warc_record_length": len(record)}
    assert start + length <= len(data)
    batches = crawl.read()
    assert [entry for batch in batches for entry in batch.dropped] == [
        (f"CC-1.warc.gz@{len(data)}", HTML[0], "not_a_response")
    ]


def test_a_record_that_is_too_large_is_not_fetched(crawl: Crawl, monkeypatch: pytest.MonkeyPatch) -> None:
    large = max(row["warc_record_length"] for row in crawl.told)
    monkeypatch.setattr(common_crawl, "MAXIMUM_BODY", large - 1)
    monkeypatch.setattr(common_crawl, "GAP", -1)
    batches = crawl.read()
    dropped = [entry for batch in batches for entry in batch.dropped]
    assert [(url, reason, reason.value, reason.threshold) for _, url, reason in dropped] == [
        (row["url"], "too_large", large, large - 1)
        for row in sorted(crawl.told, key=lambda row: (row["warc_filename"], row["warc_record_offset"]))
        if row["warc_record_length"] == large and row["url"] in HTML
    ]
    assert len(crawl.server.asked) == len(urls(batches)) == len(HTML) - len(dropped)


@pytest.mark.parametrize("trouble", ["503", "429", "cut", "hang up"])
def test_trouble_that_passes_changes_nothing(crawl: Crawl, trouble: str) -> None:
    plain = urls(crawl.read())
    crawl.server.troubles = [trouble] * 5
    assert urls(crawl.read()) == plain


@pytest.mark.parametrize("trouble", ["503", "cut", "whole", "403"])
def test_a_fault_of_the_server_is_no_row_s(crawl: Crawl, trouble: str) -> None:
    crawl.server.always = trouble
    with pytest.raises(Fault):
        crawl.read()


def test_the_order_of_the_rows_is_that_of_the_captures_however_many_are_fetched_at_once(
    crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common_crawl, "GAP", -1)
    assert urls(crawl.read(parallel=1)) == urls(crawl.read(parallel=8)) == urls(crawl.read(parallel=3))


def test_nothing_found_is_said(crawl: Crawl) -> None:
    with pytest.raises(ValueError, match=r"no page of .*index\.parquet fits hosts, prefixes, languages and mime"):
        crawl.source(hosts=["nothing.test"]).units("", "")
    with pytest.raises(ValueError, match=r"no page of http.*cdx fits"):
        crawl.source(hosts=["nothing.test"], cdx=serve_cdx(crawl.server, crawl.told)).units("", "")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "needs one of `index`"),
        ({"index": "a", "cdx": "b"}, "needs one of `index`"),
        ({"index": "a", "paths": ["b"]}, "give the index as `index` or `cdx`, not as `paths`"),
        ({"index": "a", "hosts": ["a.org/b"]}, "'a.org/b' is no name of a host"),
        ({"index": "a", "prefixes": ["https://a.org"]}, "'a.org' has no path"),
        ({"index": "a", "languages": ["en"]}, "'en' is no language of Common Crawl"),
        ({"index": "a", "base": "s3://commoncrawl"}, "should match pattern"),
        ({"index": "a", "limit": 0}, "greater than or equal to 1"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        CommonCrawlSource(**parameters)


def test_places_are_taken_with_and_without_scheme() -> None:
    source = CommonCrawlSource(index="a", hosts=["https://Example.org"], prefixes=["HTTP://Example.org/Docs/"])
    assert (source.index, source.hosts, source.prefixes) == (("a",), ("example.org",), ("example.org/Docs/",))


def test_extras_follow_from_where_the_index_lies() -> None:
    assert CommonCrawlSource(index="a").extras() == ("common-crawl",)
    assert CommonCrawlSource(index="s3://commoncrawl/x.parquet").extras() == ("common-crawl", "s3")


def test_digest_of_the_test_is_that_of_common_crawl() -> None:
    assert sha1(b"") == "3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"
