"""Repeated passages, from a suffix array."""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import Array


def repeated_windows(suffixes: Array, shared: Array, offsets: Array, minimum: int) -> tuple[Array, Array]:
    """(starts, stops) of joined windows of `minimum` bytes that an earlier place holds too, in order.

    `suffixes`: the suffix array; `shared`: bytes that each suffix has in common with the next; `offsets`: where
    documents begin, and the end of the last. Suffixes that begin with the same window stand together; of each such
    group the first place stays, and all others that do not overlap it go. No window crosses documents.
    """
    starts = np.zeros(len(suffixes) + 1, np.bool_)
    _mark(suffixes, shared, offsets, minimum, starts)
    found = np.flatnonzero(starts)
    begins = np.ones(len(found), np.bool_)
    begins[1:] = found[1:] > found[:-1] + minimum
    document = np.searchsorted(offsets, found, side="right")
    begins[1:] |= document[1:] != document[:-1]
    last = np.append(np.flatnonzero(begins)[1:], len(found)) - 1
    return found[begins], found[last[: np.count_nonzero(begins)]] + minimum


@njit(cache=True, nogil=True)
def _mark(suffixes, shared, offsets, minimum, starts):
    begin = 0
    while begin < len(suffixes):
        end = begin + 1
        while end < len(suffixes) and shared[end - 1] >= minimum:
            end += 1
        if end > begin + 1:
            first = len(suffixes)
            for index in range(begin, end):
                if suffixes[index] < first and _fits(suffixes[index], offsets, minimum):
                    first = suffixes[index]
            for index in range(begin, end):
                place = suffixes[index]
                starts[place] = place >= first + minimum and _fits(place, offsets, minimum)
        begin = end


@njit(cache=True, nogil=True, inline="always")
def _fits(place, offsets, minimum):
    """The window lies within one document."""
    return offsets[np.searchsorted(offsets, place, side="right")] >= place + minimum
