"""Cuts a chunk of text without white space into English words.

The rules are those of spaCy's blank English tokenizer, with the characters and exceptions of `english.py`:

1. An exception ("don't", "e.g.", ":)") is cut as its entry says. Otherwise prefixes and suffixes are taken off in
   turn until nothing changes or what remains is an exception.
2. What remains is one word if it is an exception or a URL; otherwise it is cut at infixes.
3. A run of the words so far that spells an exception is put together again ("hello:)" → "hello", ":)").

The characters and strings that decide lie in one array (`lexicon.py`), which `word_table` fills.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import CODE_POINTS, Array, after_letters, class_at, class_before, hash_bytes
from pipeline.kernels.words.affixes import infix_bytes, prefix_bytes, suffix_bytes
from pipeline.kernels.words.english import CURRENCY, UNITS, character_classes, exceptions
from pipeline.kernels.words.lexicon import (
    EXCEPTION,
    LENGTHS,
    LEXICON,
    LONGEST,
    MOST_PARTS,
    SIEVE,
    SLOTS,
    UNIT,
    find_exception,
)
from pipeline.kernels.words.urls import is_url


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
        prefix = prefix_bytes(data, low, high, table)
        if prefix and find_exception(data, low + prefix, high, table) >= 0:
            low += prefix
            ends[count] = low
            count += 1
            break
        suffix = suffix_bytes(data, low + prefix, high, table)
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
            infix = infix_bytes(data, low, i, high, table, before)
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
