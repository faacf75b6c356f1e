"""Tell parts of the web that never end: calendars, session ids, and mazes generated to poison crawlers.

| reason                | seen in the last pages of a section or host                                                |
|-----------------------|-------------------------------------------------------------------------------------------|
| `near_duplicates`     | most pages repeat another recent one: a calendar, the same page under session ids          |
| `endless_tree`        | each page has new links and hardly one that is known: a site has navigation, a maze does not |

One sign alone would hit real sites: archives grow for long, and lists resemble each other.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

WINDOW = 60
"""Pages until there is a verdict on a section."""
HOST_WINDOW = 3 * WINDOW
"""On a host: long enough that one section which is a trap is told by itself."""
RECENT = 60
"""Pages with which a new one is compared."""
SKETCH = 32
"""Smallest hashes of word 3-grams kept of a page: the estimate of a Jaccard similarity of .8 is off by .07 (1 sd)."""
SIMILAR = 0.8
SHARED = 2 * SIMILAR / (1 + SIMILAR)
"""Of the smallest hashes of two texts of one length, for a Jaccard similarity of SIMILAR."""
FIRST, SECOND, THIRD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
DUPLICATE_SHARE = 0.8
NEW_LINKS = 2.0
"""A page on the average; with fewer a tree of links ends."""
KNOWN_SHARE = 0.1
"""Of links on a page that lead to URLs seen before, in a maze. On the pages of the demo web it is .9, as where a site
has navigation; a page's links to itself are not counted."""
WORDS = re.compile(r"[^\W\d_]+")
"""Without numbers: they are what tells the pages of a calendar apart."""
MOST_TEXT = 100_000
Words = np.ndarray[Any, np.dtype[np.uint32]]
"""A text: a hash for each word."""


def words_of(text: str) -> Words:
    """A hash for each word of the text, in its order."""
    return np.array([zlib.crc32(word.encode()) for word in WORDS.findall(text[:MOST_TEXT].lower())], np.uint32)


def trigrams(words: Words) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A hash for each three words in a row."""
    hashes = words.astype(np.uint64)
    # Odd factors of 64 bits, so that the order of the three words counts and small sums do not meet.
    found: np.ndarray[Any, np.dtype[np.uint64]] = hashes[:-2] * FIRST + hashes[1:-1] * SECOND + hashes[2:] * THIRD
    return found >> np.uint64(16)


def sketch_of(words: Words) -> frozenset[int]:
    """The smallest hashes of the text's word 3-grams; alike for texts that share most of them."""
    padded = words if len(words) >= 3 else np.pad(words, (0, 3 - len(words)))
    return frozenset(np.unique(trigrams(padded))[:SKETCH].tolist())


@dataclass(slots=True)
class Monitor:
    """Watches one section or host."""

    window: int = WINDOW
    _pages: deque[tuple[int, int, bool]] = field(default_factory=deque)
    """(links to other pages of the host, those of them that were new, whether it repeats a recent page)"""
    _recent: deque[frozenset[int]] = field(default_factory=lambda: deque(maxlen=RECENT))

    def observe(self, links: int, new_links: int, sketch: frozenset[int]) -> str:
        """The reason to cut it off; empty while there is none."""
        self._pages.append((links, new_links, any(_alike(sketch, other) for other in self._recent)))
        self._recent.append(sketch)
        if len(self._pages) > self.window:
            self._pages.popleft()
        if len(self._pages) < self.window:
            return ""
        repeated = sum(page[2] for page in self._pages) / self.window
        all_links, new = sum(page[0] for page in self._pages), sum(page[1] for page in self._pages)
        if repeated >= DUPLICATE_SHARE and new:
            return "near_duplicates"
        if new / self.window >= NEW_LINKS and (all_links - new) / all_links <= KNOWN_SHARE:
            return "endless_tree"
        return ""

    def forget(self) -> None:
        """Begin anew: a section that was cut off shall not count against its host."""
        self._pages.clear()
        self._recent.clear()


def _alike(one: frozenset[int], other: frozenset[int]) -> bool:
    """Whether the similarity reaches SIMILAR, by the share of smallest hashes that both have."""
    return len(one & other) >= SHARED * max(len(one), len(other))
