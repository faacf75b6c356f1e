"""N-grams of a text's words, given as numbers (units.py): what repeats, what two texts share. For L3's checks.

Each word is a 64-bit number, equal for equal words; an n-gram is known by 64 bits as well. In a text of a thousand
words two of them are taken for one once in 2^44.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import MIX


@njit(cache=True, nogil=True)
def gram_keys(words, n):
    """The n-grams in order, uint64, none of them 0."""
    keys = np.empty(max(len(words) - n + 1, 0), np.uint64)
    for i in range(len(keys)):
        key = np.uint64(n)
        for k in range(i, i + n):
            key = (key ^ np.uint64(words[k])) * MIX
            key ^= key >> np.uint64(29)
        keys[i] = key | np.uint64(key == 0)
    return keys


@njit(cache=True, nogil=True)
def _slot_of(key, slots):
    slot = (key * MIX) >> np.uint64(32) & np.uint64(len(slots) - 1)
    while slots[slot] != key and slots[slot] != 0:
        slot = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
    return slot


@njit(cache=True, nogil=True)
def _table(entries):
    size = 16
    while size < 2 * entries:
        size *= 2
    return np.zeros(size, np.uint64)


@njit(cache=True, nogil=True)
def most_frequent(words, lengths, n):
    """How often the most frequent n-gram comes, and its characters; of several the first."""
    keys = gram_keys(words, n)
    slots = _table(len(keys))
    counts, first = np.zeros(len(slots), np.int64), np.zeros(len(slots), np.int64)
    for i in range(len(keys)):
        slot = _slot_of(keys[i], slots)
        if slots[slot] == 0:
            slots[slot], first[slot] = keys[i], i
        counts[slot] += 1
    best = at = 0
    for slot in range(len(slots)):
        if counts[slot] > best or (counts[slot] == best and best > 0 and first[slot] < at):
            best, at = counts[slot], first[slot]
    return best, lengths[at : at + n].sum()


@njit(cache=True, nogil=True)
def repeated_characters(words, lengths, n):
    """Characters in n-grams that came before; overlapping ones are not counted twice."""
    keys = gram_keys(words, n)
    slots = _table(len(keys))
    repeated = i = 0
    while i < len(keys):
        slot = _slot_of(keys[i], slots)
        if slots[slot] == 0:
            slots[slot] = keys[i]
            i += 1
        else:
            repeated += lengths[i : i + n].sum()
            i += n
    return repeated


@njit(cache=True, nogil=True)
def share_found(words, others, n):
    """The share of the distinct n-grams of `words` that `others` has too; 0 if there are none."""
    slots = _table(len(others))
    for key in gram_keys(others, n):
        slots[_slot_of(key, slots)] = key
    keys = gram_keys(words, n)
    seen, distinct, found = _table(len(keys)), 0, 0
    for key in keys:
        slot = _slot_of(key, seen)
        if seen[slot] == 0:
            seen[slot] = key
            distinct += 1
            found += slots[_slot_of(key, slots)] == key
    return found / distinct if distinct else 0.0


@njit(cache=True, nogil=True)
def any_only_in(keys, known, others):
    """Whether one of these n-grams is in `known`, which is sorted, and not in `others`."""
    for key in keys:
        place = np.searchsorted(known, key)
        if place < len(known) and known[place] == key and not (others == key).any():
            return True
    return False
