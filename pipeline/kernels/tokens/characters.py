"""Replace characters of texts by what a table says, in one pass: lower case, compatible characters, no diacritics."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import NamedTuple

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import CODE_POINTS, NEWLINE, Array, decode, grown

SAME, ASK = 0, 1
"""In place of the number of a replacement: the character stays; what it becomes depends on others."""
LONGEST = 64
"""Bytes of a replacement; Unicode's longest (NFKD of U+FDFA) has 33."""


class Replacements(NamedTuple):
    """What each character becomes, as arrays for the compiled loop."""

    ascii: Array
    """uint8 (128): what ASCII becomes."""
    number: Array
    """uint16 (CODE_POINTS): `SAME`, `ASK`, or the number of a replacement."""
    begins: Array
    """int32: where each replacement begins in `text`, and the end."""
    text: Array
    """uint8: all replacements, one after the other."""


def find_replacements(function: Callable[[str], str], ask: Set[str]) -> Replacements:
    """The table of a function from text to text that changes each character by itself, but for those in `ask`.

    The function must leave line ends alone and make ASCII of ASCII. Characters from `CODE_POINTS` on are to be asked.
    """
    skipped = {NEWLINE, *range(0xD800, 0xE000)}
    characters = ["" if code in skipped else chr(code) for code in range(CODE_POINTS)]
    changed = function("\n".join(characters)).split("\n")
    strings = ["", "", *sorted({new for old, new in zip(characters, changed, strict=True) if old != new})]
    number_of = {string: number for number, string in enumerate(strings) if number > ASK}
    number = np.zeros(CODE_POINTS, np.uint16)
    for code, (old, new) in enumerate(zip(characters, changed, strict=True)):
        if old != new or old in ask:
            number[code] = ASK if old in ask else number_of[new]
    encoded = [string.encode() for string in strings]
    begins = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    ascii_ = np.frombuffer("".join(new or "\n" for new in changed[:128]).encode("ascii"), np.uint8)
    return Replacements(ascii_, number, begins, np.frombuffer(b"".join(encoded), np.uint8))


def replace_characters(data: Array, offsets: Array, table: Replacements, line_ends: int) -> tuple[Array, Array, Array]:
    """The changed texts, one after the other (uint8), where each begins, and the end (int32), and which to ask about.

    Of line ends in a row at most so many stay. A text with a character to be asked about becomes empty.
    """
    new_offsets, ask = np.empty(len(offsets), np.int32), np.zeros(len(offsets) - 1, np.bool_)
    return _replace(data, offsets, *table, line_ends, new_offsets, ask), new_offsets, ask


@njit(cache=True, nogil=True)
def _replace(data, offsets, ascii_, number, begins, text, line_ends, new_offsets, ask):
    out = np.empty(np.int64(offsets[-1]) - offsets[0] + 2 * LONGEST, np.uint8)
    at = np.int64(0)
    for row in range(len(offsets) - 1):
        i, stop, ends = np.int64(offsets[row]), np.int64(offsets[row + 1]), 0
        new_offsets[row] = first = at
        while i < stop:
            if len(out) - at < stop - i + LONGEST:
                out = grown(out, 2 * (len(out) + LONGEST))
            if data[i] < 128 and data[i] != NEWLINE:
                ends = 0
                while i < stop and data[i] < 128 and data[i] != NEWLINE:
                    out[at] = ascii_[data[i]]
                    i, at = i + 1, at + 1
                continue
            code, after = decode(data, i, stop)
            ends = ends + 1 if code == NEWLINE else 0
            which = number[code] if code < CODE_POINTS else ASK
            if which == ASK:
                ask[row], at = True, first
                break
            if which == SAME and ends <= line_ends:
                for k in range(i, after):
                    out[at] = data[k]
                    at += 1
            elif which != SAME:
                for k in range(begins[which], begins[which + 1]):
                    out[at] = text[k]
                    at += 1
            i = after
    new_offsets[-1] = at
    return out[:at]
