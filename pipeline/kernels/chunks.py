"""Cut texts into chunks, which come again and again, and chunks into words, by shapes that come more often still.

A chunk's shape has an `a` for each run of the letters a to z, a byte that is no UTF-8 for each run of Han characters,
`1` for each digit, and the chunk's bytes for the rest: how the pattern of a tokenizer cuts a chunk into words depends
on that alone. The first two letters after an apostrophe stay as they are, since patterns know English contractions.
What a byte of the shape stands for, a byte or a run, is a unit of the chunk.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from pipeline.kernels.byte_pairs import LONGEST, Merges, encode_word
from pipeline.kernels.utf8 import Array, after_letters, decode

CODES = 1 << 16
"""Characters of four bytes are no seams and no word."""
LONGEST_CHUNK = 1024
"""Bytes of a chunk that has a shape; that of a longer one is empty. Such are lines without a seam, and rare."""
APOSTROPHE, LETTER, DIGIT, HAN = 39, 97, 49, 0xFF  # ' a 1
UNKNOWN = NOTHING = -1


def cut(data: Array, offsets: Array, seams: Array, lefts: Array) -> tuple[Array, Array]:
    """Where chunks begin, and the end (int32); and the number of each text's first chunk, and of all (int64).

    A text may be cut between two characters of which the first has a bit in `lefts` that the second has in `seams`,
    both uint8 (CODES).
    """
    cuts, first = np.empty(offsets[-1] - offsets[0] + 1, np.int32), np.empty(len(offsets), np.int64)
    return cuts[: _cut(data, offsets, seams, lefts, cuts, first)], first


def shapes(data: Array, offsets: Array) -> tuple[Array, Array]:
    """The shapes of all chunks, one after the other (uint8), and where each begins, and the end (int32)."""
    shape, begins = np.empty(offsets[-1] - offsets[0] + 1, np.uint8), np.empty(len(offsets), np.int32)
    _shapes(data, offsets, shape, begins)
    return shape, begins


def unit_ends(data: Array, offsets: Array) -> Array:
    """Where the units of all chunks end in `data` (int64)."""
    ends = np.empty(offsets[-1] - offsets[0], np.int64)
    return ends[: _unit_ends(data, offsets, ends)]


def encode_chunks(
    data: Array, offsets: Array, shape_of: Array, word_ends: Array, ends_begin: Array, merges: Merges
) -> tuple[Array, Array, Array]:
    """The tokens of all chunks (int32), where each chunk's begin, and the end (int64), and which have none (bool).

    Of shape `s`, `word_ends[ends_begin[s] + u]` (bool) tells whether a word ends with unit `u`; where `ends_begin` is
    `UNKNOWN`, or a word is longer than `LONGEST`, the chunk has no tokens.
    """
    ids, begins = np.empty(offsets[-1] - offsets[0] + LONGEST, np.int32), np.empty(len(offsets), np.int64)
    failed = np.zeros(len(offsets) - 1, np.bool_)
    _encode(data, offsets, shape_of, word_ends, ends_begin, *merges, ids, begins, failed)
    return ids[: begins[-1]], begins, failed


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


@njit(cache=True, nogil=True)
def _unit_ends(data, offsets, ends):
    count = 0
    for chunk in range(len(offsets) - 1):
        i = start = np.int64(offsets[chunk])
        stop = np.int64(offsets[chunk + 1])
        while i < stop:
            _, i = _unit_at(data, start, i, stop)
            ends[count] = i
            count += 1
    return count


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
            if seams[code] & lefts[before] and i > start:
                cuts[count] = i
                count += 1
            i, before = after, code
    cuts[count], first[-1] = offsets[-1], count
    return count + 1


@njit(cache=True, nogil=True)
def _is_letter(byte):
    return 97 <= byte <= 122


@njit(cache=True, nogil=True)
def _in_contraction(data, start, i):
    """Whether the letter at `i` is the first or second after an apostrophe: contractions are no longer."""
    if i > start and data[i - 1] == APOSTROPHE:
        return True
    return i > start + 1 and data[i - 2] == APOSTROPHE and _is_letter(data[i - 1])


@njit(cache=True, nogil=True)
def _unit_at(data, start, i, stop):
    """Its byte in the shape, and the end of the unit at `i` in the chunk data[start:stop]."""
    byte = data[i]
    if _is_letter(byte) and not _in_contraction(data, start, i):
        while i < stop and _is_letter(data[i]):
            i += 1
        return np.uint8(LETTER), i
    if 48 <= byte <= 57:
        return np.uint8(DIGIT), i + 1
    after = _after_han(data, i, stop)
    return (np.uint8(HAN), after) if after > i else (byte, i + 1)


@njit(cache=True, nogil=True)
def _after_han(data, i, stop):
    """The first place from `i` on that holds none of the characters U+4E00 to U+9FA5."""
    while i < stop and data[i] >= 0xE4:
        code, after = decode(data, i, stop)
        if not 0x4E00 <= code <= 0x9FA5:
            break
        i = after
    return i


@njit(cache=True, nogil=True)
def _shapes(data, offsets, shape, begins):
    at = 0
    for chunk in range(len(offsets) - 1):
        start, stop = np.int64(offsets[chunk]), np.int64(offsets[chunk + 1])
        begins[chunk], i = at, start
        while i < stop and stop - start <= LONGEST_CHUNK:
            shape[at], i = _unit_at(data, start, i, stop)
            at += 1
    begins[-1] = at


@njit(cache=True, nogil=True)
def _encode(data, offsets, shape_of, word_ends, ends_begin, symbols, of_bytes, pairs, sieve, ids, begins, failed):
    room, count = np.empty(LONGEST, np.uint64), 0
    for chunk in range(len(offsets) - 1):
        start, stop = np.int64(offsets[chunk]), np.int64(offsets[chunk + 1])
        begins[chunk] = count
        unit, i, word, at = ends_begin[shape_of[chunk]], start, start, count
        failed[chunk] = unit == UNKNOWN
        while i < stop and not failed[chunk]:
            _, i = _unit_at(data, start, i, stop)
            if word_ends[unit]:
                if i - word > LONGEST:
                    failed[chunk] = True
                    break
                at += encode_word(data, word, i, symbols, of_bytes, pairs, sieve, room, ids[at:])
                word = i
            unit += 1
        if not failed[chunk]:
            count = at
    begins[-1] = count
