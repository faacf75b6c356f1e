"""What the content classifier sees of a page's blocks: numbers about their words, places and surroundings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
KINDS = ("heading", "paragraph", "list_item", "table", "code", "formula", "quote", "caption")
ATTRIBUTES = ("class", "id", "role", "itemprop", "data-testid", "aria-label")
NAME = re.compile(r"[A-Za-z][a-z]{2,}")
NAMES_WITHIN = 200
"""Characters of an attribute: utility classes go on for thousands."""
WORD = re.compile(r"\w+")
FIRST_WORDS = 16
"""Words of a block that are looked up in the table."""
PRICE = re.compile(r"[$€£¥₹]\s?\d|\d\s?(?:€|USD|EUR|GBP|zł|kr\b)")
YEAR = re.compile(r"\b(?:19|20)\d\d\b")
TYPES = tuple(map(re.compile, (
    r"@type[\"']\s*:\s*\[?\s*[\"'](\w+)",
    r"itemtype=[\"']?https?://schema.org/(\w+)",
    r"property=[\"']og:type[\"']\s+content=[\"'](\w+)",
    r"content=[\"'](\w+)[\"']\s+property=[\"']og:type",
)))  # fmt: skip
"""What a page says it is, in the ways it may; each begins with letters, which makes the search fast."""
SCHEMAS: Mapping[str, Sequence[str]] = {
    "article": ("Article", "NewsArticle", "BlogPosting", "TechArticle", "Recipe", "article"),
    "product": ("Product", "ProductGroup", "product"),
    "list": ("ItemList", "CollectionPage", "SearchResultsPage"),
    "forum": ("DiscussionForumPosting", "QAPage", "Question", "Comment"),
    "service": ("Organization", "LocalBusiness", "Service", "SoftwareApplication", "FAQPage"),
    "website": ("website",),
}
KIND_FLAGS = {kind: tuple(float(kind == one) for one in KINDS) for kind in KINDS}
DIGIT = re.compile(r"\d")
ENDS = ".!?:;\u2026\u3002\uff01\uff1f\uff1a\u061f\u0964"  # the first five are ASCII
COMMAS = ",\u3001\uff0c\u060c"


@dataclass(slots=True)
class Outline:
    """A page's blocks and the elements above them, without the tree: all that the features are made of."""

    texts: Matrix
    """One row a block: see TEXT_FEATURES."""
    words: list[list[str]]
    """The first words of each block, in lower case."""
    holder: list[int]
    """The element that holds each block."""
    parent: list[int]
    """Of each element; parents come before children, the root is its own."""
    names: list[tuple[str, ...]]
    """Of each element: its tag and the words of its attributes."""
    siblings: list[int]
    """How many children of each element's parent look like it: cards, posts, rows."""
    page: Matrix
    """What is true of the whole page: see PAGE_FEATURES."""


TEXT_FEATURES = (
    *KINDS, "level", "characters", "words", "word_length", "links", "ends", "commas", "is_ended", "digits", "capitals",
    "has_price", "has_year", "repeats", "title_share", "is_title",
)  # fmt: skip
PAGE_FEATURES = ("elements", "blocks", "words", "mean_links", *(f"schema_{kind}" for kind in SCHEMAS), "products",
                 *(f"share_{kind}" for kind in KINDS), "prices", "median_words")  # fmt: skip


def outline(blocks: Sequence[Any], html: str, title: str) -> Outline:
    """Look at the blocks of a page (in document order) once."""
    index: dict[Any, int] = {}
    parent: list[int] = []
    names: list[tuple[str, ...]] = []
    looks: list[tuple[int, str, str]] = []
    cache: dict[str, tuple[str, ...]] = {}
    holder: list[int] = []
    for block in blocks:
        path, element = [], block.element
        while element is not None and element not in index:
            path.append(element)
            element = element.getparent()
        above = index[element] if element is not None else 0
        for element in reversed(path):
            tag, said = element.tag, dict(element.items())
            own = " ".join([said[name][:NAMES_WITHIN] for name in ATTRIBUTES if name in said]) if said else ""
            if own not in cache:
                cache[own] = tuple({name.lower() for name in NAME.findall(own)})
            index[element] = len(parent)
            looks.append((above, tag, said.get("class", "")))
            parent.append(above)
            names.append((f"<{tag}>", *cache[own]))
            above = len(parent) - 1
        holder.append(above)
    alike = Counter(looks)
    words = [block.text.lower().split() for block in blocks]
    texts = _texts(blocks, words, title)
    return Outline(texts, [some[:FIRST_WORDS] for some in words], holder, parent, names,
                   [alike[look] for look in looks], _page(texts, html, len(parent)))  # fmt: skip


