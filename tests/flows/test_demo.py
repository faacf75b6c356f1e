"""The demo web: the same bytes each time, and every kind of page that the levels should meet."""

import json
from collections import Counter
from pathlib import Path

import pytest

from flows import demo
from flows.demo import Article, build_demo_web, read_articles
from stages.l0_collect.warc import WarcSource


@pytest.fixture
def articles(monkeypatch: pytest.MonkeyPatch) -> list[Article]:
    """Made-up prose, so that the tests neither wait for the real one nor depend on what is installed."""
    sentence = "Paragraph {} of page {} says that the river carries water and stones from the mountains to the sea."
    pages = [Article(f"Page {page}", tuple(sentence.format(n, page) for n in range(5))) for page in range(100)]
    monkeypatch.setattr(demo, "read_articles", lambda: tuple(pages))
    monkeypatch.setattr(demo, "_licences", lambda: [(f"lib{n}", f"Copyright {n}\n\nBe kind.") for n in range(20)])
    return pages


def test_same_bytes_each_time(tmp_path: Path, articles: list[Article]) -> None:
    first, second = (build_demo_web(tmp_path / name, 120).read_bytes() for name in "ab")
    assert first == second


def test_the_truth_counts_what_the_source_reads(tmp_path: Path, articles: list[Article]) -> None:
    path = build_demo_web(tmp_path, 120)
    truth = json.loads((tmp_path / "demo.truth.json").read_text())
    assert set(truth["counts"]) == {"good", *demo.SHARES}
    assert truth["counts"] == Counter(truth["pages"].values())
    assert sum(truth["counts"].values()) == len(truth["pages"]) == 120
    [batch] = [batch for unit in WarcSource().units(str(path), "hash") for batch in WarcSource().read(unit)]
    kinds = Counter(truth["pages"][url] for url in batch.rows.column("url").to_pylist())
    rules = {(truth["pages"].get(url, ""), rule) for _, url, rule in batch.dropped if rule != "not_a_response"}
    assert batch.quarantined == []
    assert rules == {
        ("not_found", "http_status"), ("redirect", "http_status"), ("pdf", "not_html"), ("empty", "empty_body"),
    }  # fmt: skip
    assert kinds["good"] == truth["counts"]["good"]
    assert Counter(rule for _, _, rule in batch.dropped)["not_a_response"] == 121  # warcinfo and a request each


def test_copies_are_copies(articles: list[Article]) -> None:
    pages = list(demo.make_pages(120))
    originals = {article.paragraphs for article in articles}
    mirrored = [page for page in pages if page.kind == "mirror"]
    texts = ["".join(f"<p>{paragraph}</p>\n" for paragraph in original).encode() for original in originals]
    assert mirrored
    assert all(any(text in page.body for text in texts) for page in mirrored)
    assert not any(
        text in page.body for text in texts for page in pages if page.kind == "near_copy" and b"indeed" in page.body
    )


def test_too_many_pages_are_refused(articles: list[Article]) -> None:
    with pytest.raises(ValueError, match=r"1000 pages need .* good ones, and there is prose for 1 to 100"):
        list(demo.make_pages(1000))


def test_prose_leaves_out_code_lists_and_headings() -> None:
    prose = (
        "The [reader](http://a.test) goes through `files` in order and yields each row once " + "and again " * 5 + "so."
    )
    text = f"# Heading\n\n{prose}\n\n```\ncode\n```\n\n- item one\n- item two\n\n    x = 1\n\nToo short.\n"
    [found] = demo._prose(text)
    assert found.startswith("The reader goes through files in order")


@pytest.mark.slow
def test_this_environment_has_prose_enough() -> None:
    articles = read_articles()
    assert len(articles) >= 228  # what the default number of pages needs
    paragraphs = [paragraph for article in articles for paragraph in article.paragraphs]
    assert len(paragraphs) == len(set(paragraphs))
