"""Where a text may be cut without changing what a tokenizer makes of it (L2's normaliser, L3's passages).

The tokenizer itself is asked, for every kind of neighbour: patterns in use (GPT-2, Llama 3, Qwen, DeepSeek) look no
further back than that.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.kernels.tokens.chunks import CODES

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPACES = " \n"
MARKS = "!\"#%&'()*,-./:;?@[\\]_{}" + "“”‘’–—•、。《》「」『』【】〈〉"  # noqa: RUF001
SYMBOLS = "$+<=>^`|~"
RIGHTS = (
    *("", "a", "Ab", "1", " ", " a", "s", "ll", "t", "z1", "中", "中a", "ж", "€", "🙂", "\n", "\n\na", " \n", "\t."),
    *MARKS,
    *SYMBOLS,
)
"""What may follow a seam."""
WORD, LETTER, MARK, SYMBOL = 1, 2, 4, 8
"""Kinds of characters before a seam, as bits."""
LEFTS: dict[int, tuple[str, ...]] = {
    WORD: ("a", "z", "TM", "12", "it's", "9a", "中", "中a", "1中", "漢", ".a", " a"),
    LETTER: ("ß", "ж", "aж", ".ж", "ש", "ع", "한", "ก", "α", "あ", "ー", "々", "٣"),  # noqa: RUF001
    MARK: (*MARKS, "a.", "..", "))", "。a.", "ж.", " ."),
    SYMBOL: (*SYMBOLS, "€", "a€", "→", "°", " €"),
}
HAN = range(0x4E00, 0x9FA6)

Array = np.ndarray[Any, Any]


def find_seams(tokenizer: Tokenizer, added: Collection[str], seams_asked: str = SPACES + MARKS + SYMBOLS) -> Array:
    """uint8 (CODES): the kinds of characters between which and this one a text may be cut.

    added: those of `added_contents` that may stand in a text. seams_asked: characters in front of which it may be cut.
    """
    seams = np.zeros(CODES, np.uint8)
    tokens = tokenizer.get_added_tokens_decoder().values()
    if tokenizer.pre_tokenizer is None or any(token.lstrip or token.rstrip or token.single_word for token in tokens):
        return seams  # tokens may reach across words
    within = {character for content in added for character in content[1:]}
    for seam in set(seams_asked) - within:
        kinds = (WORD, LETTER, MARK, SYMBOL) if seam in SPACES else (WORD, LETTER)
        seams[ord(seam)] = sum(kind for kind in kinds if _may_cut(tokenizer, LEFTS[kind], seam))
    return seams


def added_contents(tokenizer: Tokenizer) -> list[str]:
    """The added tokens, such as `<|endoftext|>`, as they may stand in a text; they are found as they are."""
    contents = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    if tokenizer.normalizer is not None:
        contents += [tokenizer.normalizer.normalize_str(content) for content in contents]
    return sorted(set(contents))


def _may_cut(tokenizer: Tokenizer, lefts: tuple[str, ...], seam: str) -> bool:
    """Whether words end at the seam whatever stands around it; tokens alone could be the same by chance."""
    rights = [(seam + right, _words(tokenizer, seam + right)) for right in RIGHTS]
    return all(
        _words(tokenizer, left + right) == left_words + right_words
        for left, left_words in [(left, _words(tokenizer, left)) for left in lefts]
        for right, right_words in rights
    )


def _words(tokenizer: Tokenizer, text: str) -> list[str]:
    if tokenizer.normalizer is not None:
        text = tokenizer.normalizer.normalize_str(text)
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]


@functools.cache
def left_sides() -> Array:
    """uint8 (CODES): the kind of each character, 0 for what is not visible."""
    kinds = {"L": LETTER, "N": LETTER, "P": MARK, "S": SYMBOL}
    sides = np.array([kinds.get(unicodedata.category(chr(code))[0], 0) for code in range(CODES)], np.uint8)
    sides[[code for code in range(128) if chr(code).isalnum()]] = WORD
    sides[HAN] = WORD
    return sides
