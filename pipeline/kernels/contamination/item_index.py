"""Where known items stand in texts: runs of five words find candidates, a weighted alignment measures them.

An item is a question and parts that belong to it (choices, an answer, code). A word weighs the logarithm of how rare it
is among the items (inverse document frequency), so that "of the following" says little and "photosynthesis" much.

1. Every run of SEED words of an item is a seed, unless more than COMMON items share it or its weight is below LIGHT:
   boilerplate. An item of which nothing is left keeps its lighter and commoner ones, and runs of SHORT words that are
   heavy or its heaviest.
2. A text's runs are looked up, first in a bitmap that stays in the cache. An item whose seeds in one stretch of text
   cover COVER of its question's weight, or three of its seeds, is a candidate.
   An item of which no part has SHORT words is known by the first SHORT of it as it is listed: "Planets orbit A. Earth".
3. Of a candidate the longest common subsequence of question and text is found, by weight. It survives swapped words,
   other punctuation and, since numbers are one word, other numbers. Then each part is sought near the same way, with
   its numbers as they are and in any order of the parts: options may be shuffled.

What share means contamination is the caller's decision. Shares are of weight, between 0 and 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.contamination.plain_words import BASE, PlainWords, plain_words, run_hashes, split, word_hash
from pipeline.kernels.utf8 import Array, text_buffers

SEED, SHORT = 5, 3
COMMON, RARE_ENOUGH = 8, 8
LIGHT = 12.0  # natural logarithms: three words that one item in 55 has each
COVER = 0.2
SLACK = 6
AROUND = 30
"""Words between a question and its parts that are looked over."""
BEHIND = 1
"""Words between a question and an answer that is right behind it: `Answer:` or a letter."""
HIT = np.dtype(
    [("row", "i4"), ("item", "i4"), ("question", "f4"), ("exact", "f4"), ("answer", "f4"), ("next", "f4"),
     ("parts", "f4"), ("words", "i4"), ("begin", "i4"), ("end", "i4")]
)  # fmt: skip
"""question: share of the question found; exact: the same with numbers as they are; answer: of the part that is the
answer; next: the same right behind the question; parts: of all parts; words, begin, end: how many words and which bytes
of the text the question spans."""


class ItemIndex(NamedTuple):
    words: Array
    raws: Array
    stems: Array
    weights: Array
    """Of each word in its item, as one of all numbers."""
    raw_weights: Array
    """The same for the word as it is."""
    parts: Array
    """First word of each part; the parts of an item follow one another, its question first."""
    first: Array
    """First part of each item, and behind it the number of parts."""
    answer: Array
    """Which part of the item is its answer; 0: it has none."""
    question_weight: Array
    bitmap: Array
    table: Array
    """Open addressing: a seed and where its postings begin; 0 is a free slot."""
    postings: Array
    """(item, place of the seed's first word), all postings of a seed in a row; the last has its sign bit set."""


def build_index(texts: list[list[str]], answers: list[int]) -> ItemIndex:
    """The index of items, each a list of its question and parts; `answers` says which part is the answer, or 0."""
    found = plain_words(pa.array([part for item in texts for part in item], pa.string()))
    first = np.concatenate([[0], np.cumsum([len(item) for item in texts])]).astype(np.int64)
    ends = found.offsets[first]
    owner = np.repeat(np.arange(len(texts)), np.diff(ends))
    weights = _weights(found.words, owner, len(texts))
    raw_weights = _weights(found.raws, owner, len(texts))
    question = np.array(
        [weights[found.offsets[at] : found.offsets[at + 1]].sum() for at in first[:-1]], np.float32
    ) if len(texts) else np.zeros(0, np.float32)  # fmt: skip
    seeds, places = _seeds(found, weights, owner, first)
    bitmap, table, postings = _lookup(seeds, places, owner)
    return ItemIndex(
        found.words, found.raws, found.stems, weights, raw_weights, found.offsets, first,
        np.array(answers, np.int32), question, bitmap, table, postings,
    )  # fmt: skip


def find_items(index: ItemIndex, texts: pa.StringArray) -> Array:
    """Candidates of all texts with what was measured (HIT), in the order of row and item."""
    data, offsets = text_buffers(texts)
    longest = int(np.diff(offsets).max()) if len(texts) else 0
    hits = np.zeros(64, HIT)
    count = _scan(data, offsets, longest, index, hits)
    while count > len(hits):  # rare: run again with room for all
        hits = np.zeros(count, HIT)
        count = _scan(data, offsets, longest, index, hits)
    return hits[:count]


def _weights(values: Array, owner: Array, items: int) -> Array:
    """Logarithm of items by items with the word."""
    having = _having(values, owner)
    return np.log((items + 1) / having).astype(np.float32)


def _seeds(found: PlainWords, weights: Array, owner: Array, first: Array) -> tuple[Array, Array]:
    """The hash of each seed that is worth looking for, and its first word, sorted by hash."""
    hashes, places, weight, having = _runs(found, weights, owner, SEED)
    good = (having <= COMMON) & (weight >= LIGHT)
    bare = ~np.isin(owner, owner[places[good]])  # words of items of which nothing is left
    good |= bare[places] & (having <= RARE_ENOUGH * COMMON)
    short, short_places, short_weight, having = _runs(found, weights, owner, SHORT)
    kept = bare[short_places] & (having <= RARE_ENOUGH * COMMON)
    kept &= (short_weight >= LIGHT) | _heaviest(np.where(kept, short_weight, 0), owner[short_places])
    least = np.setdiff1d(owner, owner[np.concatenate([places[good], short_places[kept]])])
    listed, listed_places = _listed(found, least, first)
    seeds = np.concatenate([hashes[good], short[kept], listed])
    order = np.argsort(seeds, kind="stable")
    return seeds[order], np.concatenate([places[good], short_places[kept], listed_places])[order]


def _listed(found: PlainWords, items: Array, first: Array) -> tuple[Array, Array]:
    """Of each of these items the hash of its first SHORT words with the letter before its first choice."""
    hashes, places = [], []
    for item in items:
        begin, end = found.offsets[first[item]], found.offsets[first[item] + 1]
        rest = found.offsets[min(first[item] + 2, first[item + 1])]
        words = [*found.words[begin:end], word_hash("a"), *found.words[end:rest]][:SHORT]
        if 0 < end - begin < SHORT and len(words) == SHORT:
            hashes.append(run_hashes(np.array(words, np.uint64), np.zeros(SHORT), SHORT)[0][0] | np.uint64(1))
            places.append(begin)
    return np.array(hashes, np.uint64), np.array(places, np.int64)


def _heaviest(weight: Array, owner: Array) -> Array:
    """Marks the heaviest of each owner."""
    order = np.lexsort((-weight, owner))
    marked = np.zeros(len(weight), np.bool_)
    marked[order[np.unique(owner[order], return_index=True)[1]]] = True
    return marked


def _runs(found: PlainWords, weights: Array, owner: Array, words: int) -> tuple[Array, Array, Array, Array]:
    """Of each run of so many words within a part: its hash, first word, weight, and how many items have it."""
    part = np.repeat(np.arange(len(found.offsets) - 1), np.diff(found.offsets))
    hashes, places = run_hashes(found.words, part, words)
    weight = np.zeros(len(places), np.float32)
    for k in range(words):
        weight += weights[places + k]
    hashes |= np.uint64(1)
    return hashes, places, weight, _having(hashes, owner[places])


def _having(values: Array, owner: Array) -> Array:
    """For each value how many owners have it."""
    if not len(values):
        return np.zeros(0, np.int64)
    kinds, codes = np.unique(values, return_inverse=True)
    owners = int(owner.max()) + 1
    pairs = np.unique(codes.astype(np.int64) * owners + owner)
    return np.bincount(pairs // owners, minlength=len(kinds))[codes]


def _lookup(seeds: Array, places: Array, owner: Array) -> tuple[Array, Array, Array]:
    bits = 1 << max(10, int(np.ceil(np.log2(max(len(seeds), 1) * 12))))
    bitmap = np.zeros(bits // 64, np.uint64)
    table = np.zeros((1 << max(4, int(np.ceil(np.log2(max(len(seeds), 1) * 2)))), 2), np.uint64)
    postings = np.zeros((len(seeds), 2), np.int32)
    postings[:, 0], postings[:, 1] = owner[places], places
    _fill(seeds, bitmap, table, postings)
    return bitmap, table, postings


@njit(cache=True, nogil=True)
def _fill(seeds, bitmap, table, postings):
    for i in range(len(seeds)):
        if i and seeds[i] == seeds[i - 1]:
            continue
        bitmap[_place(bitmap, seeds[i])] |= _bits(seeds[i])
        slot = _slot(table, seeds[i])
        table[slot, 0], table[slot, 1] = seeds[i], np.uint64(i)
    for i in range(len(seeds)):
        if i + 1 == len(seeds) or seeds[i + 1] != seeds[i]:
            postings[i, 0] = ~postings[i, 0]  # the last of its seed


@njit(cache=True, nogil=True, inline="always")
def _place(bitmap, seed):
    return (seed >> np.uint64(20)) & np.uint64(len(bitmap) - 1)


@njit(cache=True, nogil=True, inline="always")
def _bits(seed):
    """Three bits of one number, so that a seed that is not there costs one look into memory."""
    one, two, three = seed >> np.uint64(46), seed >> np.uint64(52), seed >> np.uint64(58)
    each = np.uint64(63)
    return np.uint64(1) << (one & each) | np.uint64(1) << (two & each) | np.uint64(1) << (three & each)


@njit(cache=True, nogil=True)
def _slot(table, seed):
    mask = np.uint64(len(table) - 1)
    slot = (seed ^ (seed >> np.uint64(31))) & mask
    while table[slot, 0] != seed and table[slot, 0] != 0:
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit(cache=True, nogil=True)
def _scan(data, offsets, longest, index, hits):
    hashes, places = np.empty((3, longest), np.uint64), np.empty((2, longest), np.int32)
    found = np.empty((256, 3), np.int64)
    leaving = np.uint64(1)
    for _ in range(SEED):
        leaving *= BASE
    whole = np.uint64(SEED) * leaving  # what `_runs` begins with
    bitmap, table, postings = index.bitmap, index.table, index.postings  # handing all of it over costs time
    count = 0
    for row in range(len(offsets) - 1):
        size = split(data, offsets[row], offsets[row + 1], hashes, places, 0)
        seen, run = 0, np.uint64(0)
        for i in range(size):
            run = run * BASE + hashes[0, i]
            if i >= SEED:
                run -= hashes[0, i - SEED] * leaving
            for words in (SEED, SHORT):
                if i < words - 1:
                    continue
                if words == SEED:
                    seed = run + whole
                else:
                    seed = np.uint64(SHORT)
                    for k in range(i - SHORT + 1, i + 1):
                        seed = seed * BASE + hashes[0, k]
                seed |= np.uint64(1)
                bits = _bits(seed)
                if bitmap[_place(bitmap, seed)] & bits == bits:
                    found, seen = _append(table, postings, seed, i - words + 1, found, seen)
        if seen:
            count = _measure(row, hashes[:, :size], places, found[:seen], index, hits, count)
    return count


@njit(cache=True, nogil=True)
def _append(table, postings, seed, word, found, seen):
    """Append the postings of a seed that begins at this word: item, word of the text, word of the item."""
    slot = _slot(table, seed)
    if table[slot, 0] == 0:
        return found, seen
    posting = np.int64(table[slot, 1])
    while True:
        if seen == len(found):
            larger = np.empty((2 * seen, 3), np.int64)
            larger[:seen] = found
            found = larger
        item = postings[posting, 0]
        found[seen, 0] = ~item if item < 0 else item
        found[seen, 1], found[seen, 2] = word, postings[posting, 1]
        seen += 1
        if item < 0:
            return found, seen
        posting += 1


@njit(cache=True, nogil=True)
def _measure(row, hashes, places, found, index, hits, count):
    """Measure the candidates among the items of which seeds were found in one text."""
    order = np.argsort(found[:, 0] * np.int64(hashes.shape[1] + 1) + found[:, 1])
    at = 0
    while at < len(order):
        item, stop = found[order[at], 0], at
        while stop < len(order) and found[order[stop], 0] == item:
            stop += 1
        left, right = np.int64(0), np.int64(0)
        if stop - at > 1 or _is_much(found[order[at], 2], index, item):
            left, right = _stretch(found, order, at, stop, index, item)
        if left < right:
            count = _align(row, hashes, places, max(left, 0), min(right, hashes.shape[1]), index, item, hits, count)
        at = stop
    return count


@njit(cache=True, nogil=True)
def _is_much(place, index, item):
    """Is a single seed enough to look closer?"""
    return index.weights[place : place + SEED].sum() >= COVER * index.question_weight[item]


@njit(cache=True, nogil=True)
def _stretch(found, order, at, stop, index, item):
    """The words of the text among which the question is to be aligned; (0, 0) if too little of the item is there.

    Of the stretches no longer than twice the item, the one that holds most seeds. Seeds of the question say where it
    must begin and end, give or take SLACK; where only parts have seeds, it is sought all around them.
    """
    begin, end = index.parts[index.first[item]], index.parts[index.first[item + 1]]
    size = index.parts[index.first[item] + 1] - begin
    reach = 2 * (end - begin) + AROUND
    best, best_low, best_high, low = -1, at, at, at
    for high in range(at, stop):
        while found[order[high], 1] - found[order[low], 1] > reach:
            low += 1
        if high - low > best:
            best, best_low, best_high = high - low, low, high
    covered = np.zeros(end - begin, np.bool_)
    seeds = 0
    left, right = np.int64(1 << 40), np.int64(-(1 << 40))
    for k in range(best_low, best_high + 1):
        word, place = found[order[k], 1], found[order[k], 2] - begin
        seeds += not covered[place]
        covered[place : place + SEED] = True
        if place < size:
            left, right = min(left, word - place), max(right, word - place + size)
    weight = np.float32(0)
    for k in range(len(covered)):
        if covered[k]:
            weight += index.weights[begin + k]
    if weight < COVER * index.question_weight[item] and seeds < 3:
        return np.int64(0), np.int64(0)
    if left > right:
        return found[order[best_low], 1] - (end - begin) - AROUND, found[order[best_high], 1] + end - begin
    slack = size // 4 + SLACK
    return left - slack, right + slack


@njit(cache=True, nogil=True)
def _align(row, hashes, places, left, right, index, item, hits, count):
    first, last = index.first[item], index.first[item + 1]
    begin, end = index.parts[first], index.parts[first + 1]
    size, all_words = end - begin, index.parts[last] - begin
    share, start, stop = common(index.words[begin:end], index.weights[begin:end], hashes[0, left:right])
    if stop <= start:
        return count
    exact, _, _ = common(index.raws[begin:end], index.raw_weights[begin:end], hashes[1, left:right])
    start, stop = left + start, left + stop
    reach = 2 * (all_words - size) + AROUND
    near = hashes[1, max(0, start - reach) : min(hashes.shape[1], stop + reach)]
    answer, behind, held, total = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for part in range(first + 1, last):
        one, other = index.parts[part], index.parts[part + 1]
        found, _, _ = common(index.raws[one:other], index.raw_weights[one:other], near)
        weight = index.raw_weights[one:other].sum()
        held, total = held + found * weight, total + weight
        if part - first == index.answer[item]:
            answer = found
            behind, _, _ = common(
                index.raws[one:other], index.raw_weights[one:other], hashes[1, stop : stop + other - one + BEHIND]
            )
    if count < len(hits):
        hits[count].row, hits[count].item = row, item
        hits[count].question, hits[count].exact, hits[count].answer, hits[count].next = share, exact, answer, behind
        hits[count].parts = held / total if total > 0 else np.float32(0)
        hits[count].words = stop - start
        hits[count].begin, hits[count].end = places[0, start], places[1, stop - 1]
    return count + 1


@njit(cache=True, nogil=True)
def common(item, weights, text):
    """Share of the weight of the longest common subsequence, and the tightest span of the text that holds it."""
    size = len(item)
    value, start = np.zeros(size + 1, np.float32), np.zeros(size + 1, np.int64)
    best, first, last = np.float32(0), 0, 0
    for j in range(len(text)):
        before, began = np.float32(0), np.int64(j)  # of one word of the item less, at the word of the text before
        for i in range(1, size + 1):
            here, here_began = value[i], start[i]
            if item[i - 1] == text[j]:
                found, found_began = before + weights[i - 1], began if before > 0 else np.int64(j)
                if found > here or (found == here and found_began > here_began):
                    value[i], start[i] = found, found_began
            if value[i - 1] > value[i] or (value[i - 1] == value[i] and start[i - 1] > start[i]):
                value[i], start[i] = value[i - 1], start[i - 1]
            before, began = here, here_began
        tighter = value[size] == best and j + 1 - start[size] < last - first
        if value[size] > best or tighter:
            best, first, last = value[size], start[size], j + 1
    total = weights.sum()
    return (best / total if total > 0 else np.float32(0)), first, last
