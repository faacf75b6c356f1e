from pathlib import Path

import pytest

from stages.l0_collect.crawl.robots import robots_of
from stages.l0_collect.crawl.sites import Site, Snapshot, of_site, parse_tdmrep, write_snapshot

URL = "https://example.org/news/1"
NONE = robots_of(404, b"", "mybot")


def test_files_of_the_site():
    robots = robots_of(200, b"User-agent: CCBot\nDisallow: /news/\nContent-Usage: train-ai=n\n", "mybot")
    ai_txt = robots_of(200, b"User-agent: *\nDisallow: /news/\n", "mybot")
    found = of_site(URL, robots, ai_txt, [("/news/*", True), ("/*", False)])
    assert [one.kind for one in found] == ["robots_ai", "train_ai", "ai_txt", "tdm_reservation"]
    assert not of_site("https://example.org/blog/1", NONE, ai_txt, [("/news/*", True)])


def test_the_first_pattern_of_tdmrep_that_fits_counts():
    found = parse_tdmrep(
        b'[{"location": "/news/free$", "tdm-reservation": 0}, {"location": "/news/*", "tdm-reservation": 1}]'
    )
    assert not of_site("https://example.org/news/free", NONE, None, found)
    assert of_site(URL, NONE, None, found)
    assert parse_tdmrep(b"<html>") == parse_tdmrep(b'{"a": 1}') == []


def test_a_snapshot_comes_back_as_it_was_written(tmp_path: Path):
    sites = [
        Site(host="https://b.example", asked="2026-11-26T01:00:00Z", refusal="robots_unreachable: status 503"),
        Site(host="https://a.example", asked="2026-11-25T01:00:00Z", status=200, robots="User-agent: *\nDisallow: /x"),
    ]
    write_snapshot(tmp_path / "s.jsonl", sites)
    lines = (tmp_path / "s.jsonl").read_text().splitlines()
    assert [Site.model_validate_json(line) for line in lines] == sites[::-1]
    assert [path.name for path in tmp_path.iterdir()] == ["s.jsonl"]
    found = Snapshot(tmp_path / "s.jsonl")
    assert (len(found), found.asked) == (2, "2026-11-26T01:00:00Z")
    assert found.rule("https://a.example/x", "https://a.example", "mybot", ()) == "robots_disallowed"
    assert found.rule("https://a.example/y", "https://a.example", "mybot", ()) == ""
    assert found.rule("https://b.example/y", "https://b.example", "mybot", ()) == "no_answer"
    slow = "User-agent: *\nDisallow: /x\nCrawl-delay: 999"
    write_snapshot(
        tmp_path / "t.jsonl", [Site(host="https://d.example", asked="", refusal="crawl_delay: 999 s", robots=slow)]
    )
    rules = [
        Snapshot(tmp_path / "t.jsonl").rule(f"https://d.example/{path}", "https://d.example", "*", ()) for path in "xy"
    ]
    assert rules == ["robots_disallowed", ""]
    assert found.rule("https://c.example/y", "https://c.example", "mybot", ()) == "not_asked"


def test_what_is_no_snapshot_is_refused_with_its_line(tmp_path: Path):
    (tmp_path / "s.jsonl").write_text('{"host": "https://a.example", "asked": ""}\nUser-agent: *\n')
    with pytest.raises(ValueError, match="line 2: no line of a snapshot of opt-outs; `orefine opt-outs` makes one"):
        Snapshot(tmp_path / "s.jsonl")
