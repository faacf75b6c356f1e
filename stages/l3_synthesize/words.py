"""Words of any script: how long a text is, and what two texts share. For passages and answers of a few pages.

Chinese, Japanese, Thai and their neighbours put no space between words. There a unit is one character, and bounds on
words are multiplied by the characters that a word has on average, so that they mean the same in every language.
"""

from __future__ import annotations

import functools
import re
import sys
from typing import NamedTuple

import numpy as np

from pipeline.kernels.utf8 import Array
from pipeline.kernels.words.units import ALONE, APOSTROPHE, LETTER, code_points, numbered

HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters and Japanese syllables."""
SOUTH = "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Tibetan, Burmese, Khmer."""
UNIT = re.compile(rf"[{HAN}{SOUTH}]|[^\W_{HAN}{SOUTH}]+(?:['\u2019][^\W_{HAN}{SOUTH}]+)*")
KINDS = ((LETTER, rf"[^\W_{HAN}{SOUTH}]+"), (APOSTROPHE, "['\u2019]"), (ALONE, f"[{HAN}]+"), (ALONE + 1, f"[{SOUTH}]+"))
"""The same for the compiled loop."""
WORDS_OF = np.array([0, 1, 0, 1 / 1.6, 1 / 4.5])
"""How many words a unit of each kind is. A word of 1.6 Han characters is what L1's Chinese thresholds stand on
(pipeline/kernels/words/scripts.py); 4.5 is round and not measured: no bound should stand close to it."""
KEPT = ((4_000, 1_024), (20_000, 64))
"""(characters, texts): so many texts of no more characters are remembered, in 90 MB at most. A passage comes back with
its answer, a batch of passages later; what is longer than any of these is read anew each time."""


class Read(NamedTuple):
    """What is known of a text's units."""

    numbers: Array
    lengths: Array
    words: int
    per_word: float
    """Units of a word on average: 1 where all words are parted."""


def units(text: str) -> list[str]:
    """The text's words in lower case, or its characters where words are not parted."""
    return UNIT.findall(text.lower())


def count_words(text: str) -> int:
    """How many words a text has, estimated where they are not parted."""
    return _read(text).words


def ngram_size(text: str, words: int) -> int:
    """How many units of this text as many words are."""
    return round(words * _read(text).per_word)


def ngrams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(n)), strict=False))


def numbers(text: str) -> tuple[Array, Array]:
    """A number and the characters of each unit, for the compiled loops; equal units have equal numbers."""
    found = _read(text)
    return found.numbers, found.lengths


def _read(text: str) -> Read:
    for characters, read in _REMEMBERED:
        if len(text) <= characters:
            return read(text)
    return _numbered(text)


def _numbered(text: str) -> Read:
    found, lengths, words = numbered(code_points(text.lower()), _kinds(), WORDS_OF)
    per_word = len(found) / words if words else 1.0
    return Read(found, lengths, round(len(found) / per_word), per_word)


# Each check of a reply asks for the words of the same few texts.
_REMEMBERED = [(characters, functools.lru_cache(maxsize=texts)(_numbered)) for characters, texts in KEPT]


@functools.cache
def _kinds() -> Array:
    """Of each code point."""
    every = np.arange(sys.maxunicode + 1, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    kinds = np.zeros(len(every), np.uint8)
    for kind, pattern in KINDS:
        for match in re.finditer(pattern, every):
            kinds[match.start() : match.end()] = kind
    return kinds
