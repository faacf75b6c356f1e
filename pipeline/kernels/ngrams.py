"""How much of each document its repeated word n-grams make up, as Gopher's repetition rules measure it.

An n-gram can repeat only if the two (n-1)-grams in it repeat, so each length looks only at positions that the length
before left over; in ordinary text few are left after pairs.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import Array, character_count
from pipeline.kernels.words import NOT_ASCII, Words

BASE = np.uint64(0x9E3779B97F4A7C15)
TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)


def repetition(words: Words, rows: Array, limits: Array) -> tuple[Array, Array]:
    """Characters in repeated n-grams, for the documents in `rows`.

    Returns (rows x 3) the characters of the most frequent 2-, 3- and 4-gram times its count, spaces included, 0 where
    the text has fewer words; and (rows x 6) those of repeated 5- to 10-grams, each counted from its second appearance
    on and without overlap. Of the latter, those that cannot exceed `limits` (rows x 6) are left at 0.
    """
    top, duplicate = _repetition(
        words.begin, words.end, words.start, words.stop, words.hash, words.flags, words.data, rows, limits
    )
    return top, duplicate


@njit(cache=True, nogil=True)
def _slot_of(table, mask, hashes, begin, i, n):
    """Slot of the n-gram at word `i`: where an equal one lies, or a free one. `table` holds positions + 1."""
    key = np.uint64(0)
    for k in range(n):
        key = key * BASE + hashes[begin + i + k]
    slot = ((key ^ (key >> np.uint64(32))) * BASE) >> np.uint64(20) & mask
    while table[slot] != 0:
        other = table[slot] - 1
        same = True
        for k in range(n):
            if hashes[begin + other + k] != hashes[begin + i + k]:
                same = False
                break
        if same:
            break
        slot = (slot + np.uint64(1)) & mask
    return slot


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
    size = 64
    while size < 2 * longest:
        size *= 2
    table, counts = np.zeros(size, np.int32), np.zeros(size, np.int32)
    slots = np.empty(longest, np.int32)
    again = np.empty(longest + 1, np.bool_)
    runs = np.empty(longest + 1, np.int32)
    for r in range(len(rows)):
        first, words = np.int64(begin[rows[r]]), np.int64(end[rows[r]] - begin[rows[r]])
        size = 64
        while size < 2 * words:
            size *= 2
        mask = np.uint64(size - 1)
        for n in range(2, 6):
            table[:size] = 0
            positions = words - n + 1
            if positions <= 0:
                break
            for i in range(positions):
                slots[i] = -1
                if n == 2 or (again[i] and again[i + 1]):
                    slot = _slot_of(table, mask, hashes, first, i, n)
                    if table[slot] == 0:
                        table[slot] = i + 1
                        counts[slot] = 0
                    counts[slot] += 1
                    slots[i] = slot
            best, best_at = 1, 0
            for i in range(positions):
                seen = counts[slots[i]] if slots[i] >= 0 else 1
                again[i] = seen > 1
                if seen > best:
                    best, best_at = seen, i
            again[positions:words] = False
            if n < 5:
                top[r, n - 2] = best * (_span(start, stop, flags, data, first + best_at, n) + n - 1)
        if words < 5:
            continue
        # runs[i]: how many 5-grams in a row, from word i on, appear more than once
        runs[words] = 0
        for i in range(words - 1, -1, -1):
            runs[i] = runs[i + 1] + 1 if i <= words - 5 and again[i] else 0
        for n in range(5, 11):
            # At most, all words of n-grams that appear more than once count.
            bound, covered = 0, 0
            for i in range(words - n + 1):
                if runs[i] >= n - 4:
                    for k in range(max(covered, i), i + n):
                        bound += _length(start, stop, flags, data, first + k)
                    covered = i + n
            if bound <= limits[r, n - 5]:
                continue
            table[:size] = 0
            i, total = 0, 0
            while i < words - n + 1:
                if runs[i] < n - 4:
                    i += 1
                    continue
                slot = _slot_of(table, mask, hashes, first, i, n)
                if table[slot] != 0:
                    total += _span(start, stop, flags, data, first + i, n)
                    i += n
                else:
                    table[slot] = i + 1
                    i += 1
            duplicate[r, n - 5] = total
    return top, duplicate
