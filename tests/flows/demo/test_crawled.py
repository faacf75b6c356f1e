"""The demo's own web is crawled for real: what may be fetched is, the rest is refused, honoured or cut off."""

from pathlib import Path

import pytest

from flows.demo import crawled
from flows.demo.crawled import crawl_demo_web, crawl_lines
from flows.demo.pages import Page
from pipeline.store.store import open_store
from stages.l0_collect.crawl.journal import sealed_lots
from stages.l0_collect.crawl.source import CrawlSource


def page(host: str, path: str, status: str = "200 OK", headers: str = "") -> Page:
    body = f"<!DOCTYPE html><html><body><p>{host} says {path}, and more.</p></body></html>".encode()
    return Page("explains", f"http://{host}{path}", body, status=status, headers=headers)


PAGES = [page("handbook.example", f"/{number}") for number in range(25)] + [
    page("small.example", "/1"), page("small.example", "/2", "404 Not Found"),
    page("small.example", "/3", "301 Moved Permanently", "Location: http://small.example/1\r\n"),
]  # fmt: skip


def test_the_demo_web_is_crawled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawled, "DELAY", 0.0)
    folder = tmp_path / "crawl"
    done = crawl_demo_web(PAGES, folder, "one")
    assert {(cut.prefix, cut.reason) for cut in done.cuts} == {
        ("http://maze.example/", "endless_tree"), ("http://calendar.example/month/", "near_duplicates"),
    }  # fmt: skip
    source = CrawlSource(folder=str(folder))
    [path] = source.inputs() or []
    [batch] = [batch for unit in source.units(path, "") for batch in source.read(unit)]
    kept = set(batch.rows.column("url").to_pylist())
    fetched = {page.url for page in PAGES if page.status == "200 OK"}
    assert kept - {"http://calendar.example/"} == fetched | {f"http://slow.example.net/{n}" for n in (1, 2, 3)}
    outcomes = {visit.url: visit.outcome for lot in sealed_lots(open_store(str(folder))) for visit in lot.visits}
    assert {outcomes[f"http://members.example.org/members/{n}"] for n in (1, 2, 3)} == {"robots_disallowed"}
    assert [outcomes[f"http://reserved.example/{n}"] for n in (1, 2, 3, 4)] == [
        "opt_out_noai", "opt_out_train_ai", "opt_out_tdm_reservation", "opt_out_robots_ai",
    ]  # fmt: skip
    assert outcomes["http://circles.example.net/on/6"] == "too_many_redirects"
    assert (outcomes["http://small.example/2"], outcomes["http://small.example/3"]) == ("http_status", "redirect")
    said = "\n".join(crawl_lines(done))
    assert "cut off http://maze.example/: endless_tree" in said
    assert "robots_disallowed" in said

    again = crawl_demo_web(PAGES, folder, "one")
    assert again.lots == done.lots  # nothing was asked for again
    assert crawl_demo_web(PAGES[:1], folder, "other").pages < done.pages  # another web begins anew
