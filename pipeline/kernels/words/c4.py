"""C4's rules on whole texts: removes lines and citations, and counts the sentences of what is left.

Works line by line and edits texts of any length completely. Only texts that change are copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from pipeline.kernels.utf8 import (
    HEAD,
    NEWLINE,
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
from pipeline.kernels.words.english import DECIMAL, LETTER
from pipeline.kernels.words.lines import find_line_break
from pipeline.kernels.words.word_rules import cut_chunk, word_table
from pipeline.kernels.words.words import ENDS_SENTENCE, ONLY_PUNCTUATION, describe

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
_HAS_LOREM, _HAS_JAVASCRIPT, _HAS_POLICY, _HAS_CURLY, _HAS_BRACKET = 1, 2, 4, 8, 16
_MEANS = np.array([_HAS_LOREM, _HAS_JAVASCRIPT] + [_HAS_POLICY] * 6, np.uint8)
_LETTERS = np.zeros((len(PHRASES), 16), np.uint8)
_AHEAD = np.array([phrase.index(anchor) for phrase, anchor in zip(PHRASES, ANCHORS, strict=True)])
_MARKS = np.zeros(256, np.uint8)  # per byte: one more than the first phrase with this anchor, or a sign
for _row, (_phrase, _anchor) in reversed(list(enumerate(zip(PHRASES, ANCHORS, strict=True)))):
    _LETTERS[_row, : len(_phrase)] = np.frombuffer(_phrase.encode(), np.uint8)
    _MARKS[[ord(_anchor), ord(_anchor.upper())]] = _row + 1
_CURLY, _BRACKET = 100, 101
_MARKS[[ord("{"), ord("[")]] = _CURLY, _BRACKET


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
    """Applies the rules to each text. A null counts as empty and stays null."""
    data, offsets = text_buffers(texts)
    out = np.empty(int(offsets[-1] - offsets[0]) + 1, np.uint8)  # what is never written to takes no memory
    out_offsets, fate, sentences, changes, altered = _edit(
        data, offsets, out, read_only(out), word_table(), rules.max_word_length, rules.min_words, rules.min_sentences,
        rules.citations, rules.terminal_punctuation, rules.lorem_ipsum, rules.javascript, rules.curly_bracket,
        rules.policy,
    )  # fmt: skip
    if altered.any():
        written = pa.py_buffer(out[: out_offsets[-1]])
        edited = pa.StringArray.from_buffers(len(texts), pa.py_buffer(out_offsets), written)
        texts = pc.if_else(pa.array(altered), edited, texts)
    return Edited(texts, fate, sentences, changes, altered)


def count_sentences(text: str, limit: int = 1 << 30) -> int:
    """Sentences of one text, at most `limit`; a text without words is one."""
    data = np.frombuffer(text.encode(), np.uint8)
    count, _ = _count_sentences(data, 0, len(data), word_table(), np.empty(1024, np.int32), limit)
    return int(count)


@njit(cache=True, nogil=True)
def _has_words(data, start, stop, table, enough):
    """Are there so many words between white space?"""
    words, i = 0, start
    while words < enough:
        low = skip_space(data, i, stop, table)
        if low == stop:
            return False
        i = skip_chunk(data, low, stop, table)
        words += 1
    return True


@njit(cache=True, nogil=True)
def _has_long_word(data, start, stop, table, limit):
    """Has a word between white space more than so many characters?"""
    i = start  # behind white space, or in it
    while stop - i > limit:
        space = i + limit
        while space > i and not (data[space] < 128 and table[data[space]] & SPACE):
            space -= 1
        if space > i:  # the words before it are too short to count
            i = space + 1
            continue
        low = skip_space(data, i, stop, table)
        i = skip_chunk(data, low, stop, table)
        if i - low > limit and character_count(data, low, i) > limit:
            return True
    return False


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
def _copy_line(data, start, stop, table, out, at):
    """Copies the line to `at` without citation marks. Returns where it ends there."""
    i = start
    while i < stop:
        if data[i] == 91:
            after = _citation_end(data, i, stop, table)
            if after > i:
                i = after
                continue
        out[at] = data[i]
        at += 1
        i += 1
    return at


@njit(cache=True, nogil=True)
def _find_phrases(data, start, stop):
    """Which phrases and signs there are, as bits."""
    found = 0
    for i in range(start, stop):
        mark = _MARKS[data[i]]
        if mark == 0:
            continue
        if mark >= _CURLY:
            found |= _HAS_CURLY if mark == _CURLY else _HAS_BRACKET
            continue
        row = np.int64(mark) - 1
        while row < len(_LETTERS) and _LETTERS[row, _AHEAD[row]] == data[i] | 32:
            if _stands(data, i - _AHEAD[row], start, stop, _LETTERS[row]):
                found |= _MEANS[row]
            row += 1
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
    data, offsets, out, written, table, max_word_length, min_words, min_sentences, citations, terminal_punctuation,
    lorem_ipsum, javascript, curly_bracket, policy,
):  # fmt: skip
    """`written` is `out`, as an array of the same type as `data`."""
    documents = len(offsets) - 1
    out_offsets = np.zeros(documents + 1, np.int32)
    fate, sentences = np.zeros(documents, np.uint8), np.zeros(documents, np.int64)
    changes, altered = np.zeros((documents, 6), np.bool_), np.zeros(documents, np.bool_)
    ends = np.empty(1024, np.int32)
    for d in range(documents):
        first, last = np.int64(offsets[d]), np.int64(offsets[d + 1])
        begun = size = np.int64(out_offsets[d])
        i, lines = first, 0
        # As long as what is kept is the text's own beginning, up to `same`, it is not copied.
        copied, same = False, first
        while i < last and fate[d] == KEPT:
            high, width = find_line_break(data, i, last)
            low = skip_space(data, i, high, table)
            i, high = high + width, strip_end(data, low, high, table)
            if max_word_length >= 0 and _has_long_word(data, low, high, table, max_word_length):
                changes[d, 0] = True
                continue
            source, start, stop = data, low, high
            found = _find_phrases(data, low, high)
            if citations and found & _HAS_BRACKET:
                at = size + (0 if copied else same - first) + 1  # behind all that may be written before it
                stop = _copy_line(data, low, high, table, out, at)
                if stop - at < high - low:
                    changes[d, 1] = True
                    source, start = written, at
                    found = _find_phrases(written, at, stop)
                else:
                    stop = high
            if terminal_punctuation and not _is_finished(source, start, stop):
                changes[d, 2] = True
                continue
            if not _has_words(data, low, high, table, min_words):
                changes[d, 3] = True
                continue
            if lorem_ipsum and found & _HAS_LOREM:
                fate[d] = LOREM_IPSUM
            elif javascript and found & _HAS_JAVASCRIPT:
                changes[d, 4] = True
            elif curly_bracket and found & _HAS_CURLY:
                fate[d] = CURLY_BRACKET
            elif policy and found & _HAS_POLICY:
                changes[d, 5] = True
            else:
                if sentences[d] < min_sentences:
                    limit = min_sentences - sentences[d]
                    count, ends = _count_sentences(source, start, min(stop, start + HEAD), table, ends, limit)
                    sentences[d] += count
                follows = low == first if lines == 0 else low == same + 1 and data[same] == NEWLINE
                if not copied and follows and source is data:
                    same = high
                else:
                    if not copied:
                        size = _append(data, first, same, out, size)
                        copied = True
                    if lines:
                        out[size] = NEWLINE
                        size += 1
                    size = _append(source, start, stop, out, size)
                lines += 1
        if fate[d] == KEPT and sentences[d] < min_sentences:
            fate[d] = FEW_SENTENCES
        if fate[d] != KEPT:
            size = begun
        elif copied:
            low = skip_space(written, begun, size, table)
            size = _append(written, low, strip_end(written, low, size, table), out, begun)
            altered[d] = True
        else:
            low = skip_space(data, first, same, table)
            high = strip_end(data, low, same, table)
            altered[d] = low > first or high < last
            if altered[d]:
                size = _append(data, low, high, out, begun)
        out_offsets[d + 1] = size
    return out_offsets, fate, sentences, changes, altered


@njit(cache=True, nogil=True)
def _append(data, start, stop, out, at):
    """Copies a run of bytes to `at`; returns where it ends there. Runs within one buffer may only move to the front."""
    for k in range(stop - start):
        out[at + k] = data[start + k]
    return at + stop - start
