"""A columnar index and a CDX server give the same captures for the same wish."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.steps import Fault
from stages.l0_collect.readers import http_ranges
from stages.l0_collect.readers.captures import Wish, from_cdx, from_columns
from stages.l0_collect.readers.http_ranges import HttpClient
from tests.stages.l0_collect.readers.crawl import PLACES, build, serve_cdx, write_index
from tests.stages.l0_collect.readers.range_server import RangeServer, serving

HTML = ("text/html", "application/xhtml+xml")
URLS = [url for url, _, _ in PLACES]


class Crawl:
    def __init__(self, server: RangeServer, folder: Path) -> None:
        self.server, self.told = server, build(server)
        self.index = write_index(folder / "index.parquet", self.told)
        self.cdx = serve_cdx(server, self.told)

    def columns(self, **wish: tuple[str, ...]) -> list[str]:
        with open(self.index, "rb") as stream:
            return sorted(capture.url for capture in from_columns([("index", stream)], Wish(**wish)))

    def answers(self, **wish: tuple[str, ...]) -> list[str]:
        with HttpClient("test", 5) as client:
            return sorted(capture.url for capture in from_cdx(client, self.cdx, Wish(**wish)))


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawl]:
    with pytest.MonkeyPatch.context() as patch, serving() as server:
        patch.setattr(http_ranges, "FIRST_WAIT", 0.001)
        patch.setenv("no_proxy", "127.0.0.1")
        yield Crawl(server, tmp_path_factory.mktemp("index"))


@pytest.mark.parametrize(
    ("wish", "urls"),
    [
        ({"hosts": ("example.org",)}, [URLS[0], URLS[4], URLS[2], URLS[1], URLS[7]]),
        ({"hosts": ("www.example.org",)}, [URLS[1]]),
        ({"hosts": ("www2.example.org",)}, [URLS[7]]),
        ({"hosts": ("sub.example.org", "other.test")}, [URLS[8], URLS[6], URLS[2]]),
        ({"hosts": ("sub.example.org", "other.test"), "mime": HTML}, [URLS[8], URLS[2]]),
        ({"hosts": ("example.org",), "languages": ("deu",)}, [URLS[2]]),
        ({"prefixes": ("www.example.org/docs/", "example.organic/")}, [URLS[3], URLS[1]]),
        ({"prefixes": ("example.org/",), "hosts": ("other.test",), "mime": HTML}, [URLS[0], URLS[8]]),
        ({"hosts": ("nothing.test",)}, []),
    ],
)
def test_both_give_what_is_wished(crawl: Crawl, wish: dict[str, tuple[str, ...]], urls: list[str]) -> None:
    assert crawl.columns(**wish) == sorted(urls)
    assert crawl.answers(**wish) == sorted(urls)


SOME = st.lists(st.sampled_from(["example.org", "www.example.org", "sub.example.org", "org", "other.test"]), max_size=2)
PATHS = st.lists(st.sampled_from(["example.org/", "other.test/docs/", "www.example.org/d", "sub.example.org/docs/b"]))


@settings(max_examples=20, deadline=None)
@given(SOME, PATHS, st.sets(st.sampled_from(["eng", "deu", "fra"])), st.sampled_from([(), HTML, ("application/pdf",)]))
def test_statistics_and_servers_leave_nothing_out(
    crawl: Crawl, hosts: list[str], prefixes: list[str], languages: set[str], mime: tuple[str, ...]
) -> None:
    wish = Wish(tuple(hosts), tuple(prefixes), tuple(sorted(languages)), mime)
    plain = [
        row["url"]
        for row in crawl.told
        if wish.takes(row["url"], "200", row["content_mime_detected"], row["content_languages"])
    ]
    parts = {"hosts": wish.hosts, "prefixes": wish.prefixes, "languages": wish.languages, "mime": mime}
    assert crawl.columns(**parts) == sorted(plain)
    if hosts or prefixes:
        assert crawl.answers(**parts) == sorted(plain)


def test_only_row_groups_that_may_fit_are_read(crawl: Crawl) -> None:
    """The index of a crawl has 300 GB; a host's rows lie in a few row groups of it."""

    class Counted:
        def __init__(self, stream: Any) -> None:
            self.stream, self.bytes, self.closed = stream, 0, False

        def __getattr__(self, name: str) -> Any:
            return getattr(self.stream, name)

        def read(self, size: int = -1) -> bytes:
            found = bytes(self.stream.read(size))
            self.bytes += len(found)
            return found

    def cost(wish: Wish) -> int:
        with open(crawl.index, "rb") as stream:
            counted = Counted(stream)
            from_columns([("index", counted)], wish)  # type: ignore[list-item]
            return counted.bytes

    assert cost(Wish(hosts=("other.test",))) < cost(Wish())


def test_status_and_digest_come_from_the_index(tmp_path: Path, crawl: Crawl) -> None:
    told = [row | {"fetch_status": 200 if number else 301} for number, row in enumerate(crawl.told[:2])]
    with open(write_index(tmp_path / "i.parquet", told), "rb") as stream:
        [capture] = from_columns([("i", stream)], Wish())
    assert (capture.url, capture.digest, capture.offset) == (
        URLS[1], told[1]["content_digest"], told[1]["warc_record_offset"],
    )  # fmt: skip


def test_a_parquet_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": ["u"], "text": ["x"]}), tmp_path / "a.parquet")
    with open(tmp_path / "a.parquet", "rb") as stream, pytest.raises(ValueError) as caught:  # noqa: PT011
        from_columns([("a.parquet", stream)], Wish(hosts=("x",), languages=("eng",)))
    assert str(caught.value) == (
        "a.parquet is no columnar index of Common Crawl: it has no column warc_filename, warc_record_offset, "
        "warc_record_length, fetch_status, content_languages, url_host_name"
    )


def test_a_cdx_server_needs_a_place(crawl: Crawl) -> None:
    with pytest.raises(ValueError, match="hosts and prefixes only; set `hosts` or `prefixes`, or use `index`"):
        crawl.answers(languages=("eng",))


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"<html>", "is asked how many pages .* is it a CDX server"), (b"null", "how many"), (b"1", "no capture: b'1'")],
)
def test_an_answer_that_is_no_cdx_is_a_fault(crawl: Crawl, answer: bytes, said: str) -> None:
    crawl.server.queries["/odd"] = lambda _: (200, answer)
    with HttpClient("test", 5) as client, pytest.raises(Fault, match=said):
        from_cdx(client, f"{crawl.server.url}/odd", Wish(hosts=("example.org",)))


def test_a_busy_cdx_server_is_asked_again(crawl: Crawl) -> None:
    crawl.server.troubles = ["503", "cut", "429"]
    assert crawl.answers(hosts=("sub.example.org",)) == [URLS[2]]
