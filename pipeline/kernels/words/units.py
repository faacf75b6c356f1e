"""A text's units as numbers, for texts of any script: a word, or one character where words are not parted by spaces.

Which characters make words is given as a kind for each code point, so that the loop knows no script.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import MIX, Array

GAP, LETTER, APOSTROPHE, ALONE = range(4)
"""Between units; part of a word; the same if letters stand on both sides. From ALONE on: a unit by itself."""


def code_points(text: str) -> Array:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


@njit(cache=True, nogil=True)
def numbered(codes, kinds, words_of):
    """Each unit's number (equal ones have equal numbers) and characters, and the words that all of them are.

    kinds: of each code point. words_of: how many words a unit of each kind is.
    """
    numbers, lengths = np.empty(len(codes), np.uint64), np.empty(len(codes), np.int64)
    found, words, i = 0, 0.0, 0
    while i < len(codes):
        kind, end = kinds[codes[i]], i + 1
        if kind == LETTER:
            while end < len(codes):
                inside = kinds[codes[end]]
                if inside == APOSTROPHE and end + 1 < len(codes) and kinds[codes[end + 1]] == LETTER:
                    end += 1
                elif inside != LETTER:
                    break
                end += 1
        if kind == LETTER or kind >= ALONE:
            key = np.uint64(end - i)
            for k in range(i, end):
                key = (key ^ np.uint64(codes[k])) * MIX
                key ^= key >> np.uint64(29)
            numbers[found], lengths[found] = key, end - i
            words += words_of[kind]
            found += 1
        i = end
    return numbers[:found].copy(), lengths[:found].copy(), words
