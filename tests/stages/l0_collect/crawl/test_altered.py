"""Copies of other hosts' text with words changed are told from the originals, whichever is met first."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.run.runners import InlineRunner
from pipeline.store.store import open_store
from stages.l0_collect.crawl.altered import ALTERED_COPY, HOST_PAGES, Known, TextWriter, read_texts, side_by_side
from stages.l0_collect.crawl.crawl import crawl
from stages.l0_collect.crawl.crawled import Crawled
from stages.l0_collect.crawl.journal import marks_of, sealed_lots
from stages.l0_collect.crawl.settings import CrawlSettings
from stages.l0_collect.crawl.source import CrawlSource
from stages.l0_collect.crawl.traps import words_of
from stages.l0_collect.crawl.workers import crawl_together
from tests.loopback import Quiet, serving
from tests.stages.l0_collect.crawl.helpers import kept_urls

VOWELS = "aeiou"
WORDS = [f"{a}{b}{c}{d}n" for a in "bdfgk" for b in VOWELS for c in "lmnrstvw" for d in "aeiouxyz"]
FOLLOWS = 3
"""Words that may follow a word: neighbours tell what belongs there, as in a language."""
PAGES = HOST_PAGES + 2


def text(seed: str, length: int = 400) -> list[str]:
    chosen, at = random.Random(seed), 0
    words = []
    for _ in range(length):
        at = (at * 7 + chosen.randrange(1, FOLLOWS + 1)) % len(WORDS)
        words.append(WORDS[at])
    return words


def changed(words: list[str], every: int = 10) -> list[str]:
    chosen = random.Random(len(words))
    return [chosen.choice(WORDS) if number % every == 5 else word for number, word in enumerate(words)]


def hashes(words: list[str]):
    return words_of(" ".join(words))


def judged(tmp_path: Path, pages: list[tuple[str, list[str]]]) -> set[str]:
    known = Known(tmp_path / "words")
    marked = {copy for url, words in pages for copy, _ in known.observe(url, hashes(words))}
    known.close()
    return marked


def originals() -> list[tuple[str, list[str]]]:
    return [(f"https://{host}.example/{page}", text(f"{host} {page}")) for host in "ab" for page in range(PAGES)]


def test_changed_words_are_counted_and_what_was_put_before_is_not():
    words = text("one")
    found = side_by_side(hashes(text("menu", 30) + changed(words)), hashes(words))
    assert len(found.places) == pytest.approx(40, abs=2)  # a choice may hit the same word
    assert found.aligned > 380
    assert found.is_altered(len(words))


def test_a_copy_a_cut_copy_and_a_form_with_another_name_are_not_altered():
    words = text("one")
    named = ["acme" if number % 10 == 5 else word for number, word in enumerate(words)]
    others = ["other" if word == "acme" else word for word in named]
    assert not side_by_side(hashes(text("menu", 50) + words), hashes(words)).is_altered(len(words))
    assert not side_by_side(hashes(words[:150] + words[200:]), hashes(words)).is_altered(len(words))
    assert not side_by_side(hashes(named), hashes(others)).is_altered(len(words))


@pytest.mark.parametrize("is_first", [True, False], ids=["copy first", "original first"])
def test_the_copy_is_marked_and_not_the_original(tmp_path: Path, is_first: bool):
    pages = originals()
    copy = [("https://poison.example/x", changed(pages[3][1]))]
    assert judged(tmp_path, [*copy, *pages] if is_first else [*pages, *copy]) == {"https://poison.example/x"}


def test_mirrors_and_other_pages_of_the_same_site_are_left_alone(tmp_path: Path):
    pages = originals()
    mirror = [(url.replace("a.example", "mirror.example"), text("other menu", 40) + words) for url, words in pages]
    draft = [("http://www.a.example/draft", changed(pages[0][1]))]
    assert judged(tmp_path, [*pages, *mirror, *draft]) <= {"http://www.a.example/draft"}
    assert not judged(tmp_path, [*pages, *draft])


def test_words_of_a_lot_are_read_back(tmp_path: Path):
    texts = [(url, hashes(words)) for url, words in originals()[:3]]
    writer = TextWriter(tmp_path / "words")
    for url, words in texts:
        writer.write(url, words)
    writer.close()
    found = read_texts((tmp_path / "words").read_bytes())
    assert [(url, words.tolist()) for url, words in found] == [(url, words.tolist()) for url, words in texts]


class Site(Quiet):
    """127.0.0.2 and .3 have texts of their own, .4 copies them with words changed."""

    def do_GET(self) -> None:
        host, path = self.headers["Host"].split(":")[0], self.path[1:]
        links = "".join(f'<a href="/{page}">{page}</a>' for page in range(PAGES))
        if path.isdecimal():
            if host.endswith("4"):
                words = changed(text(f"127.0.0.{2 + int(path) % 2} {path}"))
            else:
                words = text(f"{host} {path}")
            body = f"<!doctype html>{links}<p>{' '.join(words)}</p>".encode()
        else:
            body = f"<!doctype html>{links}".encode()
        self.answer(404 if path.count(".") else 200, body)


@pytest.fixture
def port() -> Iterator[int]:
    with serving(Site, "0.0.0.0") as port:
        yield port


def crawled(folder: Path, port: int, *hosts: int, earlier: Path | None = None, workers: int = 1) -> Crawled:
    settings = CrawlSettings(
        folder=str(folder), seeds=tuple(f"http://127.0.0.{host}:{port}/" for host in hosts), delay=0.0, slowness=0.0,
        earlier=(str(earlier),) if earlier else (), user_agent="testbot/1.0 (+https://example.org/bot)",
        allow_networks=("127.0.0.0/8",), max_pages=300,
    )  # fmt: skip
    store = open_store(str(folder))
    return crawl(settings, store) if workers == 1 else crawl_together(settings, store, InlineRunner(), workers)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_host_that_poisons_is_cut_off_and_its_pages_are_no_documents(tmp_path: Path, port: int, workers: int):
    done = crawled(tmp_path, port, 2, 3, 4, workers=workers)
    poison = f"http://127.0.0.4:{port}/"
    assert [(cut.prefix, cut.reason) for cut in done.cuts] == [(poison, "altered_copies")]
    marks = marks_of(sealed_lots(open_store(str(tmp_path))))
    assert done.altered == len(marks) >= HOST_PAGES
    assert all(url.startswith(poison) for url in marks)
    kept = kept_urls(tmp_path)
    assert len(kept) == 2 * (PAGES + 1)
    assert not any(url.startswith(poison) for url in kept)


def test_copies_of_what_an_earlier_crawl_has_are_told(tmp_path: Path, port: int):
    assert crawled(tmp_path / "first", port, 2, 3).altered == 0
    done = crawled(tmp_path / "second", port, 4, earlier=tmp_path / "first")
    assert done.altered >= HOST_PAGES
    source = CrawlSource(folder=str(tmp_path / "second"), earlier=(str(tmp_path / "first"),))
    rules = Counter(
        rule for path in source.inputs() or [] for unit in source.units(path, "") for batch in source.read(unit)
        for _, _, rule in batch.dropped
    )  # fmt: skip
    assert rules["trap"] + rules[ALTERED_COPY] >= HOST_PAGES
