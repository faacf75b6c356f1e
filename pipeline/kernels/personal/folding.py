"""A text as the rules for personal data read it: what looks like an ASCII sign, or is written as one, is that sign.

| in the text | is read as |
|---|---|
| digits of any script, full-width letters and signs | the ASCII sign |
| no-break, thin, ideographic and other spaces | a space |
| hyphens and dashes beyond ASCII, the minus sign | `DASH`, which stands between digits but binds no words |
| soft hyphens, zero-width signs, marks of direction | nothing |
| `&#64;` `&#x40;` `&commat;` `&nbsp;` …, also with `&amp;` for & | what they mean |

Rules look at the folded text only; what they find is mapped back, so that text beside it stays byte for byte.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import njit

from pipeline.kernels.personal.classes import starts
from pipeline.kernels.utf8 import Array, decode, grown, read_only

DASH = 31
"""A control code that no class holds: as a hyphen, a dash between two addresses would make them one name."""
ITSELF, NOTHING_SEEN = -1, 0
NAMED = {
    **dict.fromkeys(("nbsp", "ensp", "emsp", "thinsp", "numsp"), 32),
    **dict.fromkeys(("ndash", "mdash", "minus", "hyphen", "dash"), DASH),
    **dict.fromkeys(("shy", "zwnj", "zwj", "lrm", "rlm"), NOTHING_SEEN),
    "commat": 64,
    "plus": 43,
    "period": 46,
    "lowbar": 95,
    "lpar": 40,
    "rpar": 41,
    "sol": 47,
    "num": 35,
}
NAMES = np.array([list(f"{name};".encode().ljust(8, b"\0")) for name in NAMED], np.uint8)
NAME_SIZES = np.array([len(name) + 1 for name in NAMED])
NAME_SIGNS = np.array(list(NAMED.values()))


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded buffer and the way back: from place `places[k]` on, byte q came from `sources[k] + q - places[k]`."""

    data: Array
    offsets: Array
    places: Array
    sources: Array
    hidden: Array
    """bool: did signs that are not seen stand right before this place?"""

    def starts(self, places: Array) -> Array:
        """Where these bytes lay; signs that are not seen before them are left out."""
        return self._source(places, np.searchsorted(2 * self.places + self.hidden, 2 * places + 1, side="right"))

    def stops(self, places: Array) -> Array:
        """Where the bytes before these ended; signs that are not seen behind them are left out."""
        return self._source(places, np.searchsorted(2 * self.places + self.hidden, 2 * places, side="right"))

    def _source(self, places: Array, after: Array) -> Array:
        cut = np.maximum(after - 1, 0)
        return np.asarray(self.sources[cut] + places - self.places[cut])


def fold(data: Array, offsets: Array) -> Folded | None:
    """The texts of a buffer folded; None if nothing in them is."""
    out, out_offsets, places, sources, hidden = _fold(data, offsets, signs())
    if len(places) == 1:
        return None
    return Folded(read_only(out), read_only(out_offsets), places, sources, hidden)


@cache
def signs() -> Array:
    """int16 per code point of the basic plane: the ASCII sign that it counts as, `NOTHING_SEEN` or `ITSELF`."""
    table = np.full(0x10000, ITSELF, np.int16)
    for code in range(0x80, 0x10000):
        category = unicodedata.category(chr(code))
        if category == "Nd":
            table[code] = 48 + unicodedata.digit(chr(code))
        elif category == "Zs":
            table[code] = 32
        elif category == "Cf":
            table[code] = NOTHING_SEEN
    table[0xFF01 + np.arange(94)] = 0x21 + np.arange(94)
    table[[0xFF1A, 0xFF1B]] = ITSELF  # full-width colon and semicolon stand before what is sought
    table[[0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212]] = DASH
    table[[0xFE6B, 0xFE62, 0xFE52]] = [64, 43, 46]  # small @ + .
    return read_only(table)


@njit(cache=True, nogil=True)
def _fold(data, offsets, table):
    out = np.empty(np.int64(offsets[-1]) - offsets[0] + 1, np.uint8)
    out_offsets = np.zeros(len(offsets), np.int32)
    places, sources, hidden = np.zeros(64, np.int64), np.zeros(64, np.int64), np.zeros(64, np.bool_)
    sources[0] = offsets[0]
    size, cuts = np.int64(0), np.int64(1)
    for text in range(len(offsets) - 1):
        i, last = np.int64(offsets[text]), np.int64(offsets[text + 1])
        while i < last:
            plain = i  # most text is: copied in runs
            while i < last and data[i] < 0x80 and data[i] != 38:
                i += 1
            out[size : size + i - plain] = data[plain:i]
            size += i - plain
            if i == last:
                break
            sign, after = _sign_at(data, i, last, table)
            if sign == ITSELF:
                while i < after:
                    out[size] = data[i]
                    size += 1
                    i += 1
                continue
            if sign != NOTHING_SEEN:
                out[size] = sign
                size += 1
            if cuts == len(places):
                places, sources, hidden = grown(places, 2 * cuts), grown(sources, 2 * cuts), grown(hidden, 2 * cuts)
            places[cuts], sources[cuts], hidden[cuts] = size, after, sign == NOTHING_SEEN
            cuts += 1
            i = after
        out_offsets[text + 1] = size
    return out, out_offsets, places[:cuts], sources[:cuts], hidden[:cuts]


@njit(cache=True, nogil=True)
def _sign_at(data, i, last, table):
    """What the sign at `i`, & or beyond ASCII, counts as, and the byte after it."""
    if data[i] != 38:
        code, after = decode(data, i, last)
        return (np.int64(table[code]) if code <= 0xFFFF else np.int64(ITSELF)), np.int64(after)
    j = i + 1
    if starts(data, j, last, b"amp;"):  # escaped twice
        j += 4
    if starts(data, j, last, b"#"):
        return _numbered(data, i, j + 1, last, table)
    for name in range(len(NAMES)):
        if starts(data, j, last, NAMES[name, : NAME_SIZES[name]]):
            return np.int64(NAME_SIGNS[name]), np.int64(j + NAME_SIZES[name])
    return np.int64(ITSELF), np.int64(i + 1)


@njit(cache=True, nogil=True)
def _numbered(data, i, j, last, table):
    """The sign of `&#64;` or `&#x40;`, whose number begins at `j`."""
    base, code, first = 10, np.int64(0), j
    if j < last and data[j] | 32 == 120:
        base, first = 16, j + 1
    j = first
    while j < last and j - first < 7:
        low = data[j] | 32
        if 48 <= data[j] <= 57:
            digit = np.int64(data[j]) - 48
        elif base == 16 and 97 <= low <= 102:
            digit = np.int64(low) - 87
        else:
            break
        code, j = code * base + digit, j + 1
    if j == first or not starts(data, j, last, b";") or not 32 <= code <= 0xFFFF:
        return np.int64(ITSELF), np.int64(i + 1)
    sign = code if code < 127 else np.int64(table[code])
    return sign, (np.int64(j + 1) if sign != ITSELF else np.int64(i + 1))
