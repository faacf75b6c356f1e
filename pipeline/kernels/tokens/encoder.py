"""Texts to token ids as a Hugging Face tokenizer gives them, faster for byte-level BPE.

The tokenizer's own pattern cuts the first text of each shape into words (`pipeline/kernels/tokens/shapes.py`), and its
merges run in a compiled loop. What is not of that kind, or has added tokens, long words, or words that end within a
unit, goes to the library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kernels.growing import Growing
from pipeline.kernels.string_table import StringTable
from pipeline.kernels.tokens.byte_pairs import Merges, merge_table
from pipeline.kernels.tokens.shapes import UNKNOWN, encode_chunks, shapes, unit_ends
from pipeline.kernels.utf8 import text_buffers

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SHAPES = 200_000
UNITS = 4_000_000
"""Shapes are remembered up to here, then forgotten: some 10 MB, however long they are."""
NO_WORDS = 0
"""The number of the empty shape, of which no word is known, as of all shapes that need the library."""
NO_NORMALIZER = (None, {"type": "Sequence", "normalizers": []})
KEEP_ASCII = ("NFC", "NFD", "NFKC", "NFKD")
LETTER_CONTEXTS = ("{}", " {}", "a{}", "{}a", "{}{}", "1{}", "{}1", ".{}", "\n{}", "\n\n{}", "'ab{}", "{}'", "\u2019{}")
HAN = "".join(map(chr, range(0x4E00, 0x9FA6, 400))) + "\u9fa5"
HAN_CONTEXTS = ("{}", " {}", "a{}", "{}a", "{}{}", "1{}", "{}1", ".{}", "\n{}", "\n\n{}", "。{}", "{}。", "中{}")
DIGIT_CONTEXTS = ("{}", " {}", "1{}", "11{}", "{}{}{}{}", "a{}", "{}a", ".{}", "\n{}", "'{}", "é{}")

Array = np.ndarray[Any, Any]


class Encoder:
    """`encode` is `tokenizer.encode_batch(texts, add_special_tokens=False)`.

    added: those of `added_contents` that may stand in a text.
    """

    def __init__(self, tokenizer: Tokenizer, added: Collection[str]) -> None:
        self._tokenizer = tokenizer
        parts = json.loads(tokenizer.to_str())
        self._merges = _byte_level_merges(tokenizer, parts)
        # Bytes that the vocabulary lacks, such as SmolLM2's: the library leaves them out.
        self._without_token = np.array([one not in parts["model"]["vocab"] for one in _byte_characters()])
        self._ascii_only = parts["normalizer"] not in NO_NORMALIZER
        self._added = "|".join(map(re.escape, added))
        self._begins_added = np.isin(np.arange(256), [one.encode()[0] for one in added])
        self.forget_shapes()

    @cached_property
    def _bytes_of(self) -> Array:
        """How many bytes each token of byte-level BPE is (int64): it is spelled with a character for each."""
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=False)
        found = np.zeros(max(vocabulary.values()) + 1, np.int64)
        for spelled, number in vocabulary.items():
            found[number] = len(spelled)
        return found

    @property
    def is_compiled(self) -> bool:
        """Whether the tokenizer is of the kind that the loop knows."""
        return self._merges is not None

    def encode(self, texts: pa.StringArray) -> tuple[Array, Array]:
        """The ids of all texts, one after the other (int32), and how many each has (int64)."""
        failed = np.ones(len(texts), np.bool_)
        ids, counts = np.zeros(0, np.int32), np.zeros(len(texts), np.int64)
        if self._merges is not None:
            ids, begins, failed = self._encode(texts, self._merges)
            counts = np.diff(begins)
        if failed.any():
            found = self._ask_library(texts.filter(pa.array(failed)).to_pylist())
            counts[failed] = [len(one) for one in found]
            is_found, compiled = np.repeat(failed, counts), ids
            ids = np.empty(len(is_found), np.int32)
            ids[~is_found], ids[is_found] = compiled, list(chain.from_iterable(found))
        return ids, counts

    def token_ends(self, texts: pa.StringArray) -> tuple[Array, Array]:
        """Where each token of all texts ends, in the bytes of its text (int64), and how many tokens each text has.

        Only where `is_compiled`. A text of which the tokens are not the bytes that they spell, such as one with an
        added token, has -1 for each.
        """
        ids, counts = self.encode(texts)
        _, offsets = text_buffers(texts)
        lengths = np.where(ids < len(self._bytes_of), self._bytes_of[np.minimum(ids, len(self._bytes_of) - 1)], 0)
        ends = np.concatenate([[0], np.cumsum(lengths)])
        begins = np.concatenate([[0], np.cumsum(counts)])
        spelled = np.diff(ends[begins]) == np.diff(offsets)
        if self._ascii_only:
            spelled &= pc.string_is_ascii(texts).to_numpy(zero_copy_only=False)
        own = ends[1:] - np.repeat(ends[begins[:-1]], counts)
        return np.where(np.repeat(spelled, counts), own, -1), counts

    def _ask_library(self, texts: list[str]) -> list[list[int]]:
        return [one.ids for one in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def _encode(self, texts: pa.StringArray, merges: Merges) -> tuple[Array, Array, Array]:
        """Ids, where each text's begin, and which texts have none since they need the library."""
        data, offsets = text_buffers(texts)
        numbers, new = self._shapes.number(*shapes(data, offsets))
        if len(new):
            self._learn(texts.take(pa.array(new)))
        if len(some := _texts_with(self._begins_added, data, offsets)):  # the expression is slow
            is_added = pc.match_substring_regex(texts.take(pa.array(some)), self._added)
            numbers[some[is_added.to_numpy(zero_copy_only=False)]] = NO_WORDS
        numbers[_texts_with(self._without_token, data, offsets)] = NO_WORDS
        if self._ascii_only:
            numbers[~pc.string_is_ascii(texts).to_numpy(zero_copy_only=False)] = NO_WORDS
        found = encode_chunks(data, offsets, numbers, self._word_ends.values, self._ends_begin.values, merges)
        if len(self._shapes) > SHAPES or len(self._word_ends) > UNITS:
            self.forget_shapes()
        return found

    def forget_shapes(self) -> None:
        """Ask the tokenizer about every shape again."""
        self._shapes = StringTable()
        self._shapes.number(*text_buffers(pa.array([""])))  # NO_WORDS
        self._word_ends, self._ends_begin = Growing(np.zeros(0, np.bool_)), Growing(np.array([UNKNOWN]))

    def _learn(self, texts: pa.StringArray) -> None:
        """Ask the tokenizer where the words of these texts end, each the first of its shape."""
        data, offsets = text_buffers(texts)
        units, (_, begins) = unit_ends(data, offsets), shapes(data, offsets)
        ends = [self._ends_of_words(text) for text in texts.to_pylist()]
        counts = np.array([len(one) for one in ends])
        places = np.repeat(offsets[:-1], counts) + np.array(list(chain.from_iterable(ends)), np.int64)
        is_end = np.isin(units, places)
        within_units = np.add.reduceat(is_end, begins[:-1]) != counts  # some ends are no unit's end
        begins = np.where(within_units | (counts == 0), UNKNOWN, begins[:-1] + len(self._word_ends))
        self._word_ends.append(is_end)
        self._ends_begin.append(begins)

    def _ends_of_words(self, text: str) -> list[int]:
        """In bytes; none if the pattern leaves out some of the text."""
        starts, ends = zip(*(span for _, span in self._tokenizer.pre_tokenizer.pre_tokenize_str(text)), strict=True)
        if starts != (0, *ends[:-1]) or ends[-1] != len(text):
            return []
        return list(ends) if text.isascii() else [len(text[:end].encode()) for end in ends]


