"""Tell altered copies: pages that repeat the text of another host with words changed here and there, made as poison.

A copy with other navigation, a cut one, a quotation or a form with other names is none. What makes a pair of pages one:

| sign         | measured on the two texts as sequences of words, numbers left out                            |
|--------------|----------------------------------------------------------------------------------------------|
| a copy       | they run in parallel for ALIGNED words or more, and for SHARE_ALIGNED of the shorter text    |
| altered      | at CHANGED of these words one has another word, by DISTINCT or more different replacements   |
| which of two | its words fit their neighbours worse than the other's do, by what the rest of the crawl says |

The last sign is a vote of the places, each by how many pages of the crawl have the two pairs of words that a word makes
with its neighbours. A vote that chance could give (VOTE standard deviations) marks neither page.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from stages.l0_collect.crawl.traps import FIRST, SECOND, Words, trigrams
from stages.l0_collect.crawl.urls import name_of

ALTERED_COPY = "altered_copy"

ALIGNED = 100
"""Words: shorter texts are not looked at."""
SHARE_ALIGNED = 0.3
"""Of the shorter text; navigation is part of it."""
CHANGED = 0.02
DISTINCT = 8
VOTE = 3.0
GAP = 30
"""Words between two parallel places that are still one altered passage."""
KEYS = 16
"""Smallest hashes of word 3-grams by which a page is found again: of a copy with every fifth word changed 8 remain."""
SHARED_KEYS = 3
CANDIDATES = 3
MOST_PAGES = 2_000_000
"""Known at once, about 2 kB of memory each; later ones are only compared."""
PAIRS = 1 << 22
"""Places of the table that counts pairs of words: 8 MiB."""
HOST_PAGES = 10
"""Altered copies until their host is cut off, if they are HOST_SHARE of what it has shown."""
HOST_SHARE = 0.5


@dataclass(slots=True)
class Alike:
    """Two texts side by side."""

    aligned: int
    places: np.ndarray[Any, Any]
    """Of the first text: the places of words that differ."""
    others: np.ndarray[Any, Any]
    """The same places of the second one."""
    distinct: int

    def is_altered(self, shorter: int) -> bool:
        return (
            self.aligned >= max(ALIGNED, SHARE_ALIGNED * shorter)
            and self.distinct >= DISTINCT
            and self.distinct >= CHANGED * self.aligned
        )


def side_by_side(one: Words, other: Words) -> Alike:
    """Lay two texts along each other by the word 3-grams that each of them has once."""
    mine, theirs = trigrams(one), trigrams(other)
    mine, my_places = _once(mine)
    theirs, their_places = _once(theirs)
    _, at, there = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    order = np.argsort(my_places[at])
    first, second = my_places[at][order], their_places[there][order]
    steps = np.diff(first)
    # Between two anchors at one distance words were changed, if at all; elsewhere something was put in or left out.
    parallel = (steps == np.diff(second)) & (steps <= GAP)
    place = np.repeat(first[:-1][parallel], steps[parallel])
    beside = np.repeat(second[:-1][parallel], steps[parallel])
    ends = np.cumsum(steps[parallel])
    inside = np.arange(len(place)) - np.repeat(ends - steps[parallel], steps[parallel])
    place, beside = place + inside, beside + inside
    differs = one[place] != other[beside]
    place, beside, aligned = place[differs], beside[differs], len(place)
    pairs = one[place].astype(np.uint64) * FIRST ^ other[beside].astype(np.uint64) * SECOND
    return Alike(aligned, place, beside, len(np.unique(pairs)))


class Known:
    """The texts of a crawl and of earlier ones, and which of them are altered copies.

    Keys and counts are in memory, the words in a local file, of which a pair's text is read when there is one.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        path.unlink()  # so that nothing is left of it, however this process ends
        self._size = 0
        self._pages: list[tuple[str, int, int]] = []
        """(URL, where its words begin in the file, how many)"""
        self._of_key: dict[int, int] = {}
        """Key → the first page that has it."""
        self._counts = np.zeros(PAIRS, np.uint16)
        """Pages that have a pair of neighbouring words."""
        self._shown: Counter[str] = Counter()
        self._altered: dict[str, set[str]] = {}
        """By host."""

    def add(self, url: str, words: Words, keys: frozenset[int] | None = None) -> None:
        """A text that need not be judged any more."""
        if len(words) < ALIGNED or len(self._pages) >= MOST_PAGES:
            return
        number = len(self._pages)
        for key in keys or keys_of(words):
            self._of_key.setdefault(key, number)
        self._pages.append((url, self._size, len(words)))
        self._file.write(words.tobytes())
        self._size += 4 * len(words)
        self._shown[name_of(url)] += 1
        places = np.unique(_pairs(words))
        counts = self._counts[places]
        self._counts[places] = counts + (counts < np.iinfo(np.uint16).max)

    def observe(self, url: str, words: Words) -> list[tuple[str, str]]:
        """Take in a text. (altered copy, its original): what is new, of this page or of one that came before."""
        if len(words) < ALIGNED:
            return []
        keys = keys_of(words)
        met = Counter(self._of_key[key] for key in keys if key in self._of_key)
        self.add(url, words, keys)
        found = []
        for number, shared in met.most_common(CANDIDATES):
            known, start, count = self._pages[number]
            if shared < SHARED_KEYS or name_of(known) == name_of(url):
                continue
            other = self._read(start, count)
            pair = side_by_side(words, other)
            if not pair.is_altered(min(len(words), count)):
                continue
            vote = self._vote(words, pair.places, other, pair.others)
            if abs(vote) >= VOTE:
                copy, original = (known, url) if vote > 0 else (url, known)
                found.append((copy, original))
        return [pair for pair in found if self.mark(pair[0])]

    def mark(self, url: str) -> bool:
        """Whether it is news that this is an altered copy."""
        of_host = self._altered.setdefault(name_of(url), set())
        is_new = url not in of_host
        of_host.add(url)
        return is_new

    def is_source(self, url: str) -> bool:
        """Whether the page's host shows so many altered copies that it is there for them."""
        name = name_of(url)
        number = len(self._altered.get(name, ()))
        return number >= HOST_PAGES and number >= HOST_SHARE * self._shown[name]

    def close(self) -> None:
        self._file.close()

    def _read(self, start: int, count: int) -> Words:
        self._file.flush()
        return np.frombuffer(os.pread(self._file.fileno(), 4 * count, start), np.uint32)

    def _vote(self, one: Words, places: Any, other: Words, others: Any) -> float:
        """How much better the first text's words fit than the second's, in standard deviations of chance."""
        mine, theirs = self._fit(one)[places], self._fit(other)[others]
        votes = np.sign(mine - theirs)
        number = np.count_nonzero(votes)
        return float(votes.sum() / np.sqrt(number)) if number else 0.0

    def _fit(self, words: Words) -> np.ndarray[Any, np.dtype[np.float64]]:
        """For each word, by how many pages the two pairs are known that it makes with its neighbours."""
        known = np.log1p(self._counts[_pairs(words)].astype(np.float64))
        fit = np.zeros(len(words))
        fit[:-1] += known
        fit[1:] += known
        return fit


