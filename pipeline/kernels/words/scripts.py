"""Words of scripts that are written without spaces: each character of them is a word, with the marks on it.

Han, kana, Thai, Lao, Khmer and Burmese letters stand alone, as in `shingles.py`; a run of other letters, digits and _
is one word; every other character, such as a full stop, is one too. Marks belong to what they follow. No dictionary: a
Chinese word as segmenters cut it has about 1.6 of these, so thresholds on words need figures of their own
(`stages/l1_filter/languages/zh.yaml`).
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.duplicates.shingles import ALONE_RANGES
from pipeline.kernels.utf8 import (
    CODE_POINTS,
    HEAD,
    SPACE,
    Array,
    class_at,
    grown,
    hash_bytes,
    head_of,
    read_only,
    text_buffers,
)
from pipeline.kernels.words.english import LETTER, WORD, character_classes
from pipeline.kernels.words.words import Words, describe

MARK = 1 << 20  # continues the word that it follows, whatever that is
JOINED = 1 << 21  # continues a word of such characters
HAN_PLANE = (0x20000, 0x2FFFF)
JOINERS = (0x200C, 0x200D)


def split_characters(texts: pa.StringArray) -> Words:
    """The words of each text, of its first `HEAD` bytes. A null counts as empty."""
    data, offsets = text_buffers(texts)
    begin, end, start, stop, hashes, flags = _split(data, offsets, script_table(), HEAD)
    return Words(begin, end, start, stop, hashes, flags, data)


@cache
def script_table() -> Array:
    """The classes of `english.py` with MARK and JOINED."""
    table = character_classes().copy()
    alone = np.zeros(CODE_POINTS, np.bool_)
    for first, last in (*ALONE_RANGES, HAN_PLANE):
        alone[first : last + 1] = True
    table[(table & WORD != 0) & ~(alone & (table & LETTER != 0))] |= JOINED
    marks = [code for code in range(CODE_POINTS) if unicodedata.category(chr(code)).startswith("M")]
    table[[*marks, *JOINERS]] |= MARK
    return read_only(table)


@njit(cache=True, nogil=True)
def _split(data, offsets, table, head):
    documents = len(offsets) - 1
    begin, end = np.empty(documents, np.int32), np.empty(documents, np.int32)
    room = 1024
    start, stop = np.empty(room, np.int32), np.empty(room, np.int32)
    hashes, flags = np.empty(room, np.uint64), np.empty(room, np.uint8)
    count = 0
    for d in range(documents):
        begin[d] = count
        i = np.int64(offsets[d])
        last = head_of(data, i, np.int64(offsets[d + 1]), head)
        while i < last:
            low = i
            kind, i = class_at(data, i, last, table)
            if kind & SPACE:
                continue
            first = kind
            while i < last:
                kind, after = class_at(data, i, last, table)
                if not (kind & MARK or (first & kind & JOINED)):
                    break
                i = after
            if count == room:
                room *= 2
                start, stop = grown(start, room), grown(stop, room)
                hashes, flags = grown(hashes, room), grown(flags, room)
            start[count], stop[count] = low, i
            hashes[count] = hash_bytes(data, low, i)
            flags[count] = describe(data, low, i, table)
            count += 1
        end[d] = count
    return begin, end, start[:count], stop[:count], hashes[:count], flags[:count]
