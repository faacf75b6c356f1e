"""C4's rules on whole texts: removes lines and citations, and counts the sentences of what is left.

Works line by line in memory that depends on the longest line only, so that it edits texts of any length completely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.english import DECIMAL, LETTER
from pipeline.kernels.lines import is_line_break
from pipeline.kernels.utf8 import (
    SPACE,
    Array,
    character_count,
    class_at,
    read_only,
    skip_chunk,
    skip_space,
    strip_end,
    text_buffers,
)
from pipeline.kernels.word_rules import cut_chunk, word_table
from pipeline.kernels.words import ENDS_SENTENCE, HEAD, ONLY_PUNCTUATION, describe

KEPT, LOREM_IPSUM, CURLY_BRACKET, FEW_SENTENCES = range(4)
CHANGES: Final = ("long_word", "citation", "no_terminal_punctuation", "few_words", "javascript", "policy")
"""Why a line is removed, in the order of the tests; a citation is cut out of its line."""

# From C4's code; compared without regard to the case of ASCII letters.
PHRASES: Final = (
    "lorem ipsum", "javascript",
    "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies",
)  # fmt: skip
ANCHORS: Final = "pjfvkkkk"
"""A rare letter of each phrase, where it first stands: looking for these takes a third of looking for first letters."""
_HAS_LOREM, _HAS_JAVASCRIPT, _HAS_POLICY, _HAS_CURLY = 1, 2, 4, 8
_LETTERS = np.zeros((len(PHRASES), 16), np.uint8)
_ANCHORED = np.full((len(PHRASES), 2), 0, np.int64)  # the letter and where it stands
for _row, (_phrase, _anchor) in enumerate(zip(PHRASES, ANCHORS, strict=True)):
    _LETTERS[_row, : len(_phrase)] = np.frombuffer(_phrase.encode(), np.uint8)
    _ANCHORED[_row] = ord(_anchor), _phrase.index(_anchor)


@dataclass(frozen=True, slots=True)
class Rules:
    """Which tests are made. -1: none."""

    max_word_length: int
    min_words: int
    min_sentences: int
    citations: bool
    terminal_punctuation: bool
    lorem_ipsum: bool
    javascript: bool
    curly_bracket: bool
    policy: bool


@dataclass(frozen=True, slots=True)
class Edited:
    """The texts as they are left, and per document why it falls and what was changed."""

    texts: pa.StringArray
    """A document that falls is left as it was."""
    fate: Array
    """uint8: KEPT, LOREM_IPSUM, CURLY_BRACKET or FEW_SENTENCES."""
    sentences: Array
    """int64: of the kept lines; counted only until there are enough."""
    changes: Array
    """bool, documents x CHANGES."""
    altered: Array
    """bool: is the text another one?"""


def edit(texts: pa.StringArray, rules: Rules) -> Edited:
    """Applies the rules to each text. A null counts as empty."""
    data, offsets = text_buffers(texts)
    room = int(offsets[-1] - offsets[0]) + 1
    out = np.empty(room, np.uint8)
    size, out_offsets, fate, sentences, changes, altered = _edit(
        data, offsets, out, read_only(out), word_table(), _LETTERS, _ANCHORED, rules.max_word_length, rules.min_words,
        rules.min_sentences, rules.citations, rules.terminal_punctuation, rules.lorem_ipsum, rules.javascript,
        rules.curly_bracket, rules.policy,
    )  # fmt: skip
    out = out[:size]
    edited = pa.StringArray.from_buffers(len(texts), pa.py_buffer(out_offsets), pa.py_buffer(out))
    return Edited(edited, fate, sentences, changes, altered)


def count_sentences(text: str, limit: int = 1 << 30) -> int:
    """Sentences of one text, at most `limit`; a text without words is one."""
    data = np.frombuffer(text.encode(), np.uint8)
    count, _ = _count_sentences(data, 0, len(data), word_table(), np.empty(1024, np.int32), limit)
    return int(count)


@njit(cache=True, nogil=True)
def _measure_words(data, start, stop, table, limit):
    """Words between white space, and the characters of the longest, if more than `limit`."""
    words, longest, i = 0, 0, start
    while i < stop:
        low = skip_space(data, i, stop, table)
        if low == stop:
            break
        i = skip_chunk(data, low, stop, table)
        words += 1
        if i - low > limit:
            longest = max(longest, character_count(data, low, i))
    return words, longest


@njit(cache=True, nogil=True)
def _citation_end(data, i, stop, table):
    """The byte after the citation mark at `i`, which is a "[": [12], [], [edit], [citation needed]. Or `i`."""
    j = i + 1
    while j < stop:
        kind, after = class_at(data, j, stop, table)
        if not kind & DECIMAL:
            break
        j = after
    if j < stop and data[j] == 93:
        return j + 1
    for mark in (b"[edit]", b"[citation needed]"):
        if i + len(mark) <= stop:
            same = True
            for k in range(len(mark)):
                same = same and data[i + k] == mark[k]
            if same:
                return i + len(mark)
    return i


@njit(cache=True, nogil=True)
def _copy_line(data, start, stop, table, citations, out, at):
    """Copies the line to `at` without citation marks. Returns where it ends there."""
    i = start
    while i < stop:
        if citations and data[i] == 91:
            after = _citation_end(data, i, stop, table)
            if after > i:
                i = after
                continue
        out[at] = data[i]
        at += 1
        i += 1
    return at


@njit(cache=True, nogil=True)
def _find_phrases(data, start, stop, letters, anchored):
    found = 0
    for i in range(start, stop):
        byte = data[i]
        if byte == 123:
            found |= _HAS_CURLY
        byte |= 32
        if byte != 107 and byte != 112 and byte != 102 and byte != 118 and byte != 106:  # k p f v j
            continue
        for row in range(len(letters)):
            if byte == anchored[row, 0] and _stands(data, i - anchored[row, 1], start, stop, letters[row]):
                found |= _HAS_LOREM if row == 0 else _HAS_JAVASCRIPT if row == 1 else _HAS_POLICY
    return found


@njit(cache=True, nogil=True)
def _stands(data, i, start, stop, letters):
    """Does the phrase stand at `i`, in whatever case?"""
    if i < start:
        return False
    k = 0
    while k < len(letters) and letters[k]:
        if i + k >= stop:
            return False
        lower = data[i + k] + 32 if 65 <= data[i + k] <= 90 else data[i + k]
        if lower != letters[k]:
            return False
        k += 1
    return True


@njit(cache=True, nogil=True)
def _is_finished(data, start, stop):
    """Does the line end in . ? ! " or ', and not in three full stops?"""
    if stop == start or data[stop - 1] not in (46, 63, 33, 34, 39):
        return False
    return not (stop - start >= 3 and data[stop - 1] == 46 and data[stop - 2] == 46 and data[stop - 3] == 46)


