"""The features of texts as fastText finds them: words, character n-grams, hashed word n-grams, and their rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import HEAD, Array, head_of

FNV_BASIS, FNV_PRIME = np.uint64(2166136261), np.uint64(16777619)
NGRAM_PRIME = np.uint64(116049371)
LOW32, SIGN32, HIGH32 = np.uint64(0xFFFFFFFF), np.uint64(0x80000000), np.uint64(0xFFFFFFFF00000000)
SIGNED_BYTE = np.uint64(0xFFFFFF00)
EMPTY = 0xFFFFFFFF  # no entry: ids stay below what their bits could hold
PICKED = 1024
BEGIN_OF_WORD, END_OF_WORD = 60, 62  # "<" and ">"
END_OF_LINE = np.frombuffer(b"</s>", np.uint8)
LABEL_PREFIX = np.frombuffer(b"__label__", np.uint8)
SEPARATORS = np.isin(np.arange(256), list(b" \n\r\t\v\f\0"))
ENDS_TEXT = -1


class Features(NamedTuple):
    """What turns words into rows, as arrays for the compiled loop."""

    rows: Array
    """float32 (features, width): vocabulary words, each with its subwords added in, then hashed n-grams."""
    parts: Array
    """int32 (words): how many features a vocabulary word stands for, itself included."""
    slots: Array
    """uint32: hash table of the vocabulary, see `hash_table`."""
    id_bits: int
    spelling: Array
    starts: Array
    kept: Array
    """These three as in `ModelFile`."""
    known: Array
    """uint8 (buckets / 8): a bit for each kept n-gram, small enough for the caches, since most n-grams are pruned."""
    words: int
    buckets: int
    word_ngrams: int
    minn: int
    maxn: int


@njit(cache=True, nogil=True)
def _hash_byte(value: np.uint64, byte: np.uint8) -> np.uint64:
    """One step of 32-bit FNV-1a as fastText computes it: over signed bytes."""
    wide = np.uint64(byte)
    if byte >= 128:
        wide |= SIGNED_BYTE
    return ((value ^ wide) * FNV_PRIME) & LOW32


@njit(cache=True, nogil=True)
def hash_table(spelling: Array, starts: Array) -> tuple[Array, int]:
    """uint32 slots, each the high bits of a word's hash and its id; and how many bits the id takes."""
    id_bits, size = 1, 16
    while 1 << id_bits < len(starts):
        id_bits += 1
    while 2 * size < 3 * len(starts):  # at most two thirds full, and small: the loop below lives in the caches
        size *= 2
    slots = np.full(size, EMPTY, np.uint32)
    for word in range(len(starts) - 1):
        value = FNV_BASIS
        for at in range(starts[word], starts[word + 1]):
            value = _hash_byte(value, spelling[at])
        slot = np.int64(value) & (size - 1)
        while slots[slot] != EMPTY:
            slot = (slot + 1) & (size - 1)
        slots[slot] = (np.int64(value) >> id_bits << id_bits) | word
    return slots, id_bits


@njit(cache=True, nogil=True)
def _equal(left: Array, left_start: int, right: Array, right_start: int, length: int) -> bool:
    for index in range(length):  # noqa: SIM110 - numba knows no all() over a generator
        if left[left_start + index] != right[right_start + index]:
            return False
    return True


@njit(cache=True, nogil=True)
def _find(
    data: Array, start: int, stop: int, value: np.uint64, slots: Array, id_bits: int, spelling: Array, starts: Array
) -> int:
    """The id of the word that lies at data[start:stop] and has this hash, or -1."""
    slot, high_bits = np.int64(value) & (len(slots) - 1), np.int64(value) >> id_bits
    while slots[slot] != EMPTY:
        entry = np.int64(slots[slot])
        if entry >> id_bits == high_bits:
            word = entry & ((1 << id_bits) - 1)
            length = starts[word + 1] - starts[word]
            if length == stop - start and _equal(data, start, spelling, starts[word], length):
                return int(word)
        slot = (slot + 1) & (len(slots) - 1)
    return -1


@njit(cache=True, nogil=True)
def _split(data: Array, at: int, stop: int, hashes: Array, begins: Array, ends: Array, end_hash: np.uint64) -> int:
    """The words of data[at:stop] and their hashes; returns how many. As in fastText, a written `</s>` ends them."""
    count = 0
    while True:
        while at < stop and SEPARATORS[data[at]]:
            at += 1
        start, value = at, FNV_BASIS
        while at < stop and not SEPARATORS[data[at]]:
            value = _hash_byte(value, data[at])
            at += 1
        if at == start or (value == end_hash and _is(END_OF_LINE, data, start, at)):
            return count
        hashes[count], begins[count], ends[count] = value, start, at
        count += 1