def keys_of(words: Words) -> frozenset[int]:
    return frozenset(np.unique(trigrams(words))[:KEYS].tolist())


class TextWriter:
    """Writes texts into a compressed file, one after the other: `bytes of the URL, number of words`, URL, words."""

    def __init__(self, path: Path) -> None:
        import zstandard

        self.path, self.is_empty = path, True
        self._file: Any = zstandard.ZstdCompressor(level=3).stream_writer(path.open("wb"))

    def write(self, url: str, words: Words) -> None:
        self.is_empty = False
        name = url.encode()
        self._file.write(b"%d %d\n" % (len(name), len(words)) + name + words.tobytes())

    def close(self) -> None:
        self._file.close()


def read_texts(data: bytes) -> Iterator[tuple[str, Words]]:
    """What a TextWriter has written."""
    import zstandard

    with BufferedReader(zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)) as stream:
        while line := stream.readline():
            name, count = map(int, line.split())
            url = stream.read(name).decode()
            yield url, np.frombuffer(stream.read(4 * count), np.uint32)


def _pairs(words: Words) -> np.ndarray[Any, np.dtype[np.uint64]]:
    hashes = words.astype(np.uint64)
    return ((hashes[:-1] * FIRST + hashes[1:] * SECOND) >> np.uint64(32)) % np.uint64(PAIRS)


def _once(hashes: Any) -> tuple[Any, Any]:
    """Values that are there once, and their places."""
    values, places, counts = np.unique(hashes, return_index=True, return_counts=True)
    return values[counts == 1], places[counts == 1]
