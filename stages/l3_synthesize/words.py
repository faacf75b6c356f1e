"""Words of any script: how long a text is, and what two texts share. For passages and answers of a few pages.

Chinese, Japanese, Thai and their neighbours put no space between words. There a unit is one character, and bounds on
words are multiplied by the characters that a word has on average, so that they mean the same in every language.
"""

from __future__ import annotations

import functools
import re

from pipeline.kernels.utf8 import Array
from pipeline.kernels.words.grams import numbers_of

HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters and Japanese syllables."""
SOUTH = "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Tibetan, Burmese, Khmer."""
UNIT = re.compile(rf"[{HAN}{SOUTH}]|[^\W_{HAN}{SOUTH}]+(?:['\u2019][^\W_{HAN}{SOUTH}]+)*")
UNSPACED = re.compile(f"([{HAN}])|[{SOUTH}]")
HAS_UNSPACED = re.compile(f"[{HAN}{SOUTH}]")
PER_WORD = {True: 1.6, False: 4.5}
"""Units of a word, by whether they are Han. The first is the figure that L1's Chinese thresholds stand on
(pipeline/kernels/words/scripts.py); the second is round and not measured: no bound should stand close to it."""


KEPT_CHARACTERS = 20_000
"""Words of longer texts are not remembered: 64 of these take 40 MB at most."""


def units(text: str) -> list[str]:
    """The text's words in lower case, or its characters where words are not parted."""
    return _read(text)[0]


def count_words(text: str) -> int:
    """How many words a text has, estimated where they are not parted."""
    return _read(text)[1]


def ngram_size(text: str, words: int) -> int:
    """How many units of this text as many words are."""
    return round(words * _read(text)[2])


def ngrams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(n)), strict=False))


def numbers(text: str) -> tuple[Array, Array]:
    """A number and the characters of each unit, for the compiled loops; equal units have equal numbers."""
    return _remembered_numbers(text) if len(text) <= KEPT_CHARACTERS else numbers_of(units(text))


def _read(text: str) -> tuple[list[str], int, float]:
    """(units, words, units of a word on average: 1 where all words are parted)"""
    return _remembered(text) if len(text) <= KEPT_CHARACTERS else _parted(text)


def _parted(text: str) -> tuple[list[str], int, float]:
    found = UNIT.findall(text.lower())
    if not HAS_UNSPACED.search(text):
        return found, len(found), 1.0
    words = 0.0
    for one in found:
        unspaced = UNSPACED.fullmatch(one)
        words += 1 / PER_WORD[unspaced[1] is not None] if unspaced else 1
    per_word = len(found) / words if words else 1.0
    return found, round(len(found) / per_word), per_word


# Each check of a reply asks for the words of the same few texts.
_remembered = functools.lru_cache(maxsize=64)(_parted)


@functools.lru_cache(maxsize=64)
def _remembered_numbers(text: str) -> tuple[Array, Array]:
    return numbers_of(units(text))
