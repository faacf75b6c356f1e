"""English words of each document: where they lie in the text buffer, their hashes and what they are made of.

The words are those of spaCy's blank English tokenizer, which datatrove's English filters count, without the white
space; `word_rules.py` cuts them. `split_words` is meant for `batch.derive("words", split_words)`: every later step
reads the same arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.utf8 import (
    HEAD,
    SEED,
    SPACE,
    Array,
    after_letters,
    class_at,
    eight_or_less,
    finish_hash,
    first_bytes,
    fold,
    grown,
    hash_bytes,
    head_of,
    leading_letters,
    skip_chunk,
    skip_space,
    text_buffers,
)
from pipeline.kernels.words.english import BEFORE_STOP, LETTER, PUNCTUATION, SENTENCE_END, SUFFIX, SYMBOL, UPPER
from pipeline.kernels.words.lexicon import find_exception, maybe_known
from pipeline.kernels.words.word_rules import cut_at, cut_chunk, word_table
from pipeline.rows.batch import BoolArray

HAS_LETTER = 1
ONLY_SYMBOLS = 2
ONLY_PUNCTUATION = 4
ENDS_SENTENCE = 8
NOT_ASCII = 16
CHUNKS = 8192
"""How many of the chunks that were last cut are remembered: 128 KiB."""
FULL_STOP = 46
BLANK = 32


@dataclass(frozen=True, slots=True)
class Words:
    """Words of a batch: document `d` has the words `begin[d]` to `end[d]` of the flat arrays."""

    begin: Array
    """int32 per document."""
    end: Array
    start: Array
    """int32 per word: its first byte in `data`."""
    stop: Array
    hash: Array
    """uint64 per word, of its bytes; the same on every machine."""
    flags: Array
    """uint8 per word: HAS_LETTER, ONLY_SYMBOLS, …"""
    data: Array
    """uint8: the text buffer of the batch as it was when the words were split."""

    def __len__(self) -> int:
        return len(self.begin)

    def filter(self, keep: BoolArray) -> Words:
        """The words of the documents where `keep` is true; word arrays are shared."""
        return replace(self, begin=self.begin[keep], end=self.end[keep])

    def texts(self, document: int) -> list[str]:
        """The words of one document as strings, for looking at."""
        span = range(self.begin[document], self.end[document])
        return [self.data[self.start[i] : self.stop[i]].tobytes().decode("utf-8", "replace") for i in span]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts per document, int64."""

    words: Array
    real_words: Array
    """Words that are not of symbols alone."""
    characters: Array
    """Characters of those."""
    with_letter: Array
    stop_words: Array
    """How many of the given words are among them."""


def split_words(texts: pa.StringArray) -> Words:
    """The words of each text, of its first `HEAD` bytes. A null counts as empty."""
    data, offsets = text_buffers(texts)
    begin, end, start, stop, hashes, flags = _split(data, offsets, word_table(), HEAD)
    return Words(begin, end, start, stop, hashes, flags, data)


def tally(words: Words, stop_words: tuple[str, ...]) -> Tally:
    """Counts words by kind; at most 64 stop words."""
    if len(stop_words) > 64:
        raise ValueError(f"{len(stop_words)} stop words; the limit is 64, so give fewer")
    known = np.array([word_hash(word) for word in stop_words], np.uint64)
    return Tally(*_tally(words.begin, words.end, words.start, words.stop, words.hash, words.flags, words.data, known))


def word_hash(word: str) -> int:
    """The hash that `Words` gives this word."""
    data = np.frombuffer(word.encode(), np.uint8)
    return int(hash_bytes(data, 0, len(data)))


@njit(cache=True, nogil=True)
def describe(data, start, stop, table):
    """The flags of a word."""
    if after_letters(data, start, stop) == stop:
        return HAS_LETTER
    every, some, wide = np.int64(-1), np.int64(0), False
    i, characters = start, 0
    while i < stop:
        wide |= data[i] >= 128
        kind, i = class_at(data, i, stop, table)
        every &= kind
        some |= kind
        characters += 1
    flags = HAS_LETTER if some & LETTER else 0
    flags |= ONLY_SYMBOLS if every & SYMBOL else 0
    flags |= ONLY_PUNCTUATION if every & PUNCTUATION else 0
    flags |= ENDS_SENTENCE if characters == 1 and every & SENTENCE_END else 0
    return flags | (NOT_ASCII if wide else 0)


@njit(cache=True, nogil=True)
def _split(data, offsets, table, head):
    documents = len(offsets) - 1
    begin, end = np.empty(documents, np.int32), np.empty(documents, np.int32)
    total, longest = 0, 0
    for d in range(documents):
        size = min(np.int64(offsets[d + 1]) - offsets[d], head)
        total, longest = total + size, max(longest, size)
    room = total // 4 + longest  # English has a word in 5 bytes; a document has at most one a byte
    start, stop = np.empty(room, np.int32), np.empty(room, np.int32)
    hashes, flags = np.empty(room, np.uint64), np.empty(room, np.uint8)
    ends, known = np.empty(2 * longest + 2, np.int32), np.zeros(2 * CHUNKS, np.uint64)
    count = 0
    for d in range(documents):
        begin[d] = count
        first = np.int64(offsets[d])
        last = head_of(data, first, np.int64(offsets[d + 1]), head)
        if count + last - first > room:
            room += room // 2 + last - first
            start, stop = grown(start, room), grown(stop, room)
            hashes, flags = grown(hashes, room), grown(flags, room)
        count = _split_document(data, first, last, table, start, stop, hashes, flags, count, ends, known)
        end[d] = count
    return begin, end, start[:count], stop[:count], hashes[:count], flags[:count]


