"""A second crawl asks only for what changed, and is read together with the first."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import fastwarc
import pytest
import warcio.archiveiterator

from pipeline.store.store import open_store
from stages.l0_collect.crawl.crawl import crawl
from stages.l0_collect.crawl.journal import sealed_lots
from stages.l0_collect.crawl.settings import CrawlSettings
from stages.l0_collect.crawl.source import CrawlSource
from tests.loopback import Quiet, serving

PAGES = ("tagged", "dated", "bare", "changed", "gone", "reserved", "broken", "long")
FIRST, SECOND = 1, 2


class Server:
    """`round` says which crawl asks: what the pages then are."""

    def __init__(self) -> None:
        self.round = FIRST
        self.asked: list[tuple[int, str, str, str]] = []
        outer = self

        class Site(Quiet):
            def do_GET(self) -> None:
                outer.respond(self)

        self.site = Site
        self.home = ""

    def respond(self, site: Quiet) -> None:
        path, known, since = site.path[1:], site.headers["If-None-Match"] or "", site.headers["If-Modified-Since"] or ""
        self.asked.append((self.round, path, known, since))
        status, headers, body = 200, {"Content-Type": "text/html"}, f"<!doctype html><p>This is the page {path}.</p>"
        if path == "":
            body = "<!doctype html>" + "".join(f'<a href="/{page}">x</a>' for page in PAGES)
        elif path not in PAGES:
            status = 404
        elif path in ("tagged", "reserved"):
            headers["ETag"] = '"1"'
            status = 304 if known == '"1"' else 200
        elif path == "dated":
            headers["Last-Modified"] = "Thu, 26 Nov 2026 10:00:00 GMT"
            status = 304 if since else 200
        elif path == "changed":
            headers["ETag"] = f'"{self.round}"'
            body += f"<p>{self.round}</p>"
        elif path == "long":
            body += f"{'<p>and on</p>' * 40}{self.round}"
        if self.round != FIRST:
            status = 410 if path == "gone" else 500 if path == "broken" and self.round == SECOND else status
            headers |= {"X-Robots-Tag": "noai"} if path == "reserved" else {}
        site.send_response(status)
        for name, value in headers.items():
            site.send_header(name, value)
        data = b"" if status == 304 else body.encode()
        site.send_header("Content-Length", str(len(data)))
        site.end_headers()
        site.wfile.write(data)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("stages.l0_collect.crawl.engine.TRIES", 1)
    monkeypatch.setattr("stages.l0_collect.crawl.fetch.MAXIMUM_BODY", 400)
    made = Server()
    with serving(made.site) as port:
        made.home = f"http://127.0.0.1:{port}/"
        yield made


def outcomes(folder: Path, server: Server, *earlier: Path, seeds: bool = True) -> dict[str, str]:
    settings = CrawlSettings(
        folder=str(folder), earlier=tuple(map(str, earlier)), seeds=(server.home,) if seeds else (), delay=0.0,
        slowness=0.0, user_agent="testbot/1.0 (+https://example.org/bot)", allow_networks=("127.0.0.0/8",),
    )  # fmt: skip
    crawl(settings, open_store(str(folder)))
    visits = [visit for lot in sealed_lots(open_store(str(folder))) for visit in lot.visits]
    return {visit.url.removeprefix(server.home): visit.outcome for visit in visits}


def read(folder: Path, *earlier: Path) -> tuple[Counter[str], Counter[str]]:
    """What L0 reads of the last crawl with the earlier ones: text → rows, rule → drops."""
    source = CrawlSource(folder=str(folder), earlier=tuple(map(str, earlier)))
    batches = [
        batch for path in source.inputs() or [] for unit in source.units(path, "") for batch in source.read(unit)
    ]
    texts = Counter(html.decode() for batch in batches for html in batch.rows.column("html").to_pylist())
    return texts, Counter(rule for batch in batches for _, _, rule in batch.dropped if rule != "not_a_response")


def test_a_second_crawl_keeps_what_changed_and_marks_what_did_not(server: Server, tmp_path: Path):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    assert set(outcomes(first, server).values()) == {"fetched"}
    server.round = SECOND
    assert outcomes(second, server, first) == {
        "": "unchanged", "tagged": "unchanged", "dated": "unchanged", "bare": "unchanged", "changed": "fetched",
        "gone": "http_status", "reserved": "opt_out_noai", "broken": "http_status",
        "long": "fetched",  # the same as far as it was read, and nobody knows the rest
    }  # fmt: skip
    asked = {path: (known, since) for when, path, known, since in server.asked if when == SECOND}
    assert asked["tagged"] == ('"1"', "")
    assert asked["dated"] == ("", "Thu, 26 Nov 2026 10:00:00 GMT")
    assert asked["bare"] == asked["robots.txt"] == ("", "")

    texts, dropped = read(second, first)
    assert max(texts.values()) == 1
    # Of a server's fault nobody knows what the page is today: the earlier copy stays.
    kept = {page for page in PAGES if any(f"page {page}." in text for text in texts)}
    assert kept == {"tagged", "dated", "bare", "changed", "broken", "long"}
    assert any("<p>2</p>" in text for text in texts)
    assert not any("<p>1</p>" in text for text in texts)
    assert dropped == {"revisit": 4, "replaced": 4}
    assert (
        CrawlSource(folder=str(second), earlier=(str(first),)).identity() != CrawlSource(folder=str(second)).identity()
    )

    # A third crawl begins with the pages of the earlier ones, and knows them from either.
    server.round = 3
    again = outcomes(third, server, first, second, seeds=False)
    assert again == {
        "": "unchanged", "tagged": "unchanged", "dated": "unchanged", "bare": "unchanged", "changed": "fetched",
        "broken": "unchanged", "gone": "http_status", "reserved": "opt_out_noai",
        "long": "fetched",
    }  # fmt: skip
    assert len(read(third, first, second)[0]) == len(texts)


def test_an_earlier_crawl_that_is_not_there_is_refused(server: Server, tmp_path: Path):
    with pytest.raises(ValueError, match=r"`earlier` names .*nothing', which holds no sealed lot"):
        outcomes(tmp_path / "second", server, tmp_path / "nothing")


def test_revisits_are_read_back_by_other_readers(server: Server, tmp_path: Path):
    outcomes(tmp_path / "first", server)
    outcomes(tmp_path / "second", server, tmp_path / "first")
    dates = {}
    for name in ("first", "second"):
        (lot,) = (tmp_path / name / "lots").glob("*.warc.gz")
        with lot.open("rb") as stream:
            for record in warcio.archiveiterator.ArchiveIterator(stream):
                head = record.rec_headers
                url = head.get_header("WARC-Target-URI", "").removeprefix(server.home)
                if name == "first" and record.rec_type == "response":
                    dates[url] = head.get_header("WARC-Date"), head.get_header("WARC-Payload-Digest")
                if record.rec_type == "revisit":
                    kind = (
                        "server-not-modified" if url in ("tagged", "reserved", "dated") else "identical-payload-digest"
                    )
                    assert head.get_header("WARC-Profile") == f"http://netpreserve.org/warc/1.1/revisit/{kind}"
                    assert head.get_header("WARC-Refers-To-Target-URI") == server.home + url
                    assert (head.get_header("WARC-Refers-To-Date"), head.get_header("WARC-Payload-Digest")) == dates[
                        url
                    ]
                    assert record.http_headers.get_statuscode() == ("304" if kind == "server-not-modified" else "200")
    with lot.open("rb") as stream:
        checked = [record.verify_block_digest() for record in fastwarc.ArchiveIterator(stream, parse_http=False)]
    assert all(checked)
    assert len(checked) > 2 * len(PAGES)
