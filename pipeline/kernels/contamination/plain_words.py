"""Texts as plain words: case and punctuation do not count, and every number is also known as "a number".

One notion of a word for all that compares texts with evaluation data: the checker `contamination` of L4 and the
held-out sets of the ablation. A word is a run of letters and digits; a Chinese, Japanese or Korean character is one of
its own. `48`, `1,200.5`, `forty-eight` and `two hundred` are one number each, so that an item told with other numbers,
or with numbers in words (English), has the same words.

| array | of a word                                                                                       |
|-------|-------------------------------------------------------------------------------------------------|
| words | hash in lower case; the same one for all numbers                                                |
| raws  | the same, but numbers of digits as they are, without the commas of thousands                    |
| stems | hash of the first six bytes, so that `rotates` and `rotation` are one; of a number its raw hash |
| begin, end | its bytes in the text                                                                      |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.utf8 import Array, text_buffers

BASE = np.uint64(0x9E3779B97F4A7C15)
"""Of the polynomials that hash runs of words."""
OFFSET, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a
STEM = 6
NUMBER = np.uint64(0x23)
_WORDS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion"""
NUMBER_WORDS = tuple(_WORDS.split())
LONGEST_NUMBER_WORD = 9


class PlainWords(NamedTuple):
    words: Array
    raws: Array
    stems: Array
    begin: Array
    end: Array
    offsets: Array
    """Of the words of each text: text i has words offsets[i] to offsets[i + 1]."""


def plain_words(texts: pa.StringArray) -> PlainWords:
    """The words of all texts in a row. A null counts as empty."""
    data, offsets = text_buffers(texts)
    size = int(offsets[-1] - offsets[0])  # no more words than bytes
    hashes, places = np.empty((3, size), np.uint64), np.empty((2, size), np.int32)
    rows = np.zeros(len(offsets), np.int64)
    for_all(data, offsets, hashes, places, rows)
    count = rows[-1]
    words, raws, stems = (row[:count].copy() for row in hashes)
    begin, end = (row[:count].copy() for row in places)
    return PlainWords(words, raws, stems, begin, end, rows)


def run_hashes(values: Array, owner: Array, words: int) -> tuple[Array, Array]:
    """The hash of every run of so many words that belong to one owner, and the place of its first word."""
    size = max(len(values) - words + 1, 0)
    hashes = np.full(size, words, np.uint64)
    for k in range(words):
        hashes = hashes * BASE + values[k : k + size]
    first = np.flatnonzero(owner[:size] == owner[len(owner) - size :])
    return hashes[first], first


def word_hash(word: str) -> np.uint64:
    """What `words` holds for a word of lower case that is no number; in plain Python."""
    value = int(OFFSET)
    for byte in word.encode():
        value = (value ^ byte) * int(PRIME) % 2**64
    return np.uint64(value)


_NUMBERS = np.sort(np.array([word_hash(word) for word in NUMBER_WORDS], np.uint64))


@njit(cache=True, nogil=True)
def for_all(data, offsets, hashes, places, rows):
    count = 0
    for row in range(len(offsets) - 1):
        count = split(data, offsets[row], offsets[row + 1], hashes, places, count)
        rows[row + 1] = count


@njit(cache=True, nogil=True)
def split(data, at, stop, hashes, places, count):
    """Append the words of one text, from byte `at` to `stop`; how many there are then."""
    first, number_end = count, np.int64(-1)
    start = at
    while at < stop:
        begin = at
        if 48 <= data[at] <= 57:
            raw, at = _digits(data, at, stop)
            is_number = at == stop or not _is_letter(data, at, stop)
        else:
            raw, is_number = OFFSET, False
        if not is_number:
            at = begin
            raw, stem, at = _letters(data, at, stop)
            if at == begin:
                at += _gap(data, at, stop)
                continue
            is_number = at - begin <= LONGEST_NUMBER_WORD and _is_number_word(raw)
        else:
            stem = raw
        if is_number and count > first and number_end >= start and begin - number_end <= 1:
            places[1, count - 1] = at - start  # `forty-eight`, `2/3`, `two hundred`: still the same number
            hashes[1, count - 1] = hashes[1, count - 1] * PRIME + raw
            hashes[2, count - 1] = hashes[1, count - 1]
        else:
            hashes[0, count] = NUMBER if is_number else raw
            hashes[1, count], hashes[2, count] = raw, raw if is_number else stem
            places[0, count], places[1, count] = begin - start, at - start
            count += 1
        number_end = at if is_number else np.int64(-1)
    return count


@njit(cache=True, nogil=True)
def _digits(data, at, stop):
    """Hash and end of a number of digits. A comma or point between digits belongs to it; commas are not hashed."""
    value = OFFSET
    while at < stop:
        byte = data[at]
        if not 48 <= byte <= 57:
            between = at + 1 < stop and 48 <= data[at + 1] <= 57
            if not between or (byte != 44 and byte != 46):
                break
            if byte == 44:
                at += 1
                continue
        value = (value ^ np.uint64(byte)) * PRIME
        at += 1
    return value, at


@njit(cache=True, nogil=True)
def _letters(data, at, stop):
    """Hash, hash of the first bytes, and end of a word; the end is `at` if none begins here."""
    value = stem = OFFSET
    begin = at
    while at < stop and _is_letter(data, at, stop):
        byte = np.uint64(data[at])
        if byte < 128:
            value = (value ^ (byte + np.uint64(32) if 65 <= byte <= 90 else byte)) * PRIME
            at += 1
        else:
            size = 1 + (byte >= 0xC0) + (byte >= 0xE0) + (byte >= 0xF0)
            own = 0xE3 <= byte <= 0xED
            if own and at > begin:
                break
            for i in range(at, min(at + size, stop)):
                part = np.uint64(data[i])
                if byte == 0xC3 and i == at + 1 and 0x80 <= part <= 0x9E:
                    part += np.uint64(32)  # Latin capitals with accents
                value = (value ^ part) * PRIME
            at = min(at + size, stop)
            if own:
                stem = value
                break
        if at - begin <= STEM:
            stem = value
    return value, stem, at


@njit(cache=True, nogil=True, inline="always")
def _is_letter(data, at, stop):
    byte = data[at]
    if byte < 128:
        return 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57
    return _gap(data, at, stop) == 0


@njit(cache=True, nogil=True, inline="always")
def _gap(data, at, stop):
    """How many bytes the sign here that belongs to no word has; 0 for a character beyond ASCII that does."""
    byte = data[at]
    if byte < 0x80:
        return 1
    if byte == 0xC2:
        return min(2, stop - at)  # U+0080 to U+00BF: no-break space, quotation marks, signs
    if at + 1 < stop:
        second = data[at + 1]
        punctuation = byte == 0xE2 and second <= 0x81  # U+2000 to U+207F: dashes, quotation marks, spaces
        punctuation |= byte == 0xE3 and second == 0x80  # U+3000 to U+303F
        punctuation |= byte == 0xEF and second == 0xBC and at + 2 < stop and data[at + 2] <= 0x8F  # wide ! to /
        if punctuation:
            return min(3, stop - at)
    return 0


@njit(cache=True, nogil=True)
def _is_number_word(value):
    low, high = 0, len(_NUMBERS)
    while low < high:
        middle = (low + high) // 2
        if _NUMBERS[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low < len(_NUMBERS) and _NUMBERS[low] == value
