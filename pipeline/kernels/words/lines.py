"""Lines and paragraphs of each document, what repeats among them, and how lines begin and end.

`split_lines` is meant for `batch.derive("lines", split_lines)`. Like words, they are those of a document's first
`HEAD` bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.utf8 import (
    HEAD,
    NEWLINE,
    Array,
    below,
    character_count,
    class_before,
    count_byte,
    count_marked,
    eight_bytes,
    eight_or_less,
    equal_to,
    find_byte,
    first_marked,
    grown,
    hash_bytes,
    head_of,
    skip_space,
    strip_end,
    text_buffers,
)
from pipeline.kernels.words.english import TERMINAL
from pipeline.kernels.words.word_rules import word_table
from pipeline.rows.batch import BoolArray


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines, or paragraphs, of a batch: document `d` has those from `begin[d]` to `end[d]`. Empty ones are left out."""

    begin: Array
    """int32 per document."""
    end: Array
    start: Array
    """int32 per line: its first byte in `data`."""
    stop: Array
    hash: Array
    """uint64 per line."""
    blank: Array
    """bool per line: only white space."""
    data: Array

    def __len__(self) -> int:
        return len(self.begin)

    def filter(self, keep: BoolArray) -> Lines:
        """The lines of the documents where `keep` is true; line arrays are shared."""
        return replace(self, begin=self.begin[keep], end=self.end[keep])


@dataclass(frozen=True, slots=True)
class LineShapes:
    """Counts per document, int64, over lines as `str.splitlines` cuts them."""

    lines: Array
    bullets: Array
    """Lines that begin with a bullet or a hyphen."""
    ellipses: Array
    """Lines that end in an ellipsis."""


@dataclass(frozen=True, slots=True)
class Prose:
    """Counts per document, int64, over lines that are not blank."""

    lines: Array
    terminal: Array
    """Lines that end in terminal punctuation."""
    short: Array
    """Lines of at most so many characters."""


def split_lines(texts: pa.StringArray) -> Lines:
    """Runs of characters between newlines."""
    data, offsets = text_buffers(texts)
    begin, end, start, stop, hashes, blank = _split_lines(data, offsets, word_table(), HEAD)
    return Lines(begin, end, start, stop, hashes, blank, data)


def paragraphs(lines: Lines) -> Lines:
    """Runs of characters between two or more newlines, of the text without white space at its ends."""
    begin, end, start, stop, hashes, blank = _paragraphs(
        lines.begin, lines.end, lines.start, lines.stop, lines.hash, lines.blank, lines.data, word_table()
    )
    return Lines(begin, end, start, stop, hashes, blank, lines.data)


def repeated(lines: Lines, skip_blank: bool = False) -> tuple[Array, Array]:
    """Per document: lines that equal an earlier one, and their characters (int64)."""
    found = _repeated(lines.begin, lines.end, lines.start, lines.stop, lines.hash, lines.blank, lines.data, skip_blank)
    return found[0], found[1]


def characters(texts: pa.StringArray) -> tuple[Array, Array, Array]:
    """Per document: characters, newlines among them, and at least how many words it has (int64).

    That bound counts the ASCII characters that stand behind a blank or a newline.
    """
    found = _characters(*text_buffers(texts), HEAD)
    return found[0], found[1], found[2]


def outer_newlines(texts: pa.StringArray) -> tuple[Array, Array]:
    """Per document: does the text begin, and does it end with a newline (bool)?"""
    found = _outer_newlines(*text_buffers(texts), HEAD)
    return found[0], found[1]


def line_shapes(texts: pa.StringArray) -> LineShapes:
    return LineShapes(*_line_shapes(*text_buffers(texts), word_table(), HEAD))


def prose(lines: Lines, short: int) -> Prose:
    """`short`: a line of at most so many characters counts as short."""
    return Prose(*_prose(lines.begin, lines.end, lines.start, lines.stop, lines.blank, lines.data, word_table(), short))


def count_symbols(texts: pa.StringArray) -> tuple[Array, Array]:
    """Per document: hash signs, and ellipses of three full stops or of one character (int64)."""
    found = _count_symbols(*text_buffers(texts), HEAD)
    return found[0], found[1]


