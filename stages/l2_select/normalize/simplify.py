"""What Ultra-FineWeb does to a text before it is tokenized: one empty line in a row, lower case, no diacritics."""

from __future__ import annotations

import functools
import re
import unicodedata

import numpy as np
import pyarrow as pa

from pipeline.kernels.tokens.characters import Replacements, find_replacements, replace_characters
from pipeline.kernels.utf8 import CODE_POINTS, text_buffers

LINE_ENDS = 2
"""At most so many in a row."""


def simplify(text: str) -> str:
    return fold(re.sub("\n{3,}", "\n\n", text))


def fold(text: str) -> str:
    """Lower case, then compatible characters (NFKD) without the marks on them."""
    return decompose(text.lower())


def decompose(text: str) -> str:
    text = unicodedata.normalize("NFKD", text)
    return "".join([character for character in text if unicodedata.category(character) != "Mn"])


def simplify_all(texts: pa.StringArray) -> pa.StringArray:
    """`simplify` of each text; a null becomes empty."""
    data, offsets, ask = replace_characters(*text_buffers(texts), _replacements(), LINE_ENDS)
    simple = pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(data))
    if not ask.any():
        return simple
    found = simple.to_pylist()
    for place in np.flatnonzero(ask):
        found[place] = simplify(texts[int(place)].as_py())
    return pa.array(found, pa.string())


@functools.cache
def _replacements() -> Replacements:
    """To be asked about are the Σ, whose lower case depends on its neighbours, and marks that may change places."""
    characters = (chr(code) for code in range(CODE_POINTS) if not 0xD800 <= code < 0xE000)
    marks = {one for one in characters if unicodedata.combining(one) and unicodedata.category(one) != "Mn"}
    return find_replacements(fold, {"Σ", *marks})
