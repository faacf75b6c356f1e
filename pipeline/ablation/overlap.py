"""How much of each held-out document also occurs in training text, by windows of 13 words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.ablation.data import Arm, I64Array, U64Array
from pipeline.ablation.heldout import Domain

WINDOW = 13  # words; the size GPT-3 used to look for contamination
CONTAMINATED = 0.2  # Llama 2 calls a document clean below 20 %; single runs are shared boilerplate, not a copy


def without_overlap(domains: Sequence[Domain], arms: Iterable[Arm]) -> list[Domain]:
    """The domains without documents of which either arm's training text holds CONTAMINATED or more of the windows."""
    windows = [hash_windows(pa.array(domain.texts, pa.string())) for domain in domains]
    table = np.unique(np.concatenate([hashes for hashes, _ in windows]))
    shares = [np.zeros(len(domain.texts)) for domain in domains]
    for arm in arms:
        seen = _seen(table, arm)
        for share, (hashes, rows) in zip(shares, windows, strict=True):
            total = np.bincount(rows, minlength=len(share))
            hits = np.bincount(rows, seen[np.searchsorted(table, hashes)], minlength=len(share))
            np.maximum(share, hits / np.maximum(total, 1), out=share)
    return [domain.keep(share < CONTAMINATED) for domain, share in zip(domains, shares, strict=True)]


def _seen(table: U64Array, arm: Arm) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    seen = np.zeros(len(table), np.bool_)
    for texts in arm.texts(arm.chosen):
        hashes, _ = hash_windows(texts)
        if len(table) and len(hashes):
            position = np.minimum(np.searchsorted(table, hashes), len(table) - 1)
            seen[position[table[position] == hashes]] = True
    return seen


def hash_windows(texts: pa.StringArray) -> tuple[U64Array, I64Array]:
    """The hash of every run of 13 words, and the row it is in. Case and ASCII punctuation do not count."""
    if not len(texts):
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    buffer = texts.buffers()[2]
    data = np.frombuffer(buffer, np.uint8) if buffer is not None else np.zeros(0, np.uint8)
    hashes = np.empty(int(offsets[-1] - offsets[0]), np.uint64)  # no more words than bytes
    rows = np.empty(len(hashes), np.int64)
    count = _windows(data, offsets, hashes, rows)
    return hashes[:count], rows[:count]


@njit(cache=True, nogil=True)
def _windows(data, offsets, hashes, rows):
    prime, base = np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15)
    leaving = np.uint64(1)  # the weight of the word that falls out of the window
    for _ in range(WINDOW):
        leaving *= base
    ring = np.zeros(WINDOW, np.uint64)
    count = 0
    for row in range(len(offsets) - 1):
        ring[:] = 0
        window, words, at, end = np.uint64(0), 0, offsets[row], offsets[row + 1]
        while at < end:
            stop = _word_end(data, at, end)
            if stop == at:
                at += 1
                continue
            word = np.uint64(0xCBF29CE484222325)
            for i in range(at, stop):
                byte = data[i]
                word = (word ^ np.uint64(byte + 32 if 65 <= byte <= 90 else byte)) * prime
            window = window * base + word - ring[words % WINDOW] * leaving
            ring[words % WINDOW] = word
            words += 1
            if words >= WINDOW:
                hashes[count], rows[count] = window, row
                count += 1
            at = stop
    return count


@njit(cache=True, nogil=True)
def _word_end(data, at, end):
    if 0xE3 <= data[at] <= 0xED:  # leads a Chinese, Japanese or Korean character: three bytes, a word of its own
        return min(at + 3, end)
    while at < end:
        byte = data[at]
        letter = 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57 or byte >= 128
        if not letter or 0xE3 <= byte <= 0xED:
            break
        at += 1
    return at
