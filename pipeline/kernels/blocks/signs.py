"""What a text's characters say of it: words, ends of sentences, digits, capitals, prices, years.

Texts lie one behind the other in an array of code points; Python's own methods say what each of them is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import njit

Array = np.ndarray[Any, np.dtype[Any]]
CODE_POINTS = 0x30000
"""Of which classes are known; above lie only private use, tags and planes of rare Chinese signs."""
SPACE, DIGIT, CAPITAL, IN_WORD, END, COMMA, CURRENCY = 1, 2, 4, 8, 16, 32, 64
ENDS = ".!?:;\u2026\u3002\uff01\uff1f\uff1a\u061f\u0964"
COMMAS = ",\u3001\uff0c\u060c"
CURRENCIES = "$\u20ac\u00a3\u00a5\u20b9"
DIGITS_WITHIN = 200
"""Characters of a text."""
CAPITALS_WITHIN = 20
"""Words of a text."""
COLUMNS = ("words", "ends", "commas", "is_ended", "digits", "capitals", "has_price", "has_year")
EURO, USD, EUR, GBP, ZLOTY, KRONE = (
    np.array(list(map(ord, sign)), np.uint32) for sign in ("\u20ac", "USD", "EUR", "GBP", "z\u0142", "kr")
)


@functools.cache
def classes() -> Array:
    everything = "".join(map(chr, range(CODE_POINTS)))
    table = np.zeros(CODE_POINTS + 1, np.uint8)  # the last is for what lies above
    belongs: Sequence[tuple[int, Callable[[str], bool]]] = (
        (SPACE, str.isspace), (DIGIT, str.isdecimal), (CAPITAL, str.isupper), (IN_WORD, str.isalnum),
        (IN_WORD, "_".__contains__), (END, ENDS.__contains__), (COMMA, COMMAS.__contains__),
        (CURRENCY, CURRENCIES.__contains__),
    )  # fmt: skip
    for flag, is_one in belongs:
        table[code_points("".join(filter(is_one, everything)))] |= flag
    return table


def code_points(text: str) -> Array:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def signs(texts: Sequence[str]) -> Array:
    """One row a text, one of COLUMNS each."""
    stops = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
    found: Array = _signs(code_points("".join(texts)), stops, classes())
    return found


@njit(cache=True, nogil=True)
def _signs(data, stops, classes):
    found = np.zeros((len(stops), 8), np.int64)
    start = 0
    for text, stop in enumerate(stops):
        words = ends = commas = digits = capitals = 0
        price, year, is_ended = False, False, start == stop
        before = SPACE  # the class of the character before
        for at in range(start, stop):
            its = classes[min(data[at], CODE_POINTS)]
            if not its & SPACE and before & SPACE:
                words += 1
                capitals += (its & CAPITAL) != 0 and words <= CAPITALS_WITHIN
            ends += (its & END) != 0
            commas += (its & COMMA) != 0
            if its & DIGIT:
                digits += at - start < DIGITS_WITHIN
                price = price or _is_price(data, at, start, stop, classes)
                year = year or (not before & IN_WORD and _is_year(data, at, stop, classes))
            is_ended = (its & END) != 0
            before = its
        row = found[text]
        row[0], row[1], row[2], row[3], row[4], row[5] = words, ends, commas, is_ended, digits, capitals
        row[6], row[7] = price, year
        start = stop
    return found


@njit(cache=True, nogil=True)
def _is_price(data, at, start, stop, classes):
    """Whether the digit has a currency before or behind it, a space between them or none."""
    before = at - 1
    if before > start and classes[min(data[before], CODE_POINTS)] & SPACE:
        before -= 1
    if before >= start and classes[min(data[before], CODE_POINTS)] & CURRENCY:
        return True
    behind = at + 1
    if behind < stop and classes[min(data[behind], CODE_POINTS)] & SPACE:
        behind += 1
    for sign in (EURO, USD, EUR, GBP, ZLOTY):
        if _stands(data, behind, stop, sign):
            return True
    after = behind + len(KRONE)
    is_alone = after >= stop or not classes[min(data[min(after, stop - 1)], CODE_POINTS)] & IN_WORD
    return is_alone and _stands(data, behind, stop, KRONE)


@njit(cache=True, nogil=True)
def _stands(data, at, stop, sign):
    if at + len(sign) > stop:
        return False
    same = True
    for place in range(len(sign)):
        same = same and data[at + place] == sign[place]
    return same


@njit(cache=True, nogil=True)
def _is_year(data, at, stop, classes):
    """Whether four digits from here on, 19 or 20 first, stand alone."""
    if at + 4 > stop or not ((data[at] == 49 and data[at + 1] == 57) or (data[at] == 50 and data[at + 1] == 48)):
        return False
    for place in (at + 2, at + 3):
        if not classes[min(data[place], CODE_POINTS)] & DIGIT:
            return False
    return at + 4 == stop or not classes[min(data[at + 4], CODE_POINTS)] & IN_WORD
