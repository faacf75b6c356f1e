"""Cut chunks into words by their shapes, which come more often still than the chunks, and words into tokens.

A chunk's shape has an `a` for each run of the letters a to z, a byte that is no UTF-8 for each run of Han characters,
`1` for each digit, and the chunk's bytes for the rest: how the pattern of a tokenizer cuts a chunk into words depends
on that alone. The first two letters after an apostrophe stay as they are, since patterns know English contractions.
What a byte of the shape stands for, a byte or a run, is a unit of the chunk.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.tokens.byte_pairs import LONGEST, Merges, encode_word
from pipeline.kernels.utf8 import Array, decode

LONGEST_CHUNK = 1024
"""Bytes of a chunk that has a shape; that of a longer one is empty. Such are lines without a seam, and rare."""
APOSTROPHE, LETTER, DIGIT, HAN = 39, 97, 49, 0xFF  # ' a 1
UNKNOWN = -1


def shapes(data: Array, offsets: Array) -> tuple[Array, Array]:
    """The shapes of all chunks, one after the other (uint8), and where each begins, and the end (int32)."""
    shape, begins = np.empty(offsets[-1] - offsets[0] + 1, np.uint8), np.empty(len(offsets), np.int32)
    _shapes(data, offsets, shape, begins)
    return shape, begins


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


def unit_ends(data: Array, offsets: Array) -> Array:
    """Where the units of all chunks end in `data` (int64)."""
    ends = np.empty(offsets[-1] - offsets[0], np.int64)
    return ends[: _unit_ends(data, offsets, ends)]


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
