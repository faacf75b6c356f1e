import pytest

from stages.l0_collect.crawl.opt_outs import of_page, of_site, parse_tdmrep
from stages.l0_collect.crawl.robots import robots_of

URL = "https://example.org/news/1"
NONE = robots_of(404, b"", "mybot")


@pytest.mark.parametrize(
    ("name", "value", "kinds"),
    [
        ("X-Robots-Tag", "noindex, nofollow", ["noindex"]),
        ("x-robots-tag", "NoAI, noimageai", ["noai", "noimageai"]),
        ("X-Robots-Tag", "none", ["noindex"]),
        ("X-Robots-Tag", "mybot: noai", ["noai"]),
        ("X-Robots-Tag", "otherbot: noai", []),
        ("X-Robots-Tag", "unavailable_after: 25 Jun 2030 15:00:00 PST", []),
        ("tdm-reservation", "1", ["tdm_reservation"]),
        ("tdm-reservation", "0", []),
        ("Content-Usage", "train-ai=n", ["train_ai"]),
        ("Content-Usage", "train-ai=y, search=n", []),
        ("Content-Signal", "search=yes, ai-train=no", ["train_ai"]),
    ],
)
def test_headers(name: str, value: str, kinds: list[str]):
    assert [one.kind for one in of_page(URL, [(name, value)], {}, "mybot")] == kinds


def test_meta_elements_of_all_and_of_our_own_name():
    metas = {"robots": "index, noai", "mybot": "noindex", "otherbot": "noindex", "tdm-reservation": "1"}
    assert [one.kind for one in of_page(URL, [], metas, "MyBot")] == ["noai", "noindex", "tdm_reservation"]


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
