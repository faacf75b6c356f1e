"""Word n-grams of texts as 32-bit hashes, straight from an Arrow text buffer.

The text is normalised as FineWeb does before MinHash: lower-cased, diacritics removed, and everything that is no
letter, mark or number a gap between words. Han, kana and the scripts of South-East Asia that write no spaces count each
character as a word. FineWeb also makes each number one `0` (`fold_numbers`); otherwise digits of any script are ASCII
digits, and numbers are words: one table of prices is no copy of another. A shingle is `ngram` consecutive words joined
by one space; a text of fewer words has one shingle of all its words, a text of no word has none.

Unicode classes come from a table over the basic plane: one code point becomes one code point. Decompositions into
several letters (Hangul, some Indic vowels) are left composed.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.duplicates.sha1 import sha1_start
from pipeline.kernels.utf8 import Array, text_buffers

HashName = Literal["fast", "sha1"]

GAP, SKIP, DIGIT, ALONE = 0, 1, 2, 3
"""Classes of code points in the table; any other value is the code point that a letter becomes."""
ZERO, NINE = 0x30, 0x39
ALONE_RANGES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),  # Katakana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xF900, 0xFAFF),  # Han compatibility
)
UNCHANGED = ((0x3400, 0x9FFF), (0xAC00, 0xD7A3))  # Han, Hangul syllables: no case, no marks
NOTHING = ((0xD800, 0xF8FF),)  # surrogates, private use
FIRST_PICTOGRAPH, FIRST_HAN_PLANE = 0x1F000, 0x20000

WORD_FACTOR = np.uint64(0x9E3779B97F4A7C15)
NGRAM_FACTOR = np.uint64(0xD1342543DE82EF95)
FINAL_FACTOR = np.uint64(0xFF51AFD7ED558CCD)


@dataclass(frozen=True, slots=True)
class Shingles:
    """Shingle hashes of several texts one after the other: those of text i are `hashes[offsets[i]:offsets[i + 1]]`."""

    hashes: Array
    """uint32, in the order of the text, repeats included"""
    offsets: Array
    """int64, one more than there are texts"""
    contents: Array
    """uint64 per text: hash of the bag of shingles; equal for texts of equal words"""


def shingles(texts: pa.StringArray, ngram: int, hash_name: HashName = "fast", fold_numbers: bool = False) -> Shingles:
    """Hashes of all shingles of each text; a null counts as empty.

    Memory: 2 bytes a byte of text, and 10 more a byte of the longest one.
    """
    data, offsets = text_buffers(texts)
    hashes = np.empty(max(1, int(offsets[-1] - offsets[0])) // 2 + len(texts) + 1, np.uint32)
    ends = np.zeros(len(texts) + 1, np.int64)
    contents = np.zeros(len(texts), np.uint64)
    _shingle_texts(data, offsets, class_table(fold_numbers), ngram, hash_name == "sha1", hashes, ends, contents)
    return Shingles(hashes[: ends[-1]], ends, contents)


def normalise(text: str, fold_numbers: bool = False) -> str:
    """The text whose words the shingles are made of, as the compiled loop sees it."""
    raw = np.frombuffer(text.encode() or b" ", np.uint8)
    out, starts = np.empty(scratch_size(len(raw)), np.uint8), np.empty(len(raw) // 2 + 2, np.int64)
    words = _normalise(raw, 0, len(raw), class_table(fold_numbers), out, starts)
    return out[: max(0, starts[words] - 1)].tobytes().decode()


@cache
def class_table(fold_numbers: bool) -> Array:
    """uint16 per code point of the basic plane: a class, or the code point it becomes."""
    table = np.zeros(0x10000, np.uint16)
    for first, last in UNCHANGED:
        table[first : last + 1] = np.arange(first, last + 1)
    known = (*UNCHANGED, *NOTHING)
    for code in range(0x10000):
        if not any(first <= code <= last for first, last in known):
            table[code] = _class_of(chr(code))
            if table[code] == DIGIT and not fold_numbers:
                table[code] = ZERO + unicodedata.digit(chr(code))
    for first, last in ALONE_RANGES:
        part = table[first : last + 1]
        part[part > NINE] = ALONE
    return table


def _class_of(character: str) -> int:
    category = unicodedata.category(character)
    if category in ("Mn", "Cf"):  # diacritics; soft hyphens, joiners, byte order marks
        return SKIP
    if category == "Nd":
        return DIGIT
    if category[0] not in "LMN":
        return GAP
    for folded in (unicodedata.normalize("NFD", character.lower()), character.lower()):
        letters = [letter for letter in folded if unicodedata.category(letter) != "Mn"]
        if len(letters) == 1 and letters[0] <= "\uffff":
            return ord(letters[0])
    return ord(character)


@njit(cache=True, nogil=True)
def scratch_size(size):
    """Bytes for a normalised text of `size` bytes: a digit alone grows from 1 byte to 2, and `_piece` reads ahead."""
    return (2 * size + 31) // 8 * 8


@njit(cache=True, nogil=True)
def _shingle_texts(data, offsets, table, ngram, sha1, hashes, ends, contents):
    longest = 0
    for text in range(len(contents)):
        longest = max(longest, offsets[text + 1] - offsets[text])
    normal = np.empty(scratch_size(longest), np.uint8)
    starts = np.empty(longest // 2 + 2, np.int64)  # every second byte at most begins a word
    words = np.empty(longest // 2 + 2, np.uint64)
    for text in range(len(contents)):
        count = _normalise(data, offsets[text], offsets[text + 1], table, normal, starts)
        out = hashes[ends[text] :]
        if sha1:
            size = _sha1_ngrams(normal, starts, count, ngram, out)
        else:
            size = _fast_ngrams(normal, starts, count, ngram, words, out)
        ends[text + 1] = ends[text] + size
        total = np.uint64(size)
        for index in range(size):
            total += _mix(np.uint64(out[index]) * WORD_FACTOR + NGRAM_FACTOR)
        contents[text] = total


@njit(cache=True, nogil=True)
def _normalise(data, start, stop, table, out, starts):
    """Write the words of data[start:stop], each followed by a space. Returns their number n; starts[n] is the end."""
    count = 0  # finished words
    size = 0
    word = 0  # where the open word began
    number = 0  # 1 within the digits of a number, 2 after its decimal separator
    place = start
    while place < stop:
        byte = data[place]
        place += 1
        if byte < 0x80 and table[byte] > ALONE:  # the usual case, ahead of the rest
            number = 0
            out[size] = table[byte]
            size += 1
            continue
        if byte < 0x80:
            code = np.uint32(byte)
            kind = np.uint32(table[byte])
        else:
            extra = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
            if place + extra > stop or byte < 0xC2:
                continue  # not UTF-8: Arrow's readers refuse it, but a bad byte must not read past the end
            code = np.uint32(byte & (0x3F >> extra))
            for _ in range(extra):
                code = (code << np.uint32(6)) | np.uint32(data[place] & 0x3F)
                place += 1
            if code < 0x10000:
                kind = np.uint32(table[code])
            elif code >= FIRST_HAN_PLANE:
                kind = np.uint32(ALONE)
            elif code >= FIRST_PICTOGRAPH:
                kind = np.uint32(GAP)
            else:
                kind = code
        if kind > ALONE:
            number = 0
            size = _put(out, size, kind)
        elif kind == DIGIT:
            if number == 0:
                out[size] = 0x30
                size += 1
                number = 1
        elif kind != SKIP:
            if number == 1 and (code == 0x2E or code == 0x2C) and place < stop and 0x30 <= data[place] <= 0x39:
                number = 2
                continue
            number = 0
            if size > word:
                starts[count] = word
                count += 1
                out[size] = 0x20
                size += 1
                word = size
            if kind == ALONE:
                starts[count] = word
                count += 1
                size = _put(out, size, code)
                out[size] = 0x20
                size += 1
                word = size
    if size > word:
        starts[count] = word
        count += 1
        out[size] = 0x20
        size += 1
    starts[count] = size
    return count


@njit(cache=True, nogil=True, inline="always")
def _put(out, size, code):
    """Write a code point as UTF-8."""
    if code < 0x80:
        out[size] = code
        return size + 1
    if code < 0x800:
        out[size] = 0xC0 | (code >> 6)
        out[size + 1] = 0x80 | (code & 0x3F)
        return size + 2
    if code < 0x10000:
        out[size] = 0xE0 | (code >> 12)
        out[size + 1] = 0x80 | ((code >> 6) & 0x3F)
        out[size + 2] = 0x80 | (code & 0x3F)
        return size + 3
    out[size] = 0xF0 | (code >> 18)
    out[size + 1] = 0x80 | ((code >> 12) & 0x3F)
    out[size + 2] = 0x80 | ((code >> 6) & 0x3F)
    out[size + 3] = 0x80 | (code & 0x3F)
    return size + 4


@njit(cache=True, nogil=True, inline="always")
def _mix(value):
    value ^= value >> np.uint64(32)
    value *= FINAL_FACTOR
    return value ^ (value >> np.uint64(29))


@njit(cache=True, nogil=True)
def _fast_ngrams(normal, starts, count, ngram, words, out):
    """Each word hashed in pieces of 8 bytes, each n-gram as a polynomial of its words' hashes."""
    pieces = normal.view(np.uint64)  # little-endian, as all machines that Arrow's wheels are built for
    for word in range(count):
        place, value = starts[word], np.uint64(0)
        left = starts[word + 1] - 1 - place
        while left >= 8:
            value = _mix((value ^ _piece(pieces, place)) * WORD_FACTOR)
            place += 8
            left -= 8
        mask = (np.uint64(1) << np.uint64(8 * left)) - np.uint64(1)
        words[word] = _mix((value ^ (_piece(pieces, place) & mask)) * WORD_FACTOR)
    length = min(ngram, count)
    size = count - length + 1 if count else 0
    leaving, value = np.uint64(1), np.uint64(0)
    for word in range(length):
        leaving *= NGRAM_FACTOR
        value = value * NGRAM_FACTOR + words[word]
    for first in range(size):
        out[first] = np.uint32(_mix(value) >> np.uint64(32))
        if first + 1 < size:
            value = value * NGRAM_FACTOR + words[first + length] - words[first] * leaving
    return size


@njit(cache=True, nogil=True, inline="always")
def _piece(pieces, place):
    """The 8 bytes from `place` on; the buffer holds 8 more than that."""
    shift = np.uint64(8 * (place & 7))
    low, high = pieces[place >> 3], pieces[(place >> 3) + 1]
    return (low >> shift) | ((high << np.uint64(1)) << (np.uint64(63) - shift))


@njit(cache=True, nogil=True)
def _sha1_ngrams(normal, starts, count, ngram, out):
    """SHA-1 of each n-gram's bytes, cut to 32 bits as datasketch does."""
    length = min(ngram, count)
    size = count - length + 1 if count else 0
    block = np.empty(80, np.uint32)
    for first in range(size):
        out[first] = sha1_start(normal, starts[first], starts[first + length] - 1, block)
    return size
