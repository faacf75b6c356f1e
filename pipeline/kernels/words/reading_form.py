"""Texts as a language model should read them: the kind of white space, capitals and the form of letters decide nothing.

fastText splits words at ASCII white space only, and a model knows few words in capitals, or in letters with their marks
apart: an English page with no-break spaces in its gaps is one long word to it, one all in capitals is a language of
acronyms, and Vietnamese and Korean as macOS and old converters write it (NFD) are in no language.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from pipeline.kernels.utf8 import (
    EACH,
    HEAD,
    TOP_BITS,
    Array,
    count_marked,
    decode,
    eight_bytes,
    head_of,
    read_only,
    text_buffers,
)

SMALL, CAPITAL, GAP, HIDDEN, APART = 1, 2, 4, 8, 16
GAPS = r"[\x{85}\x{A0}\x{1680}\x{2000}-\x{200B}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]"
"""White space that fastText takes for letters, and the zero-width space, which stands between words as well."""
HIDDEN_SIGNS = "[\u00ad\u2060\ufeff]"
"""Soft hyphen, word joiner, byte order mark: they stand within words and are not seen."""


def reading_form(texts: pa.StringArray) -> pa.StringArray:
    """The texts with every gap a space, without hidden signs, in small letters where capitals are the majority, and
    composed (NFKC) where marks stand apart from their letters or Latin letters are full-width.

    Nothing is copied where nothing changes. Text of few capitals keeps them: they tell German from Dutch.
    """
    found = np.zeros(len(texts), np.uint8)
    _look(*text_buffers(texts), _classes(), found)
    for flag, edit in ((GAP, _spaced), (HIDDEN, _shown), (APART, _composed), (CAPITAL, pc.utf8_lower)):
        chosen = found & flag != 0
        if chosen.any():
            rows = pa.array(chosen)
            texts = pc.replace_with_mask(texts, rows, edit(texts.filter(rows)))
    return texts


def _spaced(texts: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring_regex(texts, GAPS, " ")


def _shown(texts: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring_regex(texts, HIDDEN_SIGNS, "")


def _composed(texts: pa.StringArray) -> pa.StringArray:
    return pc.utf8_normalize(texts, form="NFKC")


@cache
def _classes() -> Array:
    """uint8 per code point of the basic plane: small letter, capital, gap, hidden sign or what is to be composed."""
    table = np.zeros(0x10000, np.uint8)
    for code in range(0x10000):
        category = unicodedata.category(chr(code))
        table[code] = SMALL if category == "Ll" else CAPITAL if category in ("Lu", "Lt") else 0
    for code in (0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000):
        table[code] = GAP
    table[[0xAD, 0x2060, 0xFEFF]] = HIDDEN
    table[0x300:0x370] = table[0x1100:0x1200] = APART  # accents, and the parts of Korean syllables
    table[0xFF21:0xFF5B] |= APART
    return read_only(table)


@njit(cache=True, nogil=True)
def _look(data, offsets, classes, found):
    """Per text the flags of what is to be edited; CAPITAL if there are more capitals than small letters."""
    for text in range(len(found)):
        i, stop = np.int64(offsets[text]), np.int64(offsets[text + 1])
        stop = head_of(data, i, stop, HEAD)
        flags, surplus = np.int64(0), np.int64(0)
        while i < stop:
            if i + 8 <= stop:
                eight = eight_bytes(data, i)
                if eight & TOP_BITS == 0:
                    surplus += _letters(eight, 65) - _letters(eight, 97)
                    i += 8
                    continue
            code, after = (np.int64(data[i]), i + 1) if data[i] < 0x80 else decode(data, i, stop)
            i = after
            if code > 0xFFFF:
                continue
            kind = np.int64(classes[code])
            flags |= kind
            surplus += (kind >> 1 & 1) - (kind & 1)
        found[text] = flags & (GAP | HIDDEN | APART) | (CAPITAL if surplus > 0 else 0)


@njit(cache=True, nogil=True)
def _letters(eight, first):
    """How many of eight ASCII bytes are among the 26 letters from this one on."""
    from_first, after_last = eight + EACH * np.uint64(128 - first), eight + EACH * np.uint64(128 - 26 - first)
    return count_marked(from_first & ~after_last & TOP_BITS)
