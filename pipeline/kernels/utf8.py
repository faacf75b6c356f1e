"""Reading UTF-8 from Arrow text buffers in compiled loops: characters, their classes, white space, hashes.

`table` is the int64 array of `english.py` whose first `CODE_POINTS` entries are the classes of characters. Bytes that
are no UTF-8 count as the character U+FFFD each; nothing is read outside the limits given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

Array = np.ndarray[Any, np.dtype[Any]]

CODE_POINTS = 0x30000
"""Classes are known below; above lie only private use, tags and planes that hold nothing yet."""
SPACE = 1  # str.isspace
REPLACEMENT = 0xFFFD

SEED = np.uint64(0xCBF29CE484222325)  # FNV-1a
PRIME = np.uint64(0x100000001B3)
MIX = np.uint64(0xFF51AFD7ED558CCD)


def text_buffers(texts: pa.StringArray) -> tuple[Array, Array]:
    """The UTF-8 bytes (uint8) and the offsets (int32, one more than rows), without copying."""
    _, offsets, data = texts.buffers()
    first, count = (texts.offset, len(texts) + 1) if offsets is not None and len(texts) else (0, 1)
    return (
        read_only(np.frombuffer(data or b"", np.uint8)),
        read_only(np.frombuffer(offsets or bytes(4), np.int32)[first : first + count]),
    )


def read_only(array: Array) -> Array:
    """A view that cannot be written. numba compiles a loop once more for arrays that can, so inputs never can."""
    view = array.view()
    view.flags.writeable = False
    return view


@njit(cache=True, nogil=True)
def decode(data, i, stop):
    """Code point at byte `i` and the byte after it."""
    first = np.int64(data[i])
    if first < 0x80:
        return first, i + 1
    if 0xC2 <= first < 0xE0:
        size, code = 2, first & 0x1F
    elif 0xE0 <= first < 0xF0:
        size, code = 3, first & 0x0F
    elif 0xF0 <= first < 0xF5:
        size, code = 4, first & 0x07
    else:
        return np.int64(REPLACEMENT), i + 1
    if i + size > stop:
        return np.int64(REPLACEMENT), i + 1
    for j in range(i + 1, i + size):
        byte = np.int64(data[j])
        if byte & 0xC0 != 0x80:
            return np.int64(REPLACEMENT), i + 1
        code = (code << 6) | (byte & 0x3F)
    return code, i + size


@njit(cache=True, nogil=True)
def class_at(data, i, stop, table):
    """Class of the character at `i` (0 at `stop`) and the byte after it."""
    if i >= stop:
        return 0, i
    if data[i] < 128:
        return table[data[i]], i + 1
    code, after = decode(data, i, stop)
    return (table[code] if code < CODE_POINTS else 0), after


@njit(cache=True, nogil=True)
def class_before(data, start, i, table):
    """Class of the character that ends before `i` (0 at `start`) and its first byte."""
    if i <= start:
        return 0, i
    j = i - 1
    if data[j] < 128:
        return table[data[j]], j
    while j > start and i - j < 4 and data[j] & 0xC0 == 0x80:
        j -= 1
    code, after = decode(data, j, i)
    if after != i:
        return table[REPLACEMENT], i - 1
    return (table[code] if code < CODE_POINTS else 0), j


@njit(cache=True, nogil=True)
def skip_space(data, i, stop, table):
    """The first byte from `i` on that is no white space."""
    while True:
        while i < stop and data[i] < 128 and table[data[i]] & SPACE:
            i += 1
        if i >= stop or data[i] < 128:
            return i
        kind, after = class_at(data, i, stop, table)
        if not kind & SPACE:
            return i
        i = after


@njit(cache=True, nogil=True)
def skip_chunk(data, i, stop, table):
    """The first byte from `i` on that is white space."""
    while True:
        while i < stop and data[i] < 128 and not table[data[i]] & SPACE:
            i += 1
        if i >= stop or data[i] < 128:
            return i
        kind, after = class_at(data, i, stop, table)
        if kind & SPACE:
            return i
        i = after


@njit(cache=True, nogil=True)
def strip_end(data, start, stop, table):
    """Where the text ends without the white space at its end."""
    while stop > start:
        kind, before = class_before(data, start, stop, table)
        if not kind & SPACE:
            break
        stop = before
    return stop


@njit(cache=True, nogil=True)
def character_count(data, start, stop):
    """Bytes that begin a character; as signed numbers the others are those below -64, which vectorises."""
    count = np.int64(0)
    for i in range(np.uint64(start), np.uint64(stop)):
        count += np.int64(np.int8(data[i]) >= np.int8(-64))
    return count


@njit(cache=True, nogil=True)
def head_of(data, start, stop, head):
    """Where the first `head` bytes end, not within a character."""
    if stop - start <= head:
        return stop
    stop = start + head
    while stop > start and data[stop] & 0xC0 == 0x80:
        stop -= 1
    return stop


@njit(cache=True, nogil=True)
def finish_hash(value):
    """Spreads FNV-1a over all bits; never 0, which marks a free slot in tables."""
    value ^= value >> np.uint64(32)
    value *= MIX
    value ^= value >> np.uint64(29)
    return value | np.uint64(value == 0)


@njit(cache=True, nogil=True)
def hash_bytes(data, start, stop):
    """64-bit hash of a run of bytes, the same on every machine."""
    value = SEED
    for i in range(start, stop):
        value = (value ^ np.uint64(data[i])) * PRIME
    return finish_hash(value)


@njit(cache=True, nogil=True)
def grown(array, size):
    larger = np.empty(size, array.dtype)
    larger[: len(array)] = array
    return larger
