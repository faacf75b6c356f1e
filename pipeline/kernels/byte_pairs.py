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
    pairs: Array
    """uint64 (slots, 2): hash table; a pair of tokens (`_pair_key`), then the merge's rank and the merged token."""


def merge_table(symbols: Array, left: Array, right: Array, merged: Array) -> Merges:
    """From the merges in the order of their rank, all of them as int32 ids; of a repeated pair the last counts."""
    pairs = np.zeros((1 << (2 * len(left) + 2).bit_length(), 2), np.uint64)
    _fill(left, right, merged, pairs)
    return Merges(symbols, pairs)


@njit(cache=True, nogil=True)
def _pair_key(left, right):
    """Not 0, which marks a free slot."""
    return (np.uint64(left) << np.uint64(32) | np.uint64(right)) + np.uint64(1)


@njit(cache=True, nogil=True)
def _slot_of(key, pairs):
    slot = (key * MIX) >> np.uint64(32) & np.uint64(len(pairs) - 1)
    while pairs[slot, 0] != key and pairs[slot, 0] != 0:
        slot = (slot + np.uint64(1)) & np.uint64(len(pairs) - 1)
    return slot


@njit(cache=True, nogil=True)
def _fill(left, right, merged, pairs):
    for rank in range(len(left)):
        key = _pair_key(left[rank], right[rank])
        slot = _slot_of(key, pairs)
        pairs[slot, 0], pairs[slot, 1] = key, np.uint64(rank) << np.uint64(32) | np.uint64(merged[rank])


@njit(cache=True, nogil=True)
def _merge_of(left, right, pairs):
    slot = _slot_of(_pair_key(left, right), pairs)
    return pairs[slot, 1] if pairs[slot, 0] != 0 else NO_MERGE


@njit(cache=True, nogil=True)
def encode_word(data, start, stop, symbols, pairs, merges, ids):
    """Write the tokens of data[start:stop] to `ids`, which has room for its bytes; returns their number.

    The word has at most `LONGEST` bytes; `merges` (uint64, as long) is room to work in.
    """
    count = stop - start
    for i in range(count):
        ids[i] = symbols[data[start + i]]
    for i in range(count - 1):
        merges[i] = _merge_of(ids[i], ids[i + 1], pairs)
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
            merges[at - 1] = _merge_of(ids[at - 1], ids[at], pairs)
        if at < count - 1:
            merges[at] = _merge_of(ids[at], ids[at + 1], pairs)
    return count