def _texts(blocks: Sequence[Any], words: list[list[str]], title: str) -> Matrix:
    repeats = Counter(block.text for block in blocks)
    title_words = set(WORD.findall(title.lower()))
    rows = []
    for block, its_words in zip(blocks, words, strict=True):
        text, kind, count = block.text, block.kind, len(its_words)
        characters = len(text) or 1
        level = int(block.markdown[:7].count("#")) if kind == "heading" else 0
        ends, commas = (ENDS[:5], COMMAS[:1]) if text.isascii() else (ENDS, COMMAS)
        common = sum([word in title_words for word in its_words[:FIRST_WORDS]]) if title_words else 0
        rows.append((
            *KIND_FLAGS[kind],
            level,
            characters,
            count,
            characters / (count or 1),
            min(block.links / characters, 1.0),
            sum([text.count(sign) for sign in ends]),
            sum([text.count(sign) for sign in commas]),
            text[-1:] in ENDS,
            len(DIGIT.findall(text[:200])) / min(characters, 200),
            sum([word[:1].isupper() for word in text.split(None, 20)[:20]]) / min(count or 1, 20),
            PRICE.search(text) is not None,
            YEAR.search(text) is not None,
            repeats[text],
            common / min(count or 1, FIRST_WORDS),
            common >= 2 and common >= 0.8 * min(count, FIRST_WORDS) and common >= 0.5 * len(title_words),
        ))  # fmt: skip
    return np.array(rows, np.float32).reshape(len(rows), len(TEXT_FEATURES))


def _page(texts: Matrix, html: str, elements: int) -> Matrix:
    types = Counter([found for pattern in TYPES for found in pattern.findall(html)])
    column = {name: texts[:, place] for place, name in enumerate(TEXT_FEATURES)}
    words = column["words"]
    total = max(float(words.sum()), 1.0)
    return np.array([
        elements, len(texts), total, float((column["links"] * words).sum()) / total,
        *[any(name in types for name in names) for names in SCHEMAS.values()],
        min(types["Product"], 50),
        *[float((column[kind] * words).sum()) / total for kind in KINDS],
        float(column["has_price"].sum()),
        float(np.median(words)) if len(words) else 0.0,
    ], np.float32)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Odds:
    """How much more often than not a name or word stands at content: log-odds in hundredths."""

    names: Mapping[str, int]
    words: Mapping[str, int]


ABOVE = (1, 2, 3, 5, 8)
"""Steps up from the holder of a block at which its surroundings are looked at."""
AROUND_FEATURES = ("words", "links", "ends", "blocks", "paragraph_words", "before")
BEFORE_AFTER = (-3, -2, -1, 1, 2, 3)
NEIGHBOUR_FEATURES = ("words", "links", "level", "is_ended", "list_item", "paragraph")
NEIGHBOUR_ODDS = ("odds", "path", "is_sibling")


def feature_names() -> list[str]:
    """The columns of `features`."""
    return [
        *TEXT_FEATURES, "at", "words_before", "words_after", "depth",
        "odds_words", "odds_lowest", "odds_highest",
        "odds_own", "odds_path", "odds_path_lowest", "odds_path_highest", "alike", "alike_above",
        *(f"{name}_{steps}_up" for steps in ABOVE for name in AROUND_FEATURES),
        "up_to_best",
        *(f"{name}_at_{step:+d}" for step in BEFORE_AFTER for name in (*NEIGHBOUR_FEATURES, *NEIGHBOUR_ODDS)),
        *(f"page_{name}" for name in PAGE_FEATURES),
    ]  # fmt: skip


def features(page: Outline, odds: Odds) -> Matrix:
    """One row a block."""
    texts = page.texts
    count = len(texts)
    column = {name: texts[:, place] for place, name in enumerate(TEXT_FEATURES)}
    holder = np.array(page.holder, np.int64)
    word_odds = _word_odds(page.words, odds.words)
    path, depth = _path_odds(page, odds.names)
    words = column["words"]
    before = np.cumsum(words) - words
    total = max(float(words.sum()), 1.0)
    up, best = _surroundings(page, column, holder)
    parts = [
        texts,
        np.stack(
            [np.arange(count) / max(count, 1), before / total, (total - before - words) / total, depth[holder]], 1
        ),
        word_odds,
        path[holder],
        *up,
        best[:, None],
    ]
    near = np.stack([*[column[name] for name in NEIGHBOUR_FEATURES], word_odds[:, 0], path[holder, 1]], 1)
    above = np.array(page.parent, np.int64)[holder]
    for step in BEFORE_AFTER:
        beside = np.full((count, near.shape[1] + 1), -1, np.float32)
        here, there = shifted(step)
        beside[there, :-1] = near[here]
        beside[there, -1] = (holder[here] == holder[there]) | (above[here] == above[there])
        parts.append(beside)
    parts.append(np.broadcast_to(page.page, (count, len(page.page))))
    return np.concatenate(parts, 1, dtype=np.float32, casting="same_kind")


