"""What is cut off the ends of an English word, and what a word is cut at: bytes of prefixes, suffixes and infixes."""

from __future__ import annotations

from numba import njit

from pipeline.kernels.utf8 import class_at, class_before, hash_bytes
from pipeline.kernels.words.english import ALPHA, BEFORE_STOP, INFIX, LOWER, PREFIX, QUOTE, SUFFIX, UPPER
from pipeline.kernels.words.lexicon import UNIT, find
from pipeline.kernels.words.urls import is_digit


@njit(cache=True, nogil=True)
def prefix_bytes(data, start, stop, table):
    """Bytes to cut off the front."""
    first = data[start]
    if 97 <= first <= 122:
        return 0
    following = data[start + 1] if start + 1 < stop else 0
    if first == 46:
        dots = _dots(data, start, stop)
        return dots if dots > 1 else 0
    if first == 43:
        return 0 if is_digit(following) else 1
    if following == 36 and (first == 65 or first == 67):  # A$ C$
        return 2
    if first == 85 and following == 83 and start + 2 < stop and data[start + 2] == 36:  # US$
        return 3
    kind, after = class_at(data, start, stop, table)
    return after - start if kind & PREFIX else 0


@njit(cache=True, nogil=True)
def suffix_bytes(data, start, stop, table):
    """Bytes to cut off the end: the longest match."""
    if start >= stop:
        return 0
    last = data[stop - 1]
    before = data[stop - 2] if stop - 2 >= start else 0
    if last == 46:
        return _final_stop(data, start, stop, before, table)
    if not is_digit(last):
        unit = _unit(data, start, stop, table)
        if unit:
            return unit
    if last == 115 or last == 83:  # 's with either apostrophe
        if before == 39:
            return 2
        curly = stop - 4 >= start and data[stop - 4] == 0xE2 and data[stop - 3] == 0x80 and before == 0x99
        return 4 if curly else 0
    if last == 43:
        return 1 if is_digit(before) else 0
    kind, first = class_before(data, start, stop, table)
    if not kind & SUFFIX:
        return 0
    if stop - first == 3 and _is_ellipsis(data, first, stop) and _is_ellipsis(data, max(start, first - 3), stop):
        return 6 if first - 3 >= start else 3
    return stop - first


@njit(cache=True, nogil=True)
def _is_ellipsis(data, i, stop):
    return i + 3 <= stop and data[i] == 0xE2 and data[i + 1] == 0x80 and data[i + 2] == 0xA6


@njit(cache=True, nogil=True)
def _final_stop(data, start, stop, before, table):
    """Bytes to cut off an end that is a full stop: a run of them, or one behind the right kind of character."""
    if before == 46:
        i = stop
        while i > start and data[i - 1] == 46:
            i -= 1
        return stop - i
    kind, first = class_before(data, start, stop - 1, table)
    if kind & BEFORE_STOP:
        return 1
    if kind & UPPER:
        earlier, _ = class_before(data, start, first, table)
        if earlier & UPPER:
            return 1
    # °C.
    is_scale = before in (70, 102, 67, 99, 75, 107)
    return 1 if is_scale and stop - 4 >= start and data[stop - 4] == 0xC2 and data[stop - 3] == 0xB0 else 0


@njit(cache=True, nogil=True)
def _unit(data, start, stop, table):
    """Bytes after the last digit, if they spell a unit or a currency."""
    i = stop
    while i > start and stop - i <= 12:  # the longest has 10 bytes
        if is_digit(data[i - 1]):
            at = find(hash_bytes(data, i, stop), table)
            return stop - i if at >= 0 and table[at + 1] & UNIT else 0
        i -= 1
    return 0


@njit(cache=True, nogil=True)
def _dots(data, start, stop):
    """Length of the run of full stops at `start`."""
    i = start
    while i < stop and data[i] == 46:
        i += 1
    return i - start


@njit(cache=True, nogil=True)
def infix_bytes(data, start, i, stop, table, before):
    """Bytes of the infix at `i`, or 0. `before`: class of the character in front of it."""
    byte = data[i]
    if byte >= 128:
        kind, after = class_at(data, i, stop, table)
        if kind & INFIX:
            return after - i
        if after - i != 3 or byte != 0xE2 or data[i + 1] != 0x80 or (data[i + 2] != 0x93 and data[i + 2] != 0x94):
            return 0  # neither en nor em dash
        if not (before & ALPHA or is_digit(data[i - 1])):
            return 0
        following, _ = class_at(data, after, stop, table)
        if following & ALPHA:
            return after - i
        if data[i + 2] == 0x94 and after + 3 <= stop and data[after] == 0xE2 and data[after + 1] == 0x80:
            following, _ = class_at(data, after + 3, stop, table)
            if data[after + 2] == 0x94 and following & ALPHA:
                return 6
        return 0
    if byte == 46:
        dots = _dots(data, i, stop)
        if dots > 1:
            return dots
        if not before & (LOWER | QUOTE):
            return 0
        following, _ = class_at(data, i + 1, stop, table)
        return 1 if following & (UPPER | QUOTE) else 0
    digit_before = i > start and is_digit(data[i - 1])
    calculates = digit_before and (byte == 43 or byte == 45 or byte == 42 or byte == 94)  # + - * ^
    if calculates and i + 1 < stop and (is_digit(data[i + 1]) or data[i + 1] == 45):
        return 1
    if not (before & ALPHA or (digit_before and byte != 44)):
        return 0
    if byte == 45:
        for size in range(1, 4):
            following, _ = class_at(data, i + size, stop, table)
            if following & ALPHA:
                return size
            if i + size >= stop or data[i + size] != 45:
                return 0
        return 0
    if byte == 44 or byte == 126 or byte == 58 or byte == 60 or byte == 62 or byte == 61 or byte == 47:  # , ~ : < > = /
        following, _ = class_at(data, i + 1, stop, table)
        return 1 if following & ALPHA else 0
    return 0
