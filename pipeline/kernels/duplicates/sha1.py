"""SHA-1 (FIPS 180-4) in a compiled loop, cut to the 32 bits that datasketch takes as the hash of a shingle."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, inline="always")
def _rotate(value, by):
    return np.uint32((value << np.uint32(by)) | (value >> np.uint32(32 - by)))


@njit(cache=True, nogil=True)
def sha1_start(data, start, stop, block):
    """First four bytes of the digest of data[start:stop] as a little-endian number; `block` is scratch, 80 uint32."""
    h0, h1, h2 = np.uint32(0x67452301), np.uint32(0xEFCDAB89), np.uint32(0x98BADCFE)
    h3, h4 = np.uint32(0x10325476), np.uint32(0xC3D2E1F0)
    length = stop - start
    for first in range(0, length + 9, 64):
        for index in range(16):
            word = np.uint32(0)
            for byte in range(4):
                place = first + 4 * index + byte
                value = np.uint32(data[start + place]) if place < length else np.uint32(0x80 * (place == length))
                word = np.uint32((word << np.uint32(8)) | value)
            block[index] = word
        if first + 64 >= length + 9:
            block[14] = np.uint32(length >> 29)
            block[15] = np.uint32(length << 3)
        for index in range(16, 80):
            mixed = block[index - 3] ^ block[index - 8] ^ block[index - 14] ^ block[index - 16]
            block[index] = _rotate(mixed, 1)
        a, b, c, d, e = h0, h1, h2, h3, h4
        for index in range(80):
            if index < 20:
                f, k = (b & c) | (~b & d), np.uint32(0x5A827999)
            elif index < 40:
                f, k = b ^ c ^ d, np.uint32(0x6ED9EBA1)
            elif index < 60:
                f, k = (b & c) | (b & d) | (c & d), np.uint32(0x8F1BBCDC)
            else:
                f, k = b ^ c ^ d, np.uint32(0xCA62C1D6)
            total = np.uint32(_rotate(a, 5) + f + e + k + block[index])
            a, b, c, d, e = total, a, _rotate(b, 30), c, d
        h0, h1, h2 = np.uint32(h0 + a), np.uint32(h1 + b), np.uint32(h2 + c)
        h3, h4 = np.uint32(h3 + d), np.uint32(h4 + e)
    return (h0 >> 24) | ((h0 >> 8) & 0xFF00) | ((h0 << 8) & 0xFF0000) | np.uint32((h0 & 0xFF) << 24)