@njit(cache=True, nogil=True)
def _is(word: Array, data: Array, start: int, stop: int) -> bool:
    return stop - start == len(word) and _equal(data, start, word, 0, len(word))


@njit(cache=True, nogil=True)
def _hashed_row(value: np.uint64, buckets: np.uint64, known: Array, kept: Array) -> int:
    """The position of a hashed n-gram's row after those of the words; -1 if the n-gram was pruned."""
    bucket = int(value % buckets)
    if len(kept) == 0:
        return bucket
    if known[bucket >> 3] >> (bucket & 7) & 1 == 0:
        return -1
    return int(kept[bucket])


@njit(cache=True, nogil=True)
def _add_rows(rows: Array, picked: Array, count: int, sums: Array) -> None:
    """Add these rows in order, four columns at a time: their sums stay in registers, a third of the time of rows."""
    width = rows.shape[1]
    if width == 1:  # two classes: worth a path of its own
        total = 0.0
        for index in range(count):
            total += rows[picked[index], 0]
        sums[0] += total
    for column in range(0, width - 3, 4):
        first, second, third, fourth = sums[column], sums[column + 1], sums[column + 2], sums[column + 3]
        for row in picked[:count]:
            first, second = first + rows[row, column], second + rows[row, column + 1]
            third, fourth = third + rows[row, column + 2], fourth + rows[row, column + 3]
        sums[column], sums[column + 1], sums[column + 2], sums[column + 3] = first, second, third, fourth
    for column in range(width // 4 * 4, width if width > 1 else 0):
        for index in range(count):
            sums[column] += rows[picked[index], column]


@njit(cache=True, nogil=True)
def _add_subwords(
    data: Array, begins: Array, ends: Array, count: int, rows: Array, known: Array, kept: Array, words: int,
    buckets: np.uint64, minn: int, maxn: int, picked: Array, sums: Array,
) -> int:  # fmt: skip
    """Add the character n-grams of `count` words, each put between "<" and ">"; returns how many n-grams those are."""
    features, waiting = 0, 0
    for index in range(count):
        start, last = begins[index] - 1, ends[index] - begins[index] + 1  # position 0 is "<", `last` is ">"
        for first in range(last + 1):
            if 0 < first < last and data[start + first] & 0xC0 == 0x80:
                continue
            value, at = FNV_BASIS, first
            for length in range(1, maxn + 1):
                if at > last:
                    break
                byte = BEGIN_OF_WORD if at == 0 else END_OF_WORD if at == last else data[start + at]
                value = _hash_byte(value, byte)
                at += 1
                while at < last and data[start + at] & 0xC0 == 0x80:
                    value = _hash_byte(value, data[start + at])
                    at += 1
                if length >= minn and not (length == 1 and (first == 0 or at > last)):
                    row = _hashed_row(value, buckets, known, kept)
                    if row >= 0:
                        picked[waiting] = words + row
                        waiting += 1
                        features += 1
                        if waiting == len(picked):
                            _add_rows(rows, picked, waiting, sums)
                            waiting = 0
    _add_rows(rows, picked, waiting, sums)
    return features


@njit(cache=True, nogil=True)
def add_subwords_to_words(t: Features) -> None:
    """A known word always brings the same subwords, so its row takes them in."""
    sums, picked = np.zeros(t.rows.shape[1]), np.empty(PICKED, np.int64)
    for word in range(t.words):
        begins, ends = t.starts[word : word + 1], t.starts[word + 1 : word + 2]
        if _is(END_OF_LINE, t.spelling, begins[0], ends[0]):
            continue  # the only word without subwords
        sums[:] = t.rows[word]
        t.parts[word] += _add_subwords(
            t.spelling, begins, ends, 1, t.rows, t.known, t.kept, t.words, np.uint64(t.buckets), t.minn, t.maxn,
            picked, sums,
        )  # fmt: skip
        t.rows[word] = sums


@njit(cache=True, nogil=True)
def _add_ngrams(
    hashes: Array, count: int, longest: int, combined: Array, picked: Array, rows: Array, known: Array, kept: Array,
    words: int, buckets: np.uint64, sums: Array,
) -> int:  # fmt: skip
    """Add the n-grams of words with these hashes, from pairs to the longest; returns how many are known."""
    features = 0
    for index in range(count if longest > 1 else 0):
        value = hashes[index]
        combined[index] = hashes[index] = value | HIGH32 if value & SIGN32 else value  # combined as signed numbers
    for length in range(2, longest + 1):
        found = 0
        for index in range(count - length + 1):
            combined[index] = combined[index] * NGRAM_PRIME + hashes[index + length - 1]
            row = _hashed_row(combined[index], buckets, known, kept)
            picked[found] = words + row
            found += row >= 0
        _add_rows(rows, picked, found, sums)
        features += found
    return features


@njit(cache=True, nogil=True)
def _hash_of(word: Array) -> np.uint64:
    value = FNV_BASIS
    for byte in word:
        value = _hash_byte(value, byte)
    return value


@njit(cache=True, nogil=True)
def _is_label(word: int, words: int, data: Array, start: int, stop: int) -> bool:
    """Whether a word of the text counts for nothing, since it is a label or looks like one."""
    if word >= words:
        return True
    prefix = len(LABEL_PREFIX)
    return word < 0 and stop - start >= prefix and _equal(data, start, LABEL_PREFIX, 0, prefix)


@njit(cache=True, nogil=True)
def sum_features(data: Array, offsets: Array, t: Features, sums: Array, counts: Array) -> None:
    """Per text, the sum of its features' rows and their number. The end of the text is the word `</s>`.

    One pass collects row numbers and the next fetches the rows: memory then answers many requests at a time, which is
    what a table larger than the caches needs.
    """
    # In locals, since each use of a tuple's array would count a reference.
    rows, parts, slots, spelling, starts = t.rows, t.parts, t.slots, t.spelling, t.starts
    known, kept, words, id_bits, buckets = t.known, t.kept, t.words, t.id_bits, np.uint64(t.buckets)
    end_hash = _hash_of(END_OF_LINE)
    end_word = _find(END_OF_LINE, 0, len(END_OF_LINE), end_hash, slots, id_bits, spelling, starts)
    longest = 0
    for text in range(len(offsets) - 1):
        longest = max(longest, min(np.int64(offsets[text + 1]) - offsets[text], HEAD))
    most = longest // 2 + 2  # words of one text: a byte and a space each, and the end
    hashes, combined = np.empty(most, np.uint64), np.empty(most, np.uint64)
    begins, ends = np.empty(most, np.int64), np.empty(most, np.int64)
    picked = np.empty(max(most, PICKED), np.int64)
    for text in range(len(offsets) - 1):
        first = np.int64(offsets[text])
        last = head_of(data, first, np.int64(offsets[text + 1]), HEAD)
        split = _split(data, first, last, hashes, begins, ends, end_hash)
        seen, count, features = 0, 0, 0
        for index in range(split):
            start, stop, value = begins[index], ends[index], hashes[index]
            word = _find(data, start, stop, value, slots, id_bits, spelling, starts)
            if _is_label(word, words, data, start, stop):
                continue
            hashes[seen] = value
            seen += 1
            if word >= 0:
                picked[count] = word
                features += parts[word]
                count += 1
            elif t.maxn > 0:
                begins[seen - 1 - count], ends[seen - 1 - count] = start, stop  # unknown words, moved to the front
        unknown = seen - count
        hashes[seen] = end_hash
        seen += 1
        if end_word >= 0:
            picked[count] = end_word
            features += parts[end_word]
            count += 1
        _add_rows(rows, picked, count, sums[text])
        if t.maxn > 0:
            features += _add_subwords(
                data, begins, ends, unknown, rows, known, kept, words, buckets, t.minn, t.maxn, picked, sums[text]
            )
        counts[text] = features + _add_ngrams(
            hashes, seen, t.word_ngrams, combined, picked, rows, known, kept, words, buckets, sums[text]
        )


class PieceFeatures(NamedTuple):
    """What pieces of text bring: the words of each piece, and what those do without their neighbours."""

    first: Array
    """int64 (pieces + 1): where each piece's words begin below."""
    hashes: Array
    """uint64 per word."""
    parts: Array
    """int32 per word: how many features it stands for; `ENDS_TEXT`: none, and nothing after it counts."""
    rows: Array
    """float32 (words, width): the sum of those features' rows."""


def piece_features(data: Array, offsets: Array, t: Features) -> PieceFeatures:
    """The features of each text of a buffer as one of many pieces."""
    words = int(np.max(np.diff(offsets), initial=0)) // 2 + 1
    room = np.empty(words, np.uint64), np.empty(words, np.int64), np.empty(words, np.int64)
    first = np.zeros(len(offsets), np.int64)
    nothing = PieceFeatures(first, room[0][:0], np.empty(0, np.int32), np.empty((0, t.rows.shape[1]), np.float32))
    _fill_pieces(data, offsets, t, nothing, *room)  # counts
    count = int(first[-1])
    filled = PieceFeatures(
        first, np.empty(count, np.uint64), np.empty(count, np.int32), np.empty((count, t.rows.shape[1]), np.float32)
    )
    _fill_pieces(data, offsets, t, filled, *room)
    return filled


@njit(cache=True, nogil=True)
def _fill_pieces(
    data: Array, offsets: Array, t: Features, found: PieceFeatures, hashes: Array, begins: Array, ends: Array
) -> None:
    """Where each piece's words begin, and the words themselves as far as there is room."""
    end_hash, at, sums, picked = _hash_of(END_OF_LINE), 0, np.zeros(t.rows.shape[1]), np.empty(PICKED, np.int64)
    for piece in range(len(offsets) - 1):
        found.first[piece] = at
        start, stop = np.int64(offsets[piece]), np.int64(offsets[piece + 1])
        split = _split(data, start, stop, hashes, begins, ends, end_hash)
        for index in range(split):
            word = _find(data, begins[index], ends[index], hashes[index], t.slots, t.id_bits, t.spelling, t.starts)
            if _is_label(word, t.words, data, begins[index], ends[index]):
                continue
            if at < len(found.hashes):
                sums[:] = 0
                features = 0
                if word >= 0:
                    sums[:] = t.rows[word]
                    features = t.parts[word]
                elif t.maxn > 0:
                    features = _add_subwords(
                        data, begins[index : index + 1], ends[index : index + 1], 1, t.rows, t.known, t.kept, t.words,
                        np.uint64(t.buckets), t.minn, t.maxn, picked, sums,
                    )  # fmt: skip
                found.hashes[at], found.parts[at], found.rows[at] = hashes[index], features, sums
            at += 1
        rest = ends[split - 1] if split else start
        while rest < stop and SEPARATORS[data[rest]]:
            rest += 1
        if rest < stop:  # only a written `</s>` stops the split before the end
            if at < len(found.hashes):
                found.hashes[at], found.parts[at] = end_hash, ENDS_TEXT
            at += 1
    found.first[len(offsets) - 1] = at


@njit(cache=True, nogil=True)
def sum_pieces(numbers: Array, begins: Array, pieces: PieceFeatures, t: Features, sums: Array, counts: Array) -> None:
    """`sum_features` for texts that are runs of pieces: text `i` is numbers[begins[i]:begins[i + 1]]."""
    rows, known, kept, words, buckets = t.rows, t.known, t.kept, t.words, np.uint64(t.buckets)
    first, hash_of, parts, row_of = pieces.first, pieces.hashes, pieces.parts, pieces.rows
    end_hash = _hash_of(END_OF_LINE)
    end_word = _find(END_OF_LINE, 0, len(END_OF_LINE), end_hash, t.slots, t.id_bits, t.spelling, t.starts)
    most = 0
    for text in range(len(begins) - 1):
        count = 0
        for index in range(begins[text], begins[text + 1]):
            count += first[numbers[index] + 1] - first[numbers[index]]
        most = max(most, count + 1)
    hashes, combined, picked = np.empty(most, np.uint64), np.empty(most, np.uint64), np.empty(most, np.int64)
    for text in range(len(begins) - 1):
        seen, features, index, stop, total = 0, 0, begins[text], begins[text + 1], sums[text]
        while index < stop:
            for word in range(first[numbers[index]], first[numbers[index] + 1]):
                if parts[word] == ENDS_TEXT:
                    stop = index
                    break
                hashes[seen] = hash_of[word]
                seen += 1
                features += parts[word]
                for column in range(rows.shape[1]):
                    total[column] += row_of[word, column]
            index += 1
        hashes[seen] = end_hash
        seen += 1
        if end_word >= 0:
            features += t.parts[end_word]
            for column in range(rows.shape[1]):
                total[column] += rows[end_word, column]
        counts[text] = features + _add_ngrams(
            hashes, seen, t.word_ngrams, combined, picked, rows, known, kept, words, buckets, total
        )
