"""What the content classifier sees of a page's blocks: numbers about their words, places and surroundings."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.kernels.blocks import ancestry
from pipeline.kernels.blocks.signs import CAPITALS_WITHIN, DIGITS_WITHIN, signs
from pipeline.kernels.blocks.signs import COLUMNS as SIGNS

Matrix = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
KINDS = ("heading", "paragraph", "list_item", "table", "code", "formula", "quote", "caption")
ATTRIBUTES = ("class", "id", "role", "itemprop", "data-testid", "aria-label")
NAME = re.compile(r"[A-Za-z][a-z]{2,}")
NAMES_WITHIN = 200
"""Characters of an attribute: utility classes go on for thousands."""
WORD = re.compile(r"\w+")
FIRST_WORDS = 16
"""Words of a block that are looked up in the table."""
TYPES = (
    ("@", 0, re.compile(r"@type[\"']\s*:\s*\[?\s*[\"'](\w+)")),
    ("itemtype=", 0, re.compile(r"itemtype=[\"']?https?://schema.org/(\w+)")),
    ("og:type", len("property='"), re.compile(r"property=[\"']og:type[\"']\s+content=[\"'](\w+)")),
)
"""What a page says it is, in the ways it may: a word or sign to look for, which takes half the time of looking for the
pattern, how many characters before it the pattern begins, and the pattern."""
TYPE_BEFORE = re.compile(r"content=[\"'](\w+)[\"']\s+property=[\"']\Z")
"""Or the other way round, up to og:type."""
TYPE_WITHIN = 120
"""Characters before og:type."""
SCHEMAS: Mapping[str, Sequence[str]] = {
    "article": ("Article", "NewsArticle", "BlogPosting", "TechArticle", "Recipe", "article"),
    "product": ("Product", "ProductGroup", "product"),
    "list": ("ItemList", "CollectionPage", "SearchResultsPage"),
    "forum": ("DiscussionForumPosting", "QAPage", "Question", "Comment"),
    "service": ("Organization", "LocalBusiness", "Service", "SoftwareApplication", "FAQPage"),
    "website": ("website",),
}
KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
KIND_FLAGS = np.eye(len(KINDS), dtype=np.float32)


@dataclass(slots=True)
class Outline:
    """A page's blocks and the elements above them, without the tree: all that the features are made of."""

    texts: Matrix
    """One row a block: see TEXT_FEATURES."""
    words: list[list[str]]
    """The first words of each block, in lower case."""
    holder: Numbers
    """The element that holds each block."""
    parent: Numbers
    """Of each element; parents come before children, the root is its own."""
    look: Numbers
    """Of each element, the place of its names in `names`."""
    names: list[tuple[str, ...]]
    """A tag and the words of its attributes, sorted: each combination once."""
    siblings: Numbers
    """How many children of each element's parent look like it: cards, posts, rows."""
    page: Matrix
    """What is true of the whole page: see PAGE_FEATURES."""


TEXT_FEATURES = (
    *KINDS, "level", "characters", "words", "word_length", "links", "ends", "commas", "is_ended", "digits", "capitals",
    "has_price", "has_year", "repeats", "title_share", "is_title", "said_share",
)  # fmt: skip
PAGE_FEATURES = ("elements", "blocks", "words", "mean_links", *(f"schema_{kind}" for kind in SCHEMAS), "products",
                 *(f"share_{kind}" for kind in KINDS), "prices", "median_words")  # fmt: skip


def outline(blocks: Sequence[Any], html: str, title: str, said: str) -> Outline:
    """Look at the blocks of a page (in document order) once. `said`: how the page describes itself."""
    index: dict[Any, int] = {}
    parent: list[int] = []
    look: list[int] = []
    numbers: dict[tuple[str, ...], int] = {}
    known: dict[tuple[str, str], int] = {}
    like: dict[tuple[int, str, str], int] = {}
    alike: list[int] = []
    holder: list[int] = []
    for block in blocks:
        path, element = [], block.element
        while (above := index.get(element)) is None and element is not None:
            path.append(element)
            element = element.getparent()
        place = above or 0
        for element in reversed(path):
            tag, own, its_class = element.tag, "", ""
            items = element.items()  # in one call: six times as fast as to ask for six
            if len(items) == 1:
                name, value = items[0]
                its_class = value if name == "class" else ""
                own = value[:NAMES_WITHIN] if name in ATTRIBUTES else ""
            elif items:
                attributes = dict(items)
                its_class = attributes.get("class", "")
                own = " ".join([value[:NAMES_WITHIN] for name in ATTRIBUTES if (value := attributes.get(name))])
            number = known.get((tag, own))
            if number is None:
                number = known[tag, own] = numbers.setdefault(_names(tag, own), len(numbers))
            alike.append(like.setdefault((place, tag, its_class), len(like)))
            look.append(number)
            parent.append(place)
            place = index[element] = len(index)
        holder.append(place)
    words = [_first_words(block.text) for block in blocks]
    texts = _texts(blocks, words, title, said)
    groups = np.array(alike, np.int64)
    return Outline(texts, words, np.array(holder, np.int64), np.array(parent, np.int64), np.array(look, np.int64),
                   list(numbers), np.bincount(groups)[groups] if alike else groups,
                   _page(texts, html, len(parent)))  # fmt: skip


