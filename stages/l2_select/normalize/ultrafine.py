"""Ultra-FineWeb's normaliser over columns (openbmb/Ultra-FineWeb-classifier, `infer_folder.py`).

Its steps, one text at a time: at most one empty line in a row, lower case, no diacritics; the text of each token of a
subword tokenizer as a word; line ends and tabs spelled out.

Here texts are cut where no token reaches across, each distinct chunk is tokenized once and remembered, and a text
becomes the numbers of its tokens, which a classifier can score without seeing them as text again. Where a tokenizer
allows no cut, whole texts are tokenized: slower, with the same result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kernels.growing import Growing
from pipeline.kernels.string_table import StringTable
from pipeline.kernels.tokens.chunks import NOTHING, Edges, cut, join_chunks
from pipeline.kernels.tokens.encoder import Encoder
from pipeline.kernels.tokens.seams import added_contents, find_seams, left_sides
from pipeline.kernels.utf8 import HEAD, text_buffers
from stages.l2_select.normalize.simplify import decompose, simplify_all

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CHUNKS = 1_000_000
TOKENS = 16_000_000
"""What chunks became is remembered up to here, then all is forgotten: some 100 MB in all."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Tokens:
    """Texts as token numbers: text `i` is numbers[begins[i]:begins[i + 1]]."""

    numbers: Array
    """int32: indices of the normaliser's `spelling`."""
    begins: Array
    """int64, one more than texts."""


class Ultrafine:
    """The normaliser with one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        added = [content for content in added_contents(tokenizer) if content == decompose(content)]
        self.seams = find_seams(tokenizer, added)
        spelling, self._edges = _spelling(tokenizer)
        self.spelling = pa.array([f"{words} " if words else "" for words in spelling], pa.string())
        """The words that each token stands for, each followed by a space."""
        self._encoder = Encoder(tokenizer, added)
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Forget the chunks met so far, what became of them, and their shapes."""
        self.memory = Memory()
        self._encoder.forget_shapes()

    def tokens(self, texts: pa.StringArray) -> Tokens:
        """The tokens of each text, of its first 4 MiB (`HEAD`)."""
        data, offsets = text_buffers(simplify_all(_heads(texts)))
        cuts, first = cut(data, offsets, self.seams, left_sides())
        with self._lock:
            numbers = self._remembered(data, cuts)
            joined = join_chunks(numbers, first, self.memory.tokens.values, self.memory.begins.values, self._edges)
            if self.memory.is_full():
                self.forget()
        return Tokens(*joined)

    def __call__(self, texts: pa.StringArray) -> pa.StringArray:
        """Each text as the published steps give it."""
        tokens = self.tokens(texts)
        words = self.spelling.take(pa.array(tokens.numbers))
        ends = np.ascontiguousarray(text_buffers(words)[1][tokens.begins])
        joined = pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), words.buffers()[2])
        return pc.utf8_rtrim(joined, " ")

    def _remembered(self, data: Array, cuts: Array) -> Array:
        """The number of each chunk in memory, those met first included."""
        numbers, new = self.memory.table.number(data, cuts)
        if len(new):
            strings = pa.StringArray.from_buffers(len(cuts) - 1, pa.py_buffer(cuts), pa.py_buffer(data))
            try:
                self.memory.add(*self._encoder.encode(strings.take(pa.array(new))))
            except BaseException:
                self.forget()  # numbers without tokens
                raise
        return numbers


class Memory:
    """The tokens of each chunk met: chunk `n` is tokens[begins[n]:begins[n + 1]]."""

    def __init__(self) -> None:
        self.table = StringTable()
        self.tokens, self.begins = Growing(np.empty(0, np.int32)), Growing(np.zeros(1, np.int64))

    def add(self, tokens: Array, counts: Array) -> None:
        """The tokens of the chunks that were numbered since."""
        self.begins.append(len(self.tokens) + np.cumsum(counts))
        self.tokens.append(tokens)

    def is_full(self) -> bool:
        return len(self.table) > CHUNKS or len(self.tokens) > TOKENS


def _heads(texts: pa.StringArray) -> pa.StringArray:
    is_long = pc.greater(pc.binary_length(texts), HEAD)
    if not is_long.true_count:
        return texts
    heads = [text.encode()[:HEAD].decode(errors="ignore") for text in texts.filter(is_long).to_pylist()]
    return pc.replace_with_mask(texts, is_long, pa.array(heads, pa.string()))


def _spelling(tokenizer: Tokenizer) -> tuple[list[str], Edges]:
    """The words of each token with one space between them, and what its text becomes at a document's edges.

    After the tokenizer's own come further ones that only edges need.
    """
    size = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0) + 1
    texts = tokenizer.decode_batch([[token] for token in range(size)], skip_special_tokens=False)
    spelling = [" ".join(filter(None, _escaped(text).split(" "))) for text in texts]
    number = {words: token for token, words in reversed(list(enumerate(spelling)))}

    def stripped(words: str, strip: Callable[[str], str]) -> int:
        words = strip(words)
        if words not in number:
            number[words] = len(spelling)
            spelling.append(words)
        return number[words] if words else NOTHING

    left, right = list[int](), list[int]()
    while len(left) < len(spelling):  # it grows meanwhile
        left.append(stripped(spelling[len(left)], str.lstrip))
        right.append(stripped(spelling[len(right)], str.rstrip))
    return spelling, Edges(np.array(left, np.int32), np.array(right, np.int32))


def _escaped(text: str) -> str:
    return text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
