"""MinHash signatures and LSH band keys.

The permutations are those of datasketch 2 (`affine32`): signature k is the minimum over all shingle hashes h of
a_k * fmix32(h) + b_k mod 2^32. With SHA-1 shingle hashes a signature equals datasketch's bit by bit; with the fast
hash it equals datasketch's with that hash as `hashfunc`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit

from pipeline.kernels.duplicates.shingles import Shingles
from pipeline.kernels.utf8 import Array

BAND_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@cache
def permutations(count: int, seed: int) -> tuple[Array, Array]:
    """(a, b), uint32 each: drawn as datasketch 2 draws them, so that both agree for every seed."""
    generator = np.random.RandomState(seed)
    a = generator.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = generator.randint(0, 1 << 32, count, dtype=np.uint32)
    return a, b


def signatures(found: Shingles, count: int, seed: int) -> Array:
    """uint32, one row per text and one column per permutation; all ones for a text without shingles."""
    a, b = permutations(count, seed)
    result = np.full((len(found.contents), count), 0xFFFFFFFF, np.uint32)
    _signatures(found.hashes, found.offsets, a, b, result)
    return result


def band_keys(signature: Array, bands: int) -> Array:
    """uint64, one row per text and one column per band: texts with an equal key agree on the band's whole columns."""
    keys = np.empty((len(signature), bands), np.uint64)
    _band_keys(signature, bands, keys)
    return keys


@njit(cache=True, nogil=True)
def _signatures(hashes, offsets, a, b, result):
    for text in range(len(result)):
        row = result[text]
        for place in range(offsets[text], offsets[text + 1]):
            value = hashes[place]
            value = np.uint32((value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B))
            value = np.uint32((value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35))
            value = np.uint32(value ^ (value >> np.uint32(16)))
            for k in range(len(row)):
                row[k] = min(row[k], np.uint32(a[k] * value + b[k]))


@njit(cache=True, nogil=True)
def _band_keys(signature, bands, keys):
    rows = signature.shape[1] // bands
    for text in range(len(signature)):
        for band in range(bands):
            key = np.uint64(band + 1) * BAND_FACTOR
            for place in range(band * rows, (band + 1) * rows):
                key = (key ^ np.uint64(signature[text, place])) * BAND_FACTOR
                key ^= key >> np.uint64(32)
            keys[text, band] = key
