"""Byte-level byte-pair encoding: the token ids that a Hugging Face tokenizer of that kind gives a word.

Of the adjacent pairs of tokens that may be merged, the one of the lowest rank is, the leftmost of several, until none
is left (arXiv 1508.07909).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import MIX, Array

LONGEST = 256
"""Bytes of a word. The loop looks at every pair for every merge, which is fast for words and not for lines."""
NO_MERGE = np.uint64(0xFFFFFFFFFFFFFFFF)


class Merges(NamedTuple):
    """What may be merged to what, as arrays for the compiled loop."""

    symbols: Array
    """int32 (256): the token of each byte."""
    of_bytes: Array
    """uint64 (256, 256): the merge of two bytes' tokens, `NO_MERGE` if there is none: rank, then the merged token."""
    pairs: Array
    """uint64 (slots, 2): hash table; a pair of tokens (`_pair_key`), then its merge."""
    sieve: Array
    """uint64: a bit for each value of a pair's first hash bits, set if such a pair is in the table. Most are not, and
    the sieve fits into a core's cache where the table does not."""


def merge_table(symbols: Array, left: Array, right: Array, merged: Array) -> Merges:
    """From the merges in the order of their rank, all of them as int32 ids; of a repeated pair the last counts."""
    slots = max(64, 1 << (2 * len(left) + 2).bit_length())
    pairs, sieve = np.zeros((slots, 2), np.uint64), np.zeros(slots // 16, np.uint64)
    table = Merges(symbols, np.empty((256, 256), np.uint64), pairs, sieve)
    _fill(left, right, merged, *table)
    return table


@njit(cache=True, nogil=True)
def _pair_key(left, right):
    """Not 0, which marks a free slot."""
    return (np.uint64(left) << np.uint64(32) | np.uint64(right)) + np.uint64(1)


@njit(cache=True, nogil=True)
def _hash(key):
    return (key * MIX) >> np.uint64(32)


@njit(cache=True, nogil=True)
def _slot_of(key, pairs):
    slot = _hash(key) & np.uint64(len(pairs) - 1)
    while pairs[slot, 0] != key and pairs[slot, 0] != 0:
        slot = (slot + np.uint64(1)) & np.uint64(len(pairs) - 1)
    return slot


@njit(cache=True, nogil=True)
def _bit_of(key, sieve):
    """Which number of the sieve, and which bit of it."""
    place = _hash(key) & np.uint64(64 * len(sieve) - 1)
    return place >> np.uint64(6), np.uint64(1) << (place & np.uint64(63))


@njit(cache=True, nogil=True)
def _fill(left, right, merged, symbols, of_bytes, pairs, sieve):
    for rank in range(len(left)):
        key = _pair_key(left[rank], right[rank])
        slot = _slot_of(key, pairs)
        pairs[slot, 0], pairs[slot, 1] = key, np.uint64(rank) << np.uint64(32) | np.uint64(merged[rank])
        place, bit = _bit_of(key, sieve)
        sieve[place] |= bit
    for first in range(256):
        for second in range(256):
            of_bytes[first, second] = _merge_of(symbols[first], symbols[second], pairs, sieve)


@njit(cache=True, nogil=True)
def _merge_of(left, right, pairs, sieve):
    key = _pair_key(left, right)
    place, bit = _bit_of(key, sieve)
    if sieve[place] & bit == 0:
        return NO_MERGE
    slot = _slot_of(key, pairs)
    return pairs[slot, 1] if pairs[slot, 0] != 0 else NO_MERGE


@njit(cache=True, nogil=True)
def encode_word(data, start, stop, symbols, of_bytes, pairs, sieve, merges, ids):
    """Write the tokens of data[start:stop] to `ids`, which has room for its bytes; returns their number.

    The word has at most `LONGEST` bytes; `merges` (uint64, as long) is room to work in.
    """
    count = stop - start
    for i in range(count):
        ids[i] = symbols[data[start + i]]
    for i in range(count - 1):
        merges[i] = of_bytes[data[start + i], data[start + i + 1]]
    while count > 1:
        best, at = merges[0], 0
        for i in range(1, count - 1):
            if merges[i] < best:
                best, at = merges[i], i
        if best == NO_MERGE:
            break
        count -= 1
        ids[at] = np.int32(best & np.uint64(0xFFFFFFFF))
        for i in range(at + 1, count):
            ids[i] = ids[i + 1]
        for i in range(at, count - 1):
            merges[i] = merges[i + 1]
        if at > 0:
            merges[at - 1] = _merge_of(ids[at - 1], ids[at], pairs, sieve)
        if at < count - 1:
            merges[at] = _merge_of(ids[at], ids[at + 1], pairs, sieve)
    return count
