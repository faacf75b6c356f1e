"""Numbers for strings that come again and again: a hash table over Arrow buffers.

Strings are told apart by 64-bit hashes alone: among a million known ones, a new one is taken for one of them once in
2^44.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import Array, hash_bytes

FIRST_SLOTS = 1 << 12


class StringTable:
    """Numbers distinct strings from 0 on, in the order in which they are first met."""

    def __init__(self) -> None:
        self._slots, self._size = np.zeros((FIRST_SLOTS, 2), np.uint64), 0

    def __len__(self) -> int:
        return self._size

    def number(self, data: Array, offsets: Array) -> tuple[Array, Array]:
        """The number of each string data[offsets[i]:offsets[i + 1]] (int32), and the places of those met first (int64).

        The place with the lowest new number comes first.
        """
        numbers, first = np.empty(len(offsets) - 1, np.int32), np.empty(len(offsets) - 1, np.int64)
        before = self._size
        self._slots, self._size = _number_all(data, offsets, self._slots, before, numbers, first)
        return numbers, first[: self._size - before]


@njit(cache=True, nogil=True)
def _slot_of(key, slots):
    slot = key & np.uint64(len(slots) - 1)
    while slots[slot, 0] != key and slots[slot, 0] != 0:
        slot = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
    return slot


@njit(cache=True, nogil=True)
def _enlarged(slots):
    larger = np.zeros((2 * len(slots), 2), np.uint64)
    for old in range(len(slots)):
        if slots[old, 0] != 0:
            larger[_slot_of(slots[old, 0], larger)] = slots[old]
    return larger


@njit(cache=True, nogil=True)
def _number_all(data, offsets, slots, size, numbers, first):
    met = 0
    for i in range(len(offsets) - 1):
        key = hash_bytes(data, np.int64(offsets[i]), np.int64(offsets[i + 1]))
        slot = _slot_of(key, slots)
        if slots[slot, 0] == 0:
            slots[slot, 0], slots[slot, 1] = key, np.uint64(size)
            numbers[i], first[met] = size, i
            size, met = size + 1, met + 1
            if 2 * size > len(slots):
                slots = _enlarged(slots)
        else:
            numbers[i] = np.int32(slots[slot, 1])
    return slots, size