@functools.lru_cache(1 << 14)  # pages of a site are written alike
def _names(tag: str, attributes: str) -> tuple[str, ...]:
    return (f"<{tag}>", *sorted({name.lower() for name in NAME.findall(attributes)}))


def _first_words(text: str) -> list[str]:
    some = text if len(text) < 200 else " ".join(text.split(None, FIRST_WORDS)[:FIRST_WORDS])
    return some.lower().split()[:FIRST_WORDS]


def _texts(blocks: Sequence[Any], words: list[list[str]], title: str, said: str) -> Matrix:
    if not blocks:
        return np.zeros((0, len(TEXT_FEATURES)), np.float32)
    texts = [block.text for block in blocks]
    repeats = Counter(texts)
    title_words = set(WORD.findall(title.lower()))
    common, told = _shared(words, title_words), _shared(words, set(said.lower().split()))
    seen = dict(zip(SIGNS, signs(texts).T, strict=True))
    characters = np.maximum(np.fromiter(map(len, texts), np.int64, len(texts)), 1)
    count = np.maximum(seen["words"], 1)
    first = np.minimum(seen["words"], FIRST_WORDS)
    level = [int(block.markdown[:7].count("#")) if block.kind == "heading" else 0 for block in blocks]
    is_title = (common >= 2) & (common >= 0.8 * first) & (common >= 0.5 * len(title_words))
    columns = (
        level, characters, seen["words"], characters / count,
        np.minimum(np.array([block.links for block in blocks]) / characters, 1.0),
        seen["ends"], seen["commas"], seen["is_ended"], seen["digits"] / np.minimum(characters, DIGITS_WITHIN),
        seen["capitals"] / np.minimum(count, CAPITALS_WITHIN), seen["has_price"], seen["has_year"],
        [repeats[text] for text in texts], common / np.maximum(first, 1), is_title,
        told / np.maximum(first, 1),
    )  # fmt: skip
    kinds = KIND_FLAGS[[KIND_NUMBERS[block.kind] for block in blocks]]
    return np.column_stack([kinds, *columns]).astype(np.float32)


def _shared(words: list[list[str]], others: set[str]) -> Numbers:
    """Of each block, how many of its words are among the others."""
    alone = others.isdisjoint
    return np.array([0 if alone(some) else sum([word in others for word in some]) for some in words], np.int64)


def _page(texts: Matrix, html: str, elements: int) -> Matrix:
    types = Counter(_types(html))
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


def _types(html: str) -> Iterator[str]:
    for word, before, pattern in TYPES:
        at = html.find(word)
        while at >= 0:
            found = pattern.match(html, max(at - before, 0))
            if found is None and word == "og:type":
                found = TYPE_BEFORE.search(html, max(at - TYPE_WITHIN, 0), at)
            if found:
                yield found[1]
            at = html.find(word, at + len(word))


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


HEADING_FEATURES = ("heading_odds", "heading_lowest", "heading_highest", "heading_level", "from_heading",
                    "words_from_heading", "from_title")  # fmt: skip
"""Of the heading that a block stands under, "Related articles" for one, and how far below it and the title it is."""


def feature_names() -> list[str]:
    """The columns of `features`."""
    return [
        *TEXT_FEATURES, "at", "words_before", "words_after", "depth",
        "odds_words", "odds_lowest", "odds_highest",
        "odds_own", "odds_path", "odds_path_lowest", "odds_path_highest", "alike", "alike_above",
        *(f"{name}_{steps}_up" for steps in ABOVE for name in AROUND_FEATURES),
        "up_to_best", *HEADING_FEATURES,
        *(f"{name}_at_{step:+d}" for step in BEFORE_AFTER for name in (*NEIGHBOUR_FEATURES, *NEIGHBOUR_ODDS)),
        *(f"page_{name}" for name in PAGE_FEATURES),
    ]  # fmt: skip


