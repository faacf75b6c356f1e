"""URL lists: which rule a URL breaks, what is stopped before a run, and agreement with datatrove."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.rows.batch import Batch
from stages.l1_filter.url_filter import UrlFilter, host_of

ENTRIES = {
    "domains": "# hosts\nblocked.org\nBad.Example.NET.\n10.1.2.3\n\n",
    "urls": "https://fine.org/one?x=1\n",
    "banned_words": "wicked\nno-go\n",
    "soft_banned_words": "dice\ncards\nslots\n",
    "banned_subwords": "wickedness\nxyz-1\n",
}


@pytest.fixture
def lists(tmp_path: Path) -> dict[str, str]:
    for name, text in ENTRIES.items():
        (tmp_path / name).write_text(text)
    return {name: str(tmp_path / name) for name in ENTRIES}


def judge(step: UrlFilter, *urls: str | None) -> list[str | None]:
    found = step.judge(Batch(pa.record_batch({"url": pa.array(urls, pa.string())})))
    return [None if rule < 0 else found.rules[rule] for rule in found.rule]


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://blocked.org/page", "domain"),
        ("http://user:pw@BLOCKED.org:8080?q", "domain"),
        ("//blocked.org./", "domain"),
        ("blocked.org:80/x", "domain"),
        ("http://10.1.2.3/x", "domain"),
        ("https://a.b.blocked.org/", "subdomain"),
        ("https://www.bad.example.net", "subdomain"),
        ("https://example.net/", None),
        ("https://notblocked.org/blocked.org", None),
        ("https://fine.org/?to=http://blocked.org", None),
        ("https://fine.org/one?x=1", "url"),
        ("https://fine.org/one?x=1&y=2", None),
        ("https://fine.org/a-wicked_game", "hard_banned_word"),
        ("https://fine.org/Wicked", None),
        ("https://fine.org/nogo", "hard_banned_word"),
        ("https://fine.org/dice/dice", None),
        ("https://fine.org/dice-and-slots", "soft_banned_words"),
        ("https://wicked-NESS.org/", "hard_banned_word"),
        ("https://Wicked.ness.org/", "banned_subword"),
        ("https://fine.org/x/y/z1", "banned_subword"),
        ("", None),
        (None, None),
    ],
)
def test_first_broken_rule(lists: dict[str, str], url: str | None, rule: str | None) -> None:
    assert judge(UrlFilter(**lists), url) == [rule]


def test_soft_words_record_count_and_limit(lists: dict[str, str]) -> None:
    step = UrlFilter(soft_banned_words=lists["soft_banned_words"], soft_words_threshold=3)
    found = step.judge(Batch(pa.record_batch({"url": ["https://a.org/dice-cards", "https://a.org/dice-cards-slots"]})))
    assert found.kept.tolist() == [True, False]
    assert (found.value[1], found.threshold[1]) == (3, 3)


def test_content_of_the_lists_counts_not_their_place(lists: dict[str, str], tmp_path: Path) -> None:
    step = UrlFilter(domains=lists["domains"])
    moved = tmp_path / "moved"
    moved.write_bytes(Path(lists["domains"]).read_bytes())
    other = UrlFilter(domains=str(moved))
    assert (step.identity(), step.assets()) == (other.identity(), other.assets())
    assert list(step.assets()) == ["domains"]
    moved.write_text("other.org\n")
    assert step.assets() != other.assets()
    assert judge(other, "https://other.org/", "https://blocked.org/") == ["domain", None]


def test_no_list_and_a_missing_list_stop_the_run(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="give one of domains"):
        UrlFilter()
    step = UrlFilter(urls=str(tmp_path / "gone"), domains=str(tmp_path / "lost"))
    for call in (step.assets, step.prepare):
        with pytest.raises(FileNotFoundError, match=r"`urls` names .*gone"):
            call()
    assert [text.split()[1] for text in step.resolve()] == ["`domains`", "`urls`"]


def test_too_many_subwords_stop_the_run(tmp_path: Path) -> None:
    (tmp_path / "many").write_text("\n".join(f"w{number * 7919:x}q{number}" for number in range(100_000)))
    with pytest.raises(ValueError, match="100000 entries of `banned_subwords` make too large a pattern"):
        UrlFilter(banned_subwords=str(tmp_path / "many")).resolve()


def test_host_of_odd_urls() -> None:
    assert [host_of(url) for url in ("", "http://", "http://a@b@c.org\\x", "http://[2600::1]:80/")] == [
        "", "", "c.org", "[2600::1]",
    ]  # fmt: skip


@pytest.mark.parametrize("piece", ["a", ".", "a.", "/", "-a", "://", "@", ":", "wicke", "xyz"])
def test_hostile_urls_take_linear_time(lists: dict[str, str], tmp_path: Path, piece: str) -> None:
    many = tmp_path / "many"
    many.write_text("\n".join(f"{'ab' * (n % 9)}{n}x" for n in range(2000)))
    step = UrlFilter(**{**lists, "banned_subwords": str(many)})
    url = "https://" + piece * (100_000 // len(piece))
    times = []
    for _ in range(5):
        started = time.process_time()
        assert judge(step, url) == [None]
        times.append(time.process_time() - started)
    assert min(times) < 0.05


def test_words_as_datatrove_decides_them(lists: dict[str, str]) -> None:
    data = pytest.importorskip("datatrove.data")
    module = pytest.importorskip("datatrove.pipeline.filters.url_filter")
    words = {name: module.parse_list(text.splitlines()) for name, text in ENTRIES.items() if "words" in name}

    class Peer(module.URLFilter):  # type: ignore[misc, name-defined]
        """Without what its constructor needs further packages for: hosts and the automaton."""

        def __init__(self) -> None:
            self._downloaded, self.soft_word_threshold = True, 2
            self.block_listed_domains, self.block_listed_url = set(), {ENTRIES["urls"].strip()}
            self.banned_words, self.soft_banned_words = words["banned_words"], words["soft_banned_words"]
            self.banned_subwords = words["banned_subwords"]
            self.tldextractor = lambda url: SimpleNamespace(registered_domain="", fqdn="")
            self.banned_subwords_automaton = SimpleNamespace(iter=self.subwords_in)

        def subwords_in(self, text: str) -> Iterator[str]:
            return (word for word in self.banned_subwords if word in text)

    peer, names = object.__new__(Peer), {"hard_blacklisted": "hard_banned_word", "url": "url"}
    names |= {"soft_blacklisted": "soft_banned_words", "blacklisted_subword": "banned_subword"}
    Peer.__init__(peer)
    parts = ("wicked", "Wicked", "no-go", "nogo", "dice", "cards", "ness", "wicked-ness", "XYZ", "1", "fine", "slots")
    urls = [f"https://fine.org/{a}{sign}{b}" for a in parts for b in parts for sign in ("/", "-", "", "é")]
    urls.append(ENTRIES["urls"].strip())
    theirs = [peer.filter(data.Document(text="", id="", metadata={"url": url})) for url in urls]
    expected = [None if result is True else names[result[1]] for result in theirs]
    assert judge(UrlFilter(**{name: path for name, path in lists.items() if name != "domains"}), *urls) == expected
    assert set(expected) == {None, *names.values()}
