"""Cut texts into chunks, which come again and again, and put together what became of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import Array, after_letters, decode

CODES = 1 << 16
"""Characters of four bytes are no seams and no word."""
LETTER = 97
"""Stands for all ASCII letters as what comes before a seam."""
NOTHING = -1


def cut(data: Array, offsets: Array, seams: Array, lefts: Array) -> tuple[Array, Array]:
    """Where chunks begin, and the end (int32); and the number of each text's first chunk, and of all (int64).

    A text may be cut between two characters of which the first has a bit in `lefts` that the second has in `seams`,
    both uint8 (CODES). `lefts[0]` is 0: it stands for what comes before a text.
    """
    cuts, first = np.empty(offsets[-1] - offsets[0] + 1, np.int32), np.empty(len(offsets), np.int64)
    return cuts[: _cut(data, offsets, seams, lefts, cuts, first)], first


@njit(cache=True, nogil=True)
def _cut(data, offsets, seams, lefts, cuts, first):
    count = 0
    for text in range(len(offsets) - 1):
        start, stop = np.int64(offsets[text]), np.int64(offsets[text + 1])
        first[text] = count
        if start < stop:
            cuts[count] = start
            count += 1
        i, before = start, 0
        while i < stop:
            after = after_letters(data, i, stop)
            if after > i:
                i, before = after, LETTER
                continue
            code, after = decode(data, i, stop)
            code = code if code < CODES else 0
            if seams[code] & lefts[before]:
                cuts[count] = i
                count += 1
            i, before = after, code
    cuts[count], first[-1] = offsets[-1], count
    return count + 1


class Edges(NamedTuple):
    """What becomes of a token's text at the edges of a document, where white space is stripped."""

    left: Array
    """int32 per token: the token that takes its place at the beginning; `NOTHING` if it is all white space."""
    right: Array


def join_chunks(numbers: Array, first: Array, tokens: Array, begins: Array, edges: Edges) -> tuple[Array, Array]:
    """The tokens of each text (int32), and where they begin, and the end (int64).

    Text `i` is the chunks numbers[first[i]:first[i + 1]]; chunk `n` is tokens[begins[n]:begins[n + 1]].
    """
    joined, offsets = np.empty(_count(numbers, begins), np.int32), np.empty(len(first), np.int64)
    _join(numbers, first, tokens, begins, *edges, joined, offsets)
    return joined[: offsets[-1]], offsets


@njit(cache=True, nogil=True)
def _count(numbers, begins):
    count = 0
    for chunk in numbers:
        count += begins[chunk + 1] - begins[chunk]
    return count


@njit(cache=True, nogil=True)
def _join(numbers, first, tokens, begins, left, right, joined, offsets):
    at = 0
    for text in range(len(first) - 1):
        offsets[text] = begin = at
        for chunk in numbers[first[text] : first[text + 1]]:
            for token in tokens[begins[chunk] : begins[chunk + 1]]:
                if at > begin or left[token] != NOTHING:
                    joined[at] = token
                    at += 1
        while at > begin and right[joined[at - 1]] == NOTHING:
            at -= 1
        if at > begin:
            joined[begin] = left[joined[begin]]
            joined[at - 1] = right[joined[at - 1]]
    offsets[len(first) - 1] = at
