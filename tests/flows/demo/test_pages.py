"""The demo web: the same bytes each time, and every kind of page that the levels should meet."""

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.demo import build_demo_web, pages
from flows.demo.pages import HELD_OUT, LABELLED_HOSTS, OTHER_HOSTS, SHARES, make_pages
from flows.demo.texts import Article, Section
from stages.l0_collect.readers.warc import WarcSource

SENTENCE = "Paragraph {} of page {} says that the river carries water and stones from the mountains to the sea."


def article(number: int) -> Article:
    """Every second one lists; every third is of a package that no labelled host has."""
    package = "nltk" if number % 3 == 0 else "scipy"
    if number % 2:
        entries = tuple(f"entry {n} of {number}" for n in range(9))
        return Article(f"Page {number}", "lists", "reference", package, (Section("f", entries),))
    prose = tuple(SENTENCE.format(n, number) for n in range(5))
    return Article(f"Page {number}", "explains", "prose", package, (Section("", prose),))


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up articles, so that the tests neither wait for the real ones nor depend on what is installed."""
    monkeypatch.setattr(pages, "read_articles", lambda: tuple(map(article, range(400))))
    monkeypatch.setattr(
        pages, "read_licences", lambda: tuple((f"lib{n}", f"Copyright {n}\n\nBe kind.") for n in range(9))
    )


def test_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = (build_demo_web(tmp_path / name, 120).read_bytes() for name in "ab")
    assert first == second


def test_the_truth_counts_what_the_source_reads(tmp_path: Path) -> None:
    path = build_demo_web(tmp_path, 240)
    truth = json.loads((tmp_path / "demo.truth.json").read_text())
    assert set(truth["counts"]) == set(SHARES)
    assert truth["counts"] == Counter(truth["pages"].values())
    assert (truth["counts"]["explains"], truth["counts"]["lists"]) == (72, 91)
    [batch] = [batch for unit in WarcSource().units(str(path), "hash") for batch in WarcSource().read(unit)]
    kinds = Counter(truth["pages"][url] for url in batch.rows.column("url").to_pylist())
    rules = {(truth["pages"].get(url, ""), rule) for _, url, rule in batch.dropped if rule != "not_a_response"}
    assert batch.quarantined == []
    assert rules == {
        ("not_found", "http_status"), ("redirect", "http_status"), ("pdf", "not_html"), ("empty", "empty_body"),
    }  # fmt: skip
    assert kinds["explains"] == truth["counts"]["explains"]
    requests = len(truth["pages"])
    assert Counter(rule for _, _, rule in batch.dropped)["not_a_response"] == 1 + requests  # and warcinfo


def test_hosts_say_what_their_pages_are_and_others_do_not() -> None:
    kinds: dict[str, set[str]] = {}
    for page in make_pages(120):
        kinds.setdefault(page.url.split("/")[2], set()).add(page.kind)
    assert [kinds[host] for host in (*LABELLED_HOSTS["explains"], *LABELLED_HOSTS["lists"])] == [
        {"explains"}, {"explains"}, {"lists"}, {"lists"},
    ]  # fmt: skip
    assert set.union(*(kinds[host] for host in OTHER_HOSTS)) == {"explains", "lists"}


def test_hosts_without_a_label_have_packages_of_their_own() -> None:
    numbers = [int(page.url.rpartition("-")[2]) for page in make_pages(120) if page.url.split("/")[2] in OTHER_HOSTS]
    assert numbers
    assert all(number % 3 == 0 for number in numbers)


def test_copies_are_copies() -> None:
    made = list(make_pages(120))
    originals = {page.body.partition(b"<main>")[2].partition(b"</main>")[0] for page in made if page.kind in SHARES}
    mirrored = [page for page in made if page.kind == "mirror"]
    texts = [body for body in originals if b"river" in body or b"entry" in body]
    assert mirrored
    assert all(page.body.partition(b"<main>")[2].partition(b"</main>")[0] in texts for page in mirrored)
    reprints = [page for page in made if page.kind == "near_copy"]
    assert any(b"indeed" in page.body for page in reprints)
    assert any(b"first published elsewhere" in page.body for page in reprints)


def test_the_ruler_of_the_ablation_is_on_no_page(tmp_path: Path) -> None:
    build_demo_web(tmp_path, 120)
    texts = pq.read_table(tmp_path / "explains.parquet")["text"].to_pylist()
    bodies = [page.body.decode(errors="replace") for page in make_pages(120)]
    assert len(texts) == HELD_OUT
    assert not any(text.split("\n")[0] in body for text in texts for body in bodies)


def test_too_many_pages_are_refused() -> None:
    with pytest.raises(ValueError, match=r"1000 pages need 225 articles of a kind, and there are 93"):
        list(make_pages(1000))