@njit(cache=True, nogil=True)
def find_line_break(data, i, stop):
    """The next line break as `str.splitlines` sees it: its first byte and how many it has; (stop, 0) if none."""
    while i < stop:
        eight = eight_or_less(data, i, stop)
        place = first_marked(below(eight, 31) | equal_to(eight, 0xC2) | equal_to(eight, 0xE2))
        i += place
        if place == 8:
            continue
        width = _line_break(data, i, stop)
        if width:
            return i, width
        i += 1
    return stop, 0


@njit(cache=True, nogil=True)
def _line_break(data, i, stop):
    """Bytes of the line break at `i`, or 0."""
    if i >= stop:
        return 0
    byte = data[i]
    if byte < 128:
        if byte == 13 and i + 1 < stop and data[i + 1] == 10:
            return 2
        return 1 if 10 <= byte <= 13 or 28 <= byte <= 30 else 0
    if byte == 0xC2:
        return 2 if i + 1 < stop and data[i + 1] == 0x85 else 0
    if byte == 0xE2 and i + 2 < stop and data[i + 1] == 0x80:
        return 3 if data[i + 2] == 0xA8 or data[i + 2] == 0xA9 else 0
    return 0


@njit(cache=True, nogil=True)
def _split_lines(data, offsets, table, head):
    documents = len(offsets) - 1
    begin, end = np.empty(documents, np.int32), np.empty(documents, np.int32)
    room = 1024
    start, stop = np.empty(room, np.int32), np.empty(room, np.int32)
    hashes, blank = np.empty(room, np.uint64), np.empty(room, np.bool_)
    count = 0
    for d in range(documents):
        begin[d] = count
        low = np.int64(offsets[d])
        last = head_of(data, low, np.int64(offsets[d + 1]), head)
        while low < last:
            high = find_byte(data, low, last, NEWLINE)
            if high > low:
                if count == room:
                    room *= 2
                    start, stop = grown(start, room), grown(stop, room)
                    hashes, blank = grown(hashes, room), grown(blank, room)
                start[count], stop[count] = low, high
                hashes[count] = hash_bytes(data, low, high)
                blank[count] = skip_space(data, low, high, table) == high
                count += 1
            low = high + 1
        end[d] = count
    return begin, end, start[:count], stop[:count], hashes[:count], blank[:count]


@njit(cache=True, nogil=True)
def _paragraphs(begin, end, start, stop, hashes, blank, data, table):
    documents, room = len(begin), len(start)
    first, last = np.empty(documents, np.int32), np.empty(documents, np.int32)
    low, high = np.empty(room, np.int32), np.empty(room, np.int32)
    whole, empty = np.empty(room, np.uint64), np.zeros(room, np.bool_)
    count = 0
    for d in range(documents):
        first[d] = count
        line, after = np.int64(begin[d]), np.int64(end[d])
        while line < after and blank[line]:
            line += 1
        while line < after and blank[after - 1]:
            after -= 1
        outermost = line, after - 1
        while line < after:
            opening = line
            while line + 1 < after and start[line + 1] == stop[line] + 1:
                line += 1
            i, j = np.int64(start[opening]), np.int64(stop[line])
            if opening == outermost[0]:
                i = skip_space(data, i, j, table)
            if line == outermost[1]:
                j = strip_end(data, i, j, table)
            low[count], high[count] = i, j
            same = opening == line and i == start[line] and j == stop[line]
            whole[count] = hashes[line] if same else hash_bytes(data, i, j)
            count += 1
            line += 1
        last[d] = count
    return first, last, low[:count], high[:count], whole[:count], empty[:count]


@njit(cache=True, nogil=True)
def _repeated(begin, end, start, stop, hashes, blank, data, skip_blank):
    documents = len(begin)
    count, chars = np.zeros(documents, np.int64), np.zeros(documents, np.int64)
    seen = np.empty(64, np.uint64)
    for d in range(documents):
        size = 64
        while size < 2 * (end[d] - begin[d]):
            size *= 2
        if size > len(seen):
            seen = np.empty(size, np.uint64)
        seen[:size] = 0
        for line in range(begin[d], end[d]):
            if skip_blank and blank[line]:
                continue
            slot = hashes[line] & np.uint64(size - 1)
            while seen[slot] != 0 and seen[slot] != hashes[line]:
                slot = (slot + np.uint64(1)) & np.uint64(size - 1)
            if seen[slot] != 0:
                count[d] += 1
                chars[d] += character_count(data, start[line], stop[line])
            seen[slot] = hashes[line]
    return count, chars