def _texts_with(wanted: Array, data: Array, offsets: Array) -> Array:
    """The texts that hold a byte for which `wanted` is true."""
    places = offsets[0] + np.flatnonzero(wanted[data[offsets[0] : offsets[-1]]])
    return np.unique(np.searchsorted(offsets, places, "right") - 1)


def _byte_level_merges(tokenizer: Tokenizer, parts: dict[str, Any]) -> Merges | None:
    """The merges of a byte-level BPE tokenizer whose pattern takes all letters, and all digits, alike; else None.

    `parts` is what its file says.
    """
    model, steps, normalizer = parts["model"], parts["pre_tokenizer"] or {"type": None}, parts["normalizer"]
    kinds = {step["type"] for step in steps.get("pretokenizers", [steps])}
    differing = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges")
    if model["type"] != "BPE" or "ByteLevel" not in kinds or any(model.get(name) for name in differing):
        return None
    if normalizer not in NO_NORMALIZER and normalizer["type"] not in KEEP_ASCII:
        return None
    alike = (("abcdefghijklmnopqrstuvwxyz", LETTER_CONTEXTS), ("0123456789", DIGIT_CONTEXTS), (HAN, HAN_CONTEXTS))
    if not all(_alike(tokenizer, characters, contexts) for characters, contexts in alike):
        return None
    vocabulary, characters = model["vocab"], _byte_characters()
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    left, right, merged = (
        np.array([vocabulary[name] for name in names], np.int32)
        for names in ((pair[0] for pair in pairs), (pair[1] for pair in pairs), map("".join, pairs))
    )
    return merge_table(np.array([vocabulary.get(one, 0) for one in characters], np.int32), left, right, merged)


def _alike(tokenizer: Tokenizer, characters: str, contexts: tuple[str, ...]) -> bool:
    def spans(text: str) -> list[tuple[int, int]]:
        return [span for _, span in tokenizer.pre_tokenizer.pre_tokenize_str(text)]

    return all(
        spans(context.format(*[one] * 4)) == spans(context.format(*[characters[0]] * 4))
        for context in contexts
        for one in characters
    )


def _byte_characters() -> list[str]:
    """How byte-level tokenizers spell each byte: the printable ones as they are, others by characters from 256 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
