"""In which order a run reads an arm: pieces of documents, as long as the model's sequence, shuffled by content.

A batch of whole documents one after another is one or two long pages, and a short run sees a few hundred of them: the
noise between seeds was that of the pages drawn. Pieces come from all over the arm. Their order follows from a hash of
content, seed and pass, so pieces that two arms share come in the same relative order in both.
"""

from __future__ import annotations

import numpy as np

from pipeline.ablation.data import I64Array, U64Array, mix
from pipeline.ablation.tokenizer import Corpus, TokenArray

STEP = np.uint64(0x9E3779B97F4A7C15)


class Stream:
    """The tokens that a run reads, pass after pass, each pass in an order of its own. Any stretch can be read: nothing
    but the places of the pieces is in memory."""

    def __init__(self, corpus: Corpus, seed: int, piece: int) -> None:
        self._tokens, self._seed = corpus.tokens, seed
        self._begins, self._ends, self._keys = pieces(corpus, piece)
        self._pass = int((self._ends - self._begins).sum())
        self._epoch = -1
        self._order = self._reached = np.zeros(0, np.int64)

    def read(self, begin: int, end: int) -> TokenArray:
        parts: list[TokenArray] = []
        while begin < end:
            epoch, within = divmod(begin, self._pass)
            self._turn_to(epoch)
            stop = min(self._pass, within + end - begin)
            first = int(np.searchsorted(self._reached, within, "right"))
            last = int(np.searchsorted(self._reached, stop, "left"))
            rows = self._order[first : last + 1]
            found = np.concatenate([self._tokens[self._begins[row] : self._ends[row]] for row in rows])
            before = int(self._reached[first - 1]) if first else 0
            parts.append(found[within - before : stop - before])
            begin += stop - within
        return np.concatenate(parts)

    def _turn_to(self, epoch: int) -> None:
        if epoch != self._epoch:
            self._epoch, self._order = epoch, order(self._keys, self._seed, epoch)
            self._reached = np.cumsum((self._ends - self._begins)[self._order])


def pieces(corpus: Corpus, piece: int) -> tuple[I64Array, I64Array, U64Array]:
    """Begin, end and key of each piece; a document with `repeats` gives its pieces that often."""
    rows = np.repeat(np.arange(len(corpus.repeats)), corpus.repeats)
    copy = _within(corpus.repeats)
    counts = -(-np.diff(corpus.starts)[rows] // piece)
    of, number = np.repeat(np.arange(len(rows)), counts), _within(counts)
    begins = corpus.starts[rows[of]] + number * piece
    ends = np.minimum(begins + piece, corpus.starts[rows[of] + 1])
    key = mix(corpus.keys[rows] + STEP * copy.astype(np.uint64))
    return begins, ends, mix(key[of] + STEP * number.astype(np.uint64))


def order(keys: U64Array, seed: int, epoch: int) -> I64Array:
    salt = mix(np.array([seed * 1_000_003 + epoch], np.uint64))
    return np.argsort(mix(keys ^ salt), kind="stable")


def _within(counts: I64Array) -> I64Array:
    """0, 1, … within each of the groups of these sizes."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