@njit(cache=True, nogil=True)
def _characters(data, offsets, head):
    documents = len(offsets) - 1
    count, newlines = np.zeros(documents, np.int64), np.zeros(documents, np.int64)
    chunks = np.zeros(documents, np.int64)
    for d in range(documents):
        first = np.int64(offsets[d])
        last = head_of(data, first, np.int64(offsets[d + 1]), head)
        count[d] = character_count(data, first, last)
        newlines[d] = count_byte(data, first, last, NEWLINE)
        chunks[d] = last > first and 32 < data[first] < 127
        for i in range(first + 1, last, 8):
            before = eight_bytes(data, i - 1) if i + 7 <= last else eight_or_less(data, i - 1, last)
            eight = eight_or_less(data, i, last)
            spaces = equal_to(before, 32) | equal_to(before, NEWLINE)
            chunks[d] += count_marked(spaces & ~(below(eight, 33) | equal_to(eight, 127) | eight))
    return count, newlines, chunks


@njit(cache=True, nogil=True)
def _outer_newlines(data, offsets, head):
    documents = len(offsets) - 1
    before, after = np.zeros(documents, np.bool_), np.zeros(documents, np.bool_)
    for d in range(documents):
        first = np.int64(offsets[d])
        last = head_of(data, first, np.int64(offsets[d + 1]), head)
        before[d] = last > first and data[first] == 10
        after[d] = last > first and data[last - 1] == 10
    return before, after


@njit(cache=True, nogil=True)
def _line_shapes(data, offsets, table, head):
    documents = len(offsets) - 1
    lines, bullets = np.zeros(documents, np.int64), np.zeros(documents, np.int64)
    ellipses = np.zeros(documents, np.int64)
    for d in range(documents):
        i = np.int64(offsets[d])
        last = head_of(data, i, np.int64(offsets[d + 1]), head)
        while i < last:
            stop, width = find_line_break(data, i, last)
            lines[d] += 1
            low = skip_space(data, i, stop, table)
            high = strip_end(data, low, stop, table)
            i = stop + width
            if low == high:
                continue
            bullet = high - low >= 3 and data[low] == 0xE2 and data[low + 1] == 0x80 and data[low + 2] == 0xA2
            bullets[d] += bullet or data[low] == 45
            if high - low >= 3:
                a, b, c = data[high - 3], data[high - 2], data[high - 1]
                ellipses[d] += (a == 46 and b == 46 and c == 46) or (a == 0xE2 and b == 0x80 and c == 0xA6)
    return lines, bullets, ellipses


@njit(cache=True, nogil=True)
def _prose(begin, end, start, stop, blank, data, table, limit):
    documents = len(begin)
    lines, terminal = np.zeros(documents, np.int64), np.zeros(documents, np.int64)
    short = np.zeros(documents, np.int64)
    for d in range(documents):
        for line in range(begin[d], end[d]):
            if blank[line]:
                continue
            low, high = np.int64(start[line]), np.int64(stop[line])
            kind, _ = class_before(data, low, high, table)
            lines[d] += 1
            terminal[d] += kind & TERMINAL != 0
            # A character has one to four bytes.
            short[d] += high - low <= limit or (high - low <= 4 * limit and character_count(data, low, high) <= limit)
    return lines, terminal, short


@njit(cache=True, nogil=True)
def _count_symbols(data, offsets, head):
    documents = len(offsets) - 1
    hash_signs, ellipses = np.zeros(documents, np.int64), np.zeros(documents, np.int64)
    for d in range(documents):
        i = np.int64(offsets[d])
        last = head_of(data, i, np.int64(offsets[d + 1]), head)
        hash_signs[d] = count_byte(data, i, last, 35)
        while i < last:
            eight = eight_or_less(data, i, last)
            place = first_marked(equal_to(eight, 46) | equal_to(eight, 0xE2))
            i += place
            if place == 8 or i >= last:
                continue
            if data[i] == 0xE2:
                ellipses[d] += i + 2 < last and data[i + 1] == 0x80 and data[i + 2] == 0xA6
                i += 1
                continue
            dots = i
            while i < last and data[i] == 46:
                i += 1
            ellipses[d] += (i - dots) // 3
    return hash_signs, ellipses
