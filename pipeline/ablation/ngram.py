"""A second opinion for a thousandth of the cost: an n-gram model of tokens on the same stream as the proxy model.

It counts, so it has no initialisation and no learning rate, and reads ten times as much text in a second. It sees
spelling, vocabulary and short phrases, nothing beyond four tokens. Probabilities are interpolated after Witten and
Bell: p_k(t | c) = (n(c, t) + T(c) p_{k-1}(t | c')) / (n(c) + T(c)), with T(c) the number of different tokens seen
behind the context c, c' the context without its first token, and the uniform distribution below the single tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.ablation.data import U64Array, mix
from pipeline.ablation.tokenizer import TokenArray
from pipeline.steps import FloatArray

ORDER = 4  # tokens, the predicted one included: five add a sixth to the time and change the third digit


@dataclass(frozen=True)
class Level:
    """Counts of one length of context; contexts and pairs are 64-bit hashes, sorted."""

    contexts: U64Array
    totals: FloatArray
    """How often each context was seen."""
    kinds: FloatArray
    """How many different tokens were seen behind it."""
    pairs: U64Array
    """Context and token."""
    counts: FloatArray


def count(stream: TokenArray) -> list[Level]:
    """The model of a stream, from single tokens to runs of ORDER."""
    return [_level(*_hashes(stream, length)) for length in range(ORDER)]


def document_bits(
    levels: Sequence[Level], documents: Sequence[TokenArray], given: Sequence[int], bos: int, vocabulary: int
) -> FloatArray:
    """Minus log2 of the probability that the model gives to each document behind a BOS and its first `given` tokens."""
    first = np.array([bos], np.uint16)
    stream = np.concatenate([part for ids in documents for part in (first, ids)])
    lengths = np.array([len(ids) + 1 for ids in documents])
    begins = np.cumsum(lengths) - lengths
    place = np.arange(len(stream)) - np.repeat(begins, lengths)
    share = np.full(len(stream), 1 / vocabulary)
    for length, level in enumerate(levels):
        contexts, pairs = _hashes(stream, length)
        known = _find(level.contexts, contexts)
        known[place < length] = -1  # the context would begin before the document
        pair = _find(level.pairs, pairs)
        seen = np.where(pair >= 0, level.counts[pair], 0.0)
        kinds = level.kinds[known]
        share = np.where(known >= 0, (seen + kinds * share) / (level.totals[known] + kinds), share)
    bits = -np.log2(share)
    bits[place <= np.repeat(given, lengths)] = 0.0
    return np.add.reduceat(bits, begins)


def _hashes(stream: TokenArray, length: int) -> tuple[U64Array, U64Array]:
    """Of every token the hash of the `length` tokens before it, and that of these and itself."""
    tokens = stream.astype(np.uint64) + np.uint64(1)
    context = np.zeros(len(tokens), np.uint64)
    for back in range(length, 0, -1):
        earlier = np.concatenate([np.zeros(min(back, len(tokens)), np.uint64), tokens[:-back]])
        context = mix(context + earlier)
    return context, mix(context + (tokens << np.uint64(32)))


def _level(contexts: U64Array, pairs: U64Array) -> Level:
    found, totals = np.unique(contexts, return_counts=True)
    kinds, first, counts = np.unique(pairs, return_index=True, return_counts=True)
    _, different = np.unique(contexts[first], return_counts=True)
    return Level(found, totals.astype(float), different.astype(float), kinds, counts.astype(float))


def _find(values: U64Array, wanted: U64Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Where each wanted value stands, or -1."""
    position = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return np.where(values[position] == wanted, position, -1)