@njit(cache=True, nogil=True)
def _split_document(data, i, last, table, start, stop, hashes, flags, count, ends, known):
    """Writes the words from `count` on; returns how many there are then. `ends` and `known` are room to work in."""
    while True:
        low = skip_space(data, i, last, table)
        if low == last:
            return count
        # Most chunks are letters, some with a sign at the end; they need no rules unless they are an exception.
        i, value = low, SEED
        while True:
            eight = eight_or_less(data, i, last)
            letters = leading_letters(eight)
            if letters < 8:
                break
            value = fold(value, eight)
            i += 8
        i += letters
        key = finish_hash(fold(value, eight & first_bytes(letters)), i - low)
        if i > low and not maybe_known(key, table):
            if _ends_chunk(data, i, last, table):
                start[count], stop[count] = low, i
                hashes[count], flags[count] = key, HAS_LETTER
                count += 1
                continue
            if (
                _ends_chunk(data, i + 1, last, table)
                and _is_cut_off(data, low, i, table)
                and find_exception(data, low, i + 1, table) < 0
            ):
                start[count], stop[count] = low, i
                hashes[count], flags[count] = key, HAS_LETTER
                start[count + 1], stop[count + 1] = i, i + 1
                hashes[count + 1] = hash_bytes(data, i, i + 1)
                flags[count + 1] = describe(data, i, i + 1, table)
                count += 2
                i += 1
                continue
        i = skip_chunk(data, i, last, table)
        for word in range(_cut_again(data, low, i, table, ends, known)):
            start[count], stop[count] = low, ends[word]
            low = np.int64(ends[word])
            hashes[count] = hash_bytes(data, np.int64(start[count]), low)
            flags[count] = describe(data, np.int64(start[count]), low, table)
            count += 1


@njit(cache=True, nogil=True)
def _cut_again(data, low, high, table, ends, known):
    """`cut_chunk`, which takes long, or what it said of an equal chunk before; `known` holds hashes and cuts."""
    if high - low > 63:
        return cut_chunk(data, low, high, table, ends)
    key = hash_bytes(data, low, high)
    slot = 2 * np.int64(key & np.uint64(CHUNKS - 1))
    if known[slot] != key:
        count, cuts = cut_chunk(data, low, high, table, ends), np.uint64(0)
        for word in range(count - 1):
            cuts |= np.uint64(1) << np.uint64(ends[word] - low)
        known[slot], known[slot + 1] = key, cuts
        return count
    return cut_at(np.int64(known[slot + 1]), low, high, ends, 0)


@njit(cache=True, nogil=True)
def _ends_chunk(data, i, last, table):
    """Is there the end, or an ASCII white space, at `i`?"""
    return i == last or (data[i] < 128 and table[data[i]] & SPACE != 0)


@njit(cache=True, nogil=True)
def _is_cut_off(data, low, i, table):
    """Is the one byte at `i`, after letters that begin at `low`, a word of its own?"""
    if data[i] == FULL_STOP:
        return table[data[i - 1]] & BEFORE_STOP != 0 or (i - low > 1 and table[data[i - 2]] & UPPER != 0)
    return data[i] < 128 and table[data[i]] & SUFFIX != 0


@njit(cache=True, nogil=True)
def _tally(begin, end, start, stop, hashes, flags, data, known):
    documents = len(begin)
    sieve = np.uint64(0)  # by the lowest six bits of the hashes, so that most words are compared with none
    for k in range(len(known)):
        sieve |= np.uint64(1) << (known[k] & np.uint64(63))
    words, real = np.zeros(documents, np.int64), np.zeros(documents, np.int64)
    characters, letters = np.zeros(documents, np.int64), np.zeros(documents, np.int64)
    distinct = np.zeros(documents, np.int64)
    for d in range(documents):
        met = np.uint64(0)
        for word in range(begin[d], end[d]):
            kind = flags[word]
            letters[d] += kind & HAS_LETTER
            if not kind & ONLY_SYMBOLS:
                real[d] += 1
                if kind & NOT_ASCII:
                    for i in range(start[word], stop[word]):
                        characters[d] += data[i] & 0xC0 != 0x80
                else:
                    characters[d] += stop[word] - start[word]
            if (sieve >> (hashes[word] & np.uint64(63))) & np.uint64(1):
                for k in range(len(known)):
                    if hashes[word] == known[k]:
                        met |= np.uint64(1) << np.uint64(k)
        words[d] = end[d] - begin[d]
        while met:
            distinct[d] += 1
            met &= met - np.uint64(1)
    return words, real, characters, letters, distinct
