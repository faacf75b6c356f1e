"""128-bit hash of each text's words as they are spelt, straight from an Arrow text buffer.

Hashed is the text with A-Z in lower case, each run of ASCII white space as one space, and both ends stripped. The hash
is MurmurHash3 x64 128 with seed 0: fast and even, but no defence against texts made to collide.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.utf8 import Array, text_buffers

C1, C2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
N1, N2 = np.uint64(0x52DCE729), np.uint64(0x38495AB5)
F1, F2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


def text_hashes(texts: pa.StringArray) -> Array:
    """uint64, two columns (low, high), one row per text. A null counts as empty."""
    data, offsets = text_buffers(texts)
    hashes = np.empty((len(texts), 2), np.uint64)
    _text_hashes(data, offsets, hashes)
    return hashes


def normalise(text: str) -> str:
    """What is hashed, in plain Python."""
    lower = "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in text)
    for space in "\t\n\v\f\r":
        lower = lower.replace(space, " ")
    return " ".join(word for word in lower.split(" ") if word)


@njit(cache=True, nogil=True)
def _text_hashes(data: Any, offsets: Any, hashes: Any) -> None:
    for text in range(len(hashes)):
        low, high = _murmur(data, offsets[text], offsets[text + 1])
        hashes[text, 0] = low
        hashes[text, 1] = high


@njit(cache=True, nogil=True)
def _murmur(data, start, stop):
    h1, h2 = np.uint64(0), np.uint64(0)
    k1, k2 = np.uint64(0), np.uint64(0)
    length = 0
    gap = False
    for place in range(start, stop):
        byte = np.uint64(data[place])
        if byte == 0x20 or 0x09 <= byte <= 0x0D:
            gap = length > 0
            continue
        if 0x41 <= byte <= 0x5A:
            byte += np.uint64(32)
        for index in range(2 if gap else 1):
            value = np.uint64(0x20) if gap and index == 0 else byte
            if length & 8:
                k2 |= value << np.uint64(8 * (length & 7))
            else:
                k1 |= value << np.uint64(8 * (length & 7))
            length += 1
            if length & 15 == 0:
                h1 ^= _rotate(k1 * C1, 31) * C2
                h1 = (_rotate(h1, 27) + h2) * np.uint64(5) + N1
                h2 ^= _rotate(k2 * C2, 33) * C1
                h2 = (_rotate(h2, 31) + h1) * np.uint64(5) + N2
                k1, k2 = np.uint64(0), np.uint64(0)
        gap = False
    h2 ^= _rotate(k2 * C2, 33) * C1
    h1 ^= _rotate(k1 * C1, 31) * C2
    h1 ^= np.uint64(length)
    h2 ^= np.uint64(length)
    h1 += h2
    h2 += h1
    h1, h2 = _final(h1), _final(h2)
    h1 += h2
    return h1, h2 + h1


@njit(cache=True, nogil=True, inline="always")
def _rotate(value, by):
    return (value << np.uint64(by)) | (value >> np.uint64(64 - by))


@njit(cache=True, nogil=True, inline="always")
def _final(value):
    value ^= value >> np.uint64(33)
    value *= F1
    value ^= value >> np.uint64(33)
    value *= F2
    return value ^ (value >> np.uint64(33))
