"""Classes of ASCII bytes, and the small loops over them that the rules for personal data share."""

from __future__ import annotations

import string

import numpy as np
from numba import njit

NOTHING = (-1, -1, -1)

DIGIT, LETTER, UPPER, HEX, LOCAL, HOST, TOKEN, ANCHOR = (1 << bit for bit in range(8))
ALNUM = DIGIT | LETTER
_LETTERS_DIGITS = string.ascii_letters + string.digits
_SETS = {
    DIGIT: string.digits,
    LETTER: string.ascii_letters,
    UPPER: string.ascii_uppercase,
    HEX: string.hexdigits,
    LOCAL: _LETTERS_DIGITS + "._%+-",
    HOST: _LETTERS_DIGITS + "-",
    TOKEN: _LETTERS_DIGITS + "_-",
    ANCHOR: string.digits + "@+I_-",
}
CLASS = np.array([sum(bit for bit, chars in _SETS.items() if chr(byte) in chars) for byte in range(256)], np.uint8)


@njit(cache=True, nogil=True)
def is_a(data, i, last, flags):
    return i < last and CLASS[data[i]] & flags != 0


@njit(cache=True, nogil=True)
def run_of(data, i, last, flags):
    """The first byte from `i` on that is of another class."""
    while i < last and CLASS[data[i]] & flags:
        i += 1
    return i


@njit(cache=True, nogil=True)
def next_of(data, i, last, flags):
    """The first byte from `i` on that is of the class."""
    while i < last and not CLASS[data[i]] & flags:
        i += 1
    return i


@njit(cache=True, nogil=True)
def starts(data, i, last, literal):
    k, size = 0, len(literal)
    while k < size <= last - i and data[i + k] == literal[k]:
        k += 1
    return k == size