def shifted(step: int) -> tuple[slice, slice]:
    """(where the neighbours `step` blocks on stand, where those stand that see them)"""
    return (slice(step, None), slice(None, -step)) if step > 0 else (slice(None, step), slice(-step, None))


def _word_odds(words: list[list[str]], odds: Mapping[str, int]) -> Matrix:
    rows = []
    for some in words:
        known = [odds[word] for word in some if word in odds]
        rows.append((sum(known) / len(known), min(known), max(known)) if known else (0, 0, 0))
    return np.array(rows, np.float32).reshape(len(rows), 3)


def _path_odds(page: Outline, odds: Mapping[str, int]) -> tuple[Matrix, Matrix]:
    """(per element: own, on the path: sum, lowest, highest, alike of itself and the most above; its depth)"""
    rows: list[tuple[int, int, int, int, int, int]] = []
    depths: list[int] = []
    for number, (above, names) in enumerate(zip(page.parent, page.names, strict=True)):
        known = [odds[name] for name in names if name in odds]
        low, high = (min(known), max(known)) if known else (0, 0)
        own, alike = low + high, page.siblings[number]
        if number == 0:
            rows.append((own, own, low, high, alike, 0))
            depths.append(0)
            continue
        _, path, path_low, path_high, above_alike, alike_above = rows[above]
        rows.append((own, path + own, min(low, path_low), max(high, path_high), alike, max(above_alike, alike_above)))
        depths.append(depths[above] + 1)
    return np.array(rows, np.float32).reshape(len(rows), 6), np.array(depths, np.float32)


def _surroundings(
    page: Outline, column: Mapping[str, Matrix], holder: npt.NDArray[np.int64]
) -> tuple[list[Matrix], Matrix]:
    """(what the elements above each block hold, at each of ABOVE; steps up to the one with the most paragraphs)"""
    count = len(page.parent)
    words, links = column["words"], column["links"] * column["words"]
    prose = words * (column["paragraph"] + column["quote"]) * (column["links"] < 0.3) * (words >= 8)
    values = np.stack([words, links, column["ends"], np.ones_like(words), prose], 1)
    sums = np.zeros((count, values.shape[1]), np.float32)
    np.add.at(sums, holder, values)
    own = sums.tolist()
    for number in range(count - 1, 0, -1):  # children before parents
        one, two, three, four, five = own[number]
        above = own[page.parent[number]]
        above[0] += one
        above[1] += two
        above[2] += three
        above[3] += four
        above[4] += five
    sums = np.array(own, np.float32).reshape(count, values.shape[1])
    parent = np.array(page.parent, np.int64)
    total = max(float(words.sum()), 1.0)
    first = np.full(count, len(words), np.int64)
    np.minimum.at(first, holder, np.arange(len(words)))
    starts = first.tolist()
    for number in range(count - 1, 0, -1):
        starts[page.parent[number]] = min(starts[page.parent[number]], starts[number])
    ups, at, steps = [], holder, 0
    position = np.arange(len(words))
    for step in ABOVE:
        while steps < step:
            at, steps = parent[at], steps + 1
        here = sums[at]
        held = np.maximum(here[:, 0], 1)
        ups.append(np.stack([here[:, 0] / total, here[:, 1] / held, here[:, 2] / held, here[:, 3], here[:, 4] / held,
                             position - np.array(starts)[at]], 1))  # fmt: skip
    # The element whose own children hold the most prose is where an article usually is.
    direct = np.zeros(count, np.float32)
    np.add.at(direct, parent[holder], prose)
    np.add.at(direct, holder, prose)
    best = int(direct.argmax()) if count else 0
    chain, element = {best: 0}, best
    while element:
        chain[page.parent[element]] = chain[element] + 1
        element = page.parent[element]
    far = []
    for element in page.holder:
        while element not in chain:
            element = page.parent[element]
        far.append(chain[element])
    return ups, np.array(far, np.float32)