def features(page: Outline, odds: Odds) -> Matrix:
    """One row a block."""
    texts = page.texts
    count = len(texts)
    column = {name: texts[:, place] for place, name in enumerate(TEXT_FEATURES)}
    holder = page.holder
    word_odds = _word_odds(page.words, odds.words)
    path, depth = _path_odds(page, odds.names)
    words = column["words"]
    before = np.cumsum(words) - words
    total = max(float(words.sum()), 1.0)
    up, best = _surroundings(page, column)
    parts = [
        texts,
        np.stack(
            [np.arange(count) / max(count, 1), before / total, (total - before - words) / total, depth[holder]], 1
        ),
        word_odds,
        path[holder],
        *up,
        best[:, None],
        _headings(column, word_odds, before),
    ]
    near = np.stack([*[column[name] for name in NEIGHBOUR_FEATURES], word_odds[:, 0], path[holder, 1]], 1)
    above = page.parent[holder]
    for step in BEFORE_AFTER:
        beside = np.full((count, near.shape[1] + 1), -1, np.float32)
        here, there = shifted(step)
        beside[there, :-1] = near[here]
        beside[there, -1] = (holder[here] == holder[there]) | (above[here] == above[there])
        parts.append(beside)
    parts.append(np.broadcast_to(page.page, (count, len(page.page))))
    return np.concatenate(parts, 1, dtype=np.float32, casting="same_kind")


def _headings(column: Mapping[str, Matrix], word_odds: Matrix, before: Matrix) -> Matrix:
    count = len(before)
    place = np.arange(count)
    under = np.maximum.accumulate(np.where(column["heading"] > 0, place, -1))
    titles = np.flatnonzero((column["level"] == 1) | (column["is_title"] > 0))
    has, at = (under >= 0)[:, None], np.maximum(under, 0)
    below = np.stack([column["level"][at], place - at, before - before[at]], 1)
    above = np.where(has, np.concatenate([word_odds[at], below], 1), -1)
    return np.column_stack([above, place - (titles[0] if len(titles) else count)])


def shifted(step: int) -> tuple[slice, slice]:
    """(where the neighbours `step` blocks on stand, where those stand that see them)"""
    return (slice(step, None), slice(None, -step)) if step > 0 else (slice(None, step), slice(-step, None))


def _word_odds(words: list[list[str]], odds: Mapping[str, int]) -> Matrix:
    """(mean, lowest, highest) of the words of each block that the table knows"""
    get = odds.get
    known = [[found for word in some if (found := get(word)) is not None] for some in words]
    rows = [(sum(some) / len(some), min(some), max(some)) if some else (0, 0, 0) for some in known]
    return np.array(rows, np.float32).reshape(len(rows), 3)


def _path_odds(page: Outline, odds: Mapping[str, int]) -> tuple[Matrix, Matrix]:
    """(per element: own, on the path: sum, lowest, highest, alike of itself and the most above; its depth)"""
    known = [[odds[name] for name in names if name in odds] or [0] for names in page.names]
    low, high = np.array(list(map(min, known)), np.int64), np.array(list(map(max, known)), np.int64)
    found: tuple[Matrix, Matrix] = ancestry.along_paths(page.parent, page.look, low, high, page.siblings)
    return found


def _surroundings(page: Outline, column: Mapping[str, Matrix]) -> tuple[list[Matrix], Matrix]:
    """(what the elements above each block hold, at each of ABOVE; steps up to the one with the most paragraphs)"""
    holder, parent = page.holder, page.parent
    words, links = column["words"], column["links"] * column["words"]
    prose = words * (column["paragraph"] + column["quote"]) * (column["links"] < 0.3) * (words >= 8)
    values = np.stack([words, links, column["ends"], np.ones_like(words), prose], 1)
    exact = ancestry.held(holder, values, len(parent)).astype(np.float64)
    ancestry.add_up(exact, parent)
    sums = exact.astype(np.float32)
    total = max(float(words.sum()), 1.0)
    starts = ancestry.first_below(holder, parent)
    ups, at, steps = [], holder, 0
    position = np.arange(len(words))
    for step in ABOVE:
        while steps < step:
            at, steps = parent[at], steps + 1
        here = sums[at]
        held = np.maximum(here[:, 0], 1)
        ups.append(np.stack([here[:, 0] / total, here[:, 1] / held, here[:, 2] / held, here[:, 3], here[:, 4] / held,
                             position - starts[at]], 1))  # fmt: skip
    # The element whose own children hold the most prose is where an article usually is.
    direct = np.zeros(len(parent), np.float32)
    np.add.at(direct, parent[holder], prose)
    np.add.at(direct, holder, prose)
    best = int(direct.argmax()) if len(direct) else 0
    return ups, ancestry.steps_to_path(holder, parent, best)
