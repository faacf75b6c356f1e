"""How much of each document its repeated word n-grams make up, as Gopher's repetition rules measure it.

An n-gram can repeat only where the shorter ones in it repeat, and counts towards a rule only from its second appearance
on. So after pairs, which every document needs, a length is looked at only if what repeats so far could exceed a limit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import Array, character_count
from pipeline.kernels.words.words import NOT_ASCII, Words

BASE = np.uint64(0x9E3779B97F4A7C15)
TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)


NEW, FIRST, LATER = range(3)
"""Of an n-gram at a place: it appears once; here first, and again later; it has appeared before."""


def repetition(words: Words, rows: Array, limits: Array) -> tuple[Array, Array]:
    """Characters in repeated n-grams, for the documents in `rows`.

    Returns (rows x 3) the characters of the most frequent 2-, 3- and 4-gram times its count, spaces included, 0 where
    the text has fewer words; and (rows x 6) those of repeated 5- to 10-grams, each counted from its second appearance
    on and without overlap. What cannot exceed its limit in `limits` (rows x 9) may be left at 0, and so may all that
    comes after the first that exceeds one; limits below 0 ask for everything.
    """
    top, duplicate = _repetition(
        words.begin, words.end, words.start, words.stop, words.hash, words.flags, words.data, rows, limits
    )
    return top, duplicate


@njit(cache=True, nogil=True)
def _find(table, mask, key):
    """The slot that holds this key, or the free one where it belongs. A slot is a key and what is known of it."""
    slot = (key ^ (key >> np.uint64(32))) & mask
    while table[slot, 0] != key and table[slot, 0] != 0:
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit(cache=True, nogil=True)
def _key(hashes, i, n):
    """64 bits that stand for the n words from `i` on; never 0, which marks a free slot."""
    key = np.uint64(0)
    for k in range(n):
        key = key * BASE + hashes[i + k]
    return key | np.uint64(key == 0)


@njit(cache=True, nogil=True)
def _length(start, stop, flags, data, word):
    """Characters of a word."""
    if flags[word] & NOT_ASCII:
        return character_count(data, start[word], stop[word])
    return np.int64(stop[word] - start[word])


@njit(cache=True, nogil=True)
def _span(start, stop, flags, data, word, n):
    """Characters of n words."""
    total = 0
    for k in range(word, word + n):
        total += _length(start, stop, flags, data, k)
    return total


@njit(cache=True, nogil=True)
def _repetition(begin, end, start, stop, hashes, flags, data, rows, limits):
    top = np.zeros((len(rows), 3), np.int64)
    duplicate = np.zeros((len(rows), 6), np.int64)
    longest = 0
    for row in rows:
        longest = max(longest, end[row] - begin[row])
    table = np.empty((_slots_for(longest), 2), np.uint64)
    state = np.empty(longest, np.uint8)
    runs, later = np.empty(longest + 1, np.int32), np.empty(longest + 1, np.int32)
    for r in range(len(rows)):
        first, words = np.int64(begin[rows[r]]), np.int64(end[rows[r]] - begin[rows[r]])
        size, best, repeated = 1, max(words, 1), words  # `state` is that of n-grams of this size
        state[:words] = FIRST
        longest_word = 0
        for i in range(first, first + words):
            longest_word = max(longest_word, stop[i] - start[i])
        for n in range(2, 5):
            most = limits[r, n - 2] / best
            possible = n * longest_word + n > most
            if possible and n > 2:
                possible = _longest_span(start, stop, first, words, n, size, state) > most
            if n <= words and (possible or n == 2):
                part = table[: _slots_for(repeated)]
                best, place, repeated = _repeats(hashes[first : first + words], n, n - size, part, state)
                top[r, n - 2] = best * (_span(start, stop, flags, data, first + place, n) + n - 1)
                size = n
                if top[r, n - 2] > limits[r, n - 2] >= 0:
                    break
        if top[r, size - 2] > limits[r, size - 2] >= 0:
            continue
        _find_runs(state[:words], LATER, later)
        if not _may_exceed(limits[r], start, stop, flags, data, first, words, size, later):
            continue
        part = table[: _slots_for(repeated)]
        _, _, repeated = _repeats(hashes[first : first + words], 5, 5 - size, part, state)
        _find_runs(state[:words], LATER, later)
        _find_runs(state[:words], FIRST, runs)
        part = table[: _slots_for(repeated)]
        for n in range(5, 11):
            if _covered(start, stop, flags, data, first, words, n, 5, later) > limits[r, n - 2]:
                duplicate[r, n - 5] = _duplicate(start, stop, hashes, flags, data, first, words, n, part, runs)
                if duplicate[r, n - 5] > limits[r, n - 2] >= 0:
                    break
    return top, duplicate


@njit(cache=True, nogil=True)
def _slots_for(entries):
    slots = 16
    while slots < 2 * entries:
        slots *= 2
    return slots


@njit(cache=True, nogil=True)
def _longest_span(start, stop, first, words, n, size, state):
    """At most so many characters, joined by spaces, has an n-gram that repeats: whose first and last (size)-gram do."""
    longest = 0
    for i in range(words - n + 1):
        if i == 0 or (state[i] != NEW and state[i + n - size] != NEW):
            longest = max(longest, np.int64(stop[first + i + n - 1]) - start[first + i] + n - 1)
    return longest


@njit(cache=True, nogil=True)
def _repeats(hashes, n, more, table, state):
    """How often the most frequent n-gram appears, where it first does, and how many appear more than once.

    `state` is that of (n - more)-grams coming in, and that of n-grams going out. All of the shorter ones in an n-gram
    repeat if it does, so that other places need not be looked at.
    """
    table[:] = 0
    mask = np.uint64(len(table) - 1)
    positions = max(len(hashes) - n + 1, 0)
    best, best_at, repeated = np.int64(1), np.int64(0), 0
    for i in range(positions):
        possible = True
        for k in range(i, i + more + 1):
            possible = possible and state[k] != NEW
        state[i] = NEW
        if not possible:
            continue
        key = _key(hashes, i, n)
        slot = _find(table, mask, key)
        if table[slot, 0] == 0:
            table[slot, 0], table[slot, 1] = key, np.uint64(i)
            continue
        count = np.int64(table[slot, 1] >> np.uint64(32)) + 2  # in the upper half, less the first appearance
        place = np.int64(table[slot, 1] & np.uint64(0xFFFFFFFF))
        table[slot, 1] += np.uint64(1 << 32)
        repeated += 1 + (state[place] == NEW)
        state[place], state[i] = FIRST, LATER
        if count > best or (count == best and place < best_at):
            best, best_at = count, place
    state[positions : len(hashes)] = NEW
    return best, best_at, repeated


@njit(cache=True, nogil=True)
def _find_runs(state, least, runs):
    """`runs[i]`: how many n-grams in a row, from word i on, are in this state or one after it."""
    runs[len(state)] = 0
    for i in range(len(state) - 1, -1, -1):
        runs[i] = runs[i + 1] + 1 if state[i] >= least else 0


@njit(cache=True, nogil=True)
def _covered(start, stop, flags, data, first, words, n, size, later):
    """Characters of all words in n-grams whose (size)-grams have all appeared before: no others count as repeated."""
    characters, covered = 0, 0
    for i in range(words - n + 1):
        if later[i] > n - size:
            for k in range(max(covered, i), i + n):
                characters += _length(start, stop, flags, data, first + k)
            covered = i + n
    return characters


@njit(cache=True, nogil=True)
def _may_exceed(limits, start, stop, flags, data, first, words, size, later):
    """Could any of the rules on 5- to 10-grams be broken?"""
    return _covered(start, stop, flags, data, first, words, 5, size, later) > limits[3:].min()


@njit(cache=True, nogil=True)
def _duplicate(start, stop, hashes, flags, data, first, words, n, table, runs):
    """Characters of n-grams that have appeared before; `runs` are those of 5-grams that repeat."""
    table[:] = 0
    mask = np.uint64(len(table) - 1)
    i, characters = 0, 0
    while i < words - n + 1:
        if runs[i] < n - 4:
            i += 1
            continue
        key = _key(hashes, first + i, n)
        slot = _find(table, mask, key)
        if table[slot, 0] != 0:
            characters += _span(start, stop, flags, data, first + i, n)
            i += n
        else:
            table[slot, 0] = key
            i += 1
    return characters