@njit(cache=True, nogil=True)
def _count_sentences(data, start, stop, table, ends, limit):
    """A sentence begins with the first word after "." or the like that is no punctuation; white space counts as one."""
    count, ended, i = 1, False, start
    while i < stop and count < limit:
        low = skip_space(data, i, stop, table)
        one_space = i > start and low == i + 1 and data[i] == 32
        if ended and low > i and not one_space:
            count += 1
            ended = False
        i = low
        while i < stop and data[i] < 128 and table[data[i]] & LETTER:
            i += 1
        if i > low and (i == stop or (data[i] < 128 and table[data[i]] & SPACE)):  # letters alone end no sentence
            count += ended
            ended = False
            continue
        i = skip_chunk(data, i, stop, table)
        if 2 * (i - low) + 2 > len(ends):
            ends = np.empty(4 * (i - low), np.int32)
        for word in range(cut_chunk(data, low, i, table, ends)):
            flags = describe(data, low, ends[word], table)
            low = np.int64(ends[word])
            if flags & ENDS_SENTENCE:
                ended = True
            elif ended and not flags & ONLY_PUNCTUATION:
                count += 1
                ended = False
    return count, ends


@njit(cache=True, nogil=True)
def _edit(
    data, offsets, out, written, table, letters, anchored, max_word_length, min_words, min_sentences, citations,
    terminal_punctuation, lorem_ipsum, javascript, curly_bracket, policy,
):  # fmt: skip
    documents = len(offsets) - 1
    out_offsets = np.zeros(documents + 1, np.int32)
    fate, sentences = np.zeros(documents, np.uint8), np.zeros(documents, np.int64)
    changes, altered = np.zeros((documents, 6), np.bool_), np.zeros(documents, np.bool_)
    ends = np.empty(1024, np.int32)
    size = np.int64(0)
    for d in range(documents):
        begun = size
        i, last = np.int64(offsets[d]), np.int64(offsets[d + 1])
        lines = 0
        while i < last and fate[d] == KEPT:
            low, width = i, 0
            while i < last:
                width = is_line_break(data, i, last)
                if width:
                    break
                i += 1
            low = skip_space(data, low, i, table)
            high = strip_end(data, low, i, table)
            i += width
            words, longest = _measure_words(data, low, high, table, max_word_length)
            if max_word_length >= 0 and longest > max_word_length:
                changes[d, 0] = True
                continue
            at = size
            if lines:
                out[at] = 10
                at += 1
            stop = _copy_line(data, low, high, table, citations, out, at)
            changes[d, 1] |= stop - at < high - low
            if terminal_punctuation and not _is_finished(written, at, stop):
                changes[d, 2] = True
                continue
            if words < min_words:
                changes[d, 3] = True
                continue
            phrases = _find_phrases(written, at, stop, letters, anchored)
            if lorem_ipsum and phrases & _HAS_LOREM:
                fate[d] = LOREM_IPSUM
            elif javascript and phrases & _HAS_JAVASCRIPT:
                changes[d, 4] = True
            elif curly_bracket and phrases & _HAS_CURLY:
                fate[d] = CURLY_BRACKET
            elif policy and phrases & _HAS_POLICY:
                changes[d, 5] = True
            else:
                if sentences[d] < min_sentences:
                    limit = min_sentences - sentences[d]
                    found, ends = _count_sentences(written, at, min(stop, at + HEAD), table, ends, limit)
                    sentences[d] += found
                lines += 1
                size = stop
        if fate[d] == KEPT and sentences[d] < min_sentences:
            fate[d] = FEW_SENTENCES
        if fate[d] == KEPT:
            low = skip_space(written, begun, size, table)
            size = strip_end(written, low, size, table)
            if low > begun:
                for k in range(low, size):
                    out[k - (low - begun)] = out[k]
                size -= low - begun
            first = np.int64(offsets[d])
            altered[d] = size - begun != np.int64(offsets[d + 1]) - first
            for k in range(size - begun):
                if altered[d]:
                    break
                altered[d] = out[begun + k] != data[first + k]
        else:
            first = np.int64(offsets[d])
            size = begun + np.int64(offsets[d + 1]) - first
            out[begun:size] = data[first : offsets[d + 1]]
        out_offsets[d + 1] = size
    return size, out_offsets, fate, sentences, changes, altered
