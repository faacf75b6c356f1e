"""Cuts a chunk of text without white space into English words.

The rules are those of spaCy's blank English tokenizer, with the characters and exceptions of `english.py`:

1. An exception ("don't", "e.g.", ":)") is cut as its entry says. Otherwise prefixes and suffixes are taken off in
   turn until nothing changes or what remains is an exception.
2. What remains is one word if it is an exception or a URL; otherwise it is cut at infixes.
3. A run of the words so far that spells an exception is put together again ("hello:)" → "hello", ":)").

All that the loops look up lies in one int64 array, since arrays are what a call costs:

| from            | entries                                                                                       |
|-----------------|-----------------------------------------------------------------------------------------------|
| 0               | class of each code point                                                                      |
| `LENGTHS`       | per first byte: bit n is set if an exception of n bytes begins with it                        |
| `LEXICON`       | hash table of exceptions and units, four numbers a slot: hash of the string (0: free),        |
|                 | EXCEPTION or UNIT or both, cuts (bit n: the exception is cut before its byte n), and parts:   |
|                 | the same as it would be cut if it were none (0: in one piece), which step 3 looks for         |
| `SIEVE`         | a bit for each value of a hash's first 16 bits: set if a string of the table has such a hash  |
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import CODE_POINTS, Array, after_letters, class_at, class_before, hash_bytes
from pipeline.kernels.words.english import (
    ALPHA,
    BEFORE_STOP,
    CURRENCY,
    INFIX,
    LOWER,
    PREFIX,
    QUOTE,
    SUFFIX,
    UNITS,
    UPPER,
    character_classes,
    exceptions,
)
from pipeline.kernels.words.urls import is_digit, is_url

LENGTHS = CODE_POINTS
LEXICON = LENGTHS + 256
SLOTS = 4096
SIEVE = LEXICON + 4 * SLOTS
EXCEPTION, UNIT = 1, 2
LONGEST = 32
"""Bytes of the longest exception, or more; cuts must fit into an int64."""
MOST_PARTS = 12
"""Words that an exception would be cut into if it were none, or more; an emoticon is cut into 11."""


@cache
def word_table() -> Array:
    """The table described above; building it takes 0.2 s, once per process."""
    table = np.zeros(SIEVE + (1 << 16) // 64, np.int64)
    table[:CODE_POINTS] = character_classes()
    for unit in (*UNITS.split(), *CURRENCY):
        table[_slot_for(unit, table) + 1] |= UNIT
    # Units decide how an exception such as 8m. would be cut, so they come first.
    parts = {text: _cuts_of(text, table) for text in exceptions()}
    for text, words in exceptions().items():
        ends = np.cumsum([len(word.encode()) for word in words])
        slot = _slot_for(text, table)
        table[slot + 1] |= EXCEPTION
        table[slot + 2] = sum(1 << int(end) for end in ends[:-1])
        table[slot + 3] = parts[text]
        table[LENGTHS + text.encode()[0]] |= 1 << int(ends[-1])
    return table


def _slot_for(text: str, table: Array) -> int:
    """Where the string lies in the table, or now does."""
    data = np.frombuffer(text.encode(), np.uint8)
    key = np.uint64(hash_bytes(data, 0, len(data))).astype(np.int64)
    slot = int(key) & (SLOTS - 1)
    while table[LEXICON + 4 * slot] not in (0, key):
        slot = (slot + 1) & (SLOTS - 1)
    table[LEXICON + 4 * slot] = key
    first = int(key) >> 48 & 0xFFFF
    table[SIEVE + (first >> 6)] |= np.uint64(1 << (first & 63)).astype(np.int64)
    return LEXICON + 4 * slot


def _cuts_of(text: str, table: Array) -> int:
    data = np.frombuffer(text.encode(), np.uint8)
    ends = np.empty(2 * len(data) + 2, np.int32)
    count = cut_chunk(data, 0, len(data), table, ends)
    return sum(1 << int(end) for end in ends[: count - 1])


@njit(cache=True, nogil=True)
def find(key, table):
    """Where the string of this hash lies in the table, or -1."""
    slot = np.int64(key) & (SLOTS - 1)
    while True:
        at = LEXICON + 4 * slot
        if table[at] == np.int64(key):
            return at
        if table[at] == 0:
            return -1
        slot = (slot + 1) & (SLOTS - 1)


@njit(cache=True, nogil=True)
def maybe_known(key, table):
    """False if no string of the table has this hash."""
    first = np.int64(key >> np.uint64(48))
    return (table[SIEVE + (first >> 6)] >> (first & 63)) & 1 != 0


@njit(cache=True, nogil=True)
def find_exception(data, start, stop, table):
    """Where the exception that this string is lies in the table, or -1."""
    size = stop - start
    if size <= 0 or size > LONGEST or not (table[LENGTHS + data[start]] >> size) & 1:
        return -1
    at = find(hash_bytes(data, start, stop), table)
    return at if at >= 0 and table[at + 1] & EXCEPTION else -1


@njit(cache=True, nogil=True)
def cut_chunk(data, start, stop, table, ends):
    """Cuts text without white space into words; their ends go into `ends`. Returns how many.

    `ends` needs 2 * (bytes + 1) entries. Its first half also holds, from its far end, the suffixes taken off so far:
    they never meet the others, as each word has a byte.
    """
    count, suffixes, last = 0, 0, len(ends) // 2
    low, high, size = start, stop, -1
    while low < high and high - low != size:
        if after_letters(data, low, high) == high or find_exception(data, low, high, table) >= 0:
            break
        size = high - low
        prefix = _prefix(data, low, high, table)
        if prefix and find_exception(data, low + prefix, high, table) >= 0:
            low += prefix
            ends[count] = low
            count += 1
            break
        suffix = _suffix(data, low + prefix, high, table)
        if suffix and find_exception(data, low, high - suffix, table) >= 0:
            suffixes += 1
            ends[last - suffixes] = high
            high -= suffix
            break
        if prefix:
            low += prefix
            ends[count] = low
            count += 1
        if suffix:
            suffixes += 1
            ends[last - suffixes] = high
            high -= suffix
    if low < high:
        count = _cut_middle(data, low, high, table, ends, count)
    for i in range(suffixes):
        ends[count + i] = ends[last - suffixes + i]
    count += suffixes
    return _restore_exceptions(data, start, table, ends, count) if count > 1 else count


@njit(cache=True, nogil=True)
def _cut_middle(data, low, high, table, ends, count):
    """Cuts what is left between affixes."""
    at = find_exception(data, low, high, table)
    if at >= 0:
        return cut_at(table[at + 2], low, high, ends, count)
    if after_letters(data, low, high) < high and not is_url(data, low, high, table):
        begun = low
        before, i = class_at(data, low, high, table)  # an infix at the very front is left alone
        while i < high:
            after = after_letters(data, i, high)
            if after > i:  # no infix begins with a letter
                before, i = table[data[after - 1]], after
                continue
            infix = _infix(data, low, i, high, table, before)
            if infix == 0:
                before, i = class_at(data, i, high, table)
                continue
            if i > begun:
                ends[count] = i
                count += 1
            begun = i + infix
            ends[count] = begun
            count += 1
            before, _ = class_before(data, low, begun, table)
            i = begun
        if begun == high:
            return count
    ends[count] = high
    return count + 1


@njit(cache=True, nogil=True)
def cut_at(cuts, low, high, ends, count):
    """Cuts before the n-th byte where bit n of `cuts` is set."""
    for i in range(1, high - low):
        if (cuts >> i) & 1:
            ends[count] = low + i
            count += 1
    ends[count] = high
    return count + 1


@njit(cache=True, nogil=True)
def _restore_exceptions(data, start, table, ends, count):
    """Puts together words that spell an exception; where two overlap, the longer in words, then the earlier, wins.

    As in the reference, one that loses still keeps others off its words: ":):)" gives ":)", ":", ")". The second half
    of `ends` holds a mark per word: -1 if it is taken, n if n words are to be put together from it on.
    """
    half, restored = len(ends) // 2, 0
    for i in range(count):
        ends[half + i] = 0
    for words in range(min(count, MOST_PARTS), 1, -1):
        low = start
        for first in range(count - words + 1):
            size = ends[first + words - 1] - low
            known = size <= LONGEST and (table[LENGTHS + data[low]] >> size) & 1
            if known and _spelled(data, low, first, words, table, ends) >= 0:
                free = ends[half + first] == 0 and ends[half + first + words - 1] == 0
                for i in range(first, first + words):
                    if ends[half + i] == 0:
                        ends[half + i] = -1
                if free:
                    ends[half + first] = words
                    restored += 1
            low = np.int64(ends[first])
    return _put_together(data, start, table, ends, count) if restored else count


@njit(cache=True, nogil=True)
def _put_together(data, start, table, ends, words):
    # Read from the far end, so that writing never overtakes reading: each word has a byte, there is one entry more.
    half = len(ends) // 2
    shift = half - words
    for i in range(words - 1, -1, -1):
        ends[shift + i] = ends[i]
    low, first, count = start, 0, 0
    while first < words:
        taken = ends[half + first]
        if taken > 0:
            at = _spelled(data, low, shift + first, taken, table, ends)
            high = np.int64(ends[shift + first + taken - 1])
            count = cut_at(table[at + 2], low, high, ends, count)
            first += taken
        else:
            high = np.int64(ends[shift + first])
            ends[count] = high
            count += 1
            first += 1
        low = high
    return count


@njit(cache=True, nogil=True)
def _spelled(data, low, first, words, table, ends):
    """Where the exception lies in the table that the words from `first` on spell, cut as its parts are; or -1."""
    at = find_exception(data, low, np.int64(ends[first + words - 1]), table)
    if at < 0 or table[at + 3] == 0:
        return -1
    parts = 0
    for i in range(first, first + words - 1):
        parts |= 1 << (ends[i] - low)
    return at if parts == table[at + 3] else -1


@njit(cache=True, nogil=True)
def _prefix(data, start, stop, table):
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
def _suffix(data, start, stop, table):
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
def _infix(data, start, i, stop, table, before):
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
