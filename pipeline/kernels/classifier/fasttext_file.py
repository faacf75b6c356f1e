"""Read a fastText model file without the library: its settings, its vocabulary, its matrices.

Reads `.bin` and `.ftz` (versions 11 and 12) of supervised models. Each size in the file is checked against the file's
length, since a crafted header makes the library's loader spin or allocate without end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from pipeline.errors import UsageError

MAGIC = 793712314
SUPERVISED = 3  # models and losses as the file numbers them
HIERARCHICAL, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4
CENTROIDS = 256  # per piece of a quantised row
ENTRY_BYTES = 10  # the least that a vocabulary entry takes: end of the word, count, type
MAX_COUNT = 10**15  # the library's stand-in for infinity
MAX_NGRAM = 64  # words or characters; real models stay below 10
MAX_SPARSITY = 64  # n-gram buckets per byte of a pruned file; real ones stay below 3
BLOCK_ROWS = 1 << 16

Array = np.ndarray[Any, Any]


class ModelError(UsageError):
    """The file is no fastText classifier, or it is damaged."""


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What a model file says, its consistency checked."""

    word_ngrams: int
    loss: int
    buckets: int
    minn: int
    maxn: int
    words: int
    spelling: Array
    """uint8: all words and then all labels, one after the other."""
    starts: Array
    """int64 (words + labels + 1): where each begins in `spelling`."""
    counts: Array
    """int64 (words + labels): occurrences in training."""
    kept: Array
    """int32 (buckets): position of each hashed n-gram's row after those of the words, -1 if pruned; empty: all kept."""
    matrix: Dense
    outputs: Array
    """float32 (labels, dimensions)"""


def read_model_file(path: Path) -> ModelFile:
    """Raises ModelError, in one line, if the file is not there, damaged, or no classifier."""
    try:
        return _read(_Cursor(path))
    except (OSError, ModelError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(f"{path}: {reason}; give a fastText classifier, as it was trained or fetched") from None


def spelled(spelling: Array, starts: Array) -> list[str]:
    """The words that begin, and but for the last one end, at `starts`, as text."""
    text = spelling.tobytes()
    return [text[begin:end].decode("utf-8", "replace") for begin, end in pairwise(starts)]


class _Cursor:
    """The bytes of a file and how far they have been read; a read past the end is an error."""

    def __init__(self, path: Path) -> None:
        if path.stat().st_size < 8:
            raise ModelError("this is no fastText model")
        self.data = np.memmap(path, np.uint8, "r")
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def array(self, dtype: str, *shape: int) -> Array:
        size = np.dtype(dtype).itemsize
        for extent in shape:
            size *= extent  # Python's integers: a product of header fields may exceed 64 bits
        if min(shape) < 0 or size > self.left:
            raise ModelError(f"truncated or damaged: {size} bytes announced at offset {self.at}, {self.left} are left")
        self.at += size
        return self.data[self.at - size : self.at].view(dtype).reshape(shape)

    def numbers(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack("<" + layout, self.array("u1", struct.calcsize("<" + layout)).tobytes())


def _read(file: _Cursor) -> ModelFile:
    magic, version = file.numbers("2i")
    if magic != MAGIC or version not in (11, 12):
        raise ModelError("this is no fastText model of version 11 or 12")
    dim, _, _, _, _, word_ngrams, loss, model, buckets, minn, maxn, _, _ = file.numbers("12id")
    if model != SUPERVISED or loss not in (HIERARCHICAL, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL):
        raise ModelError("this fastText model holds word vectors and no classifier")
    maxn = max(maxn, 0) if version > 11 else 0  # supervised models of version 11 ignored subwords
    needs_buckets = word_ngrams > 1 or maxn > 0
    if dim < 1 or buckets < needs_buckets or max(word_ngrams, maxn) > MAX_NGRAM:
        raise ModelError("damaged settings")

    words, pruned, spelling, starts, counts = _read_vocabulary(file)
    kept, hashed_rows = _read_kept(file, pruned, buckets)
    quantised = file.numbers("?")[0]
    if pruned >= 0 and not quantised:
        raise ModelError("damaged: pruned but not quantised, which fastText never writes")
    matrix = Quantised(file) if quantised else Dense(file)
    outputs = Quantised(file) if file.numbers("?")[0] and quantised else Dense(file)
    labels = len(counts) - words
    if (matrix.rows, matrix.width, outputs.rows, outputs.width) != (words + hashed_rows, dim, labels, dim):
        raise ModelError(
            f"damaged: {matrix.rows} rows of {matrix.width} and {outputs.rows} of {outputs.width} "
            f"for {words} words, {hashed_rows} n-grams, {labels} labels and {dim} dimensions"
        )
    if file.left:
        raise ModelError(f"damaged: {file.left} bytes follow the end of the model")
    return ModelFile(
        max(word_ngrams, 1), loss, max(buckets, 1), max(minn, 0), maxn,
        words, spelling, starts, counts, kept, matrix, outputs.block(0, labels),
    )  # fmt: skip


def _read_vocabulary(file: _Cursor) -> tuple[int, int, Array, Array, Array]:
    """How many entries are words, how many n-grams were kept (-1: all), and all entries' spelling, starts, counts."""
    size, words, labels, _, pruned = file.numbers("3i2q")
    if words < 0 or labels < 1 or size != words + labels or size * ENTRY_BYTES > file.left or pruned < -1:
        raise ModelError(f"damaged vocabulary: {size} entries, {words} words, {labels} labels")
    if labels == 1:
        raise ModelError("the model knows one class only, so every text is of it; train it on two")
    starts, counts = np.zeros(size + 1, np.int64), np.zeros(size, np.int64)
    end = _scan_entries(file.data, file.at, words, starts, counts)
    if end < 0:
        raise ModelError("truncated or damaged vocabulary")
    entries = file.array("u1", end - file.at)
    spelling = np.zeros(starts[-1], np.uint8)
    _copy_spelling(entries, starts, spelling)
    return words, pruned, spelling, starts, counts


def _read_kept(file: _Cursor, pruned: int, buckets: int) -> tuple[Array, int]:
    """Where the kept n-grams' rows are (see `ModelFile.kept`), and how many rows belong to n-grams."""
    if pruned < 0:
        return np.zeros(0, np.int32), buckets
    bucket, row = file.array("<i4", pruned, 2).T
    if buckets > MAX_SPARSITY * len(file.data):
        raise ModelError(f"damaged: {buckets} n-gram buckets in {len(file.data)} bytes")
    if pruned and (bucket.min() < 0 or bucket.max() >= buckets or row.min() < 0 or row.max() >= pruned):
        raise ModelError("damaged list of kept n-grams")
    kept = np.full(max(buckets, 1), -1, np.int32)
    kept[bucket] = row
    return kept, pruned


class Dense:
    """A matrix of float32, left in the file until its rows are asked for."""

    def __init__(self, file: _Cursor) -> None:
        self.rows, self.width = file.numbers("2q")
        self._values = file.array("<f4", self.rows, self.width)

    def block(self, start: int, stop: int) -> Array:
        """float32 (rows, width): rows `start` to `stop` (excluded)."""
        return np.array(self._values[start:stop])

    def blocks(self) -> Iterator[tuple[int, Array]]:
        """All rows in blocks that fit in memory, each with the number of its first row."""
        for start in range(0, self.rows, BLOCK_ROWS):
            yield start, self.block(start, min(start + BLOCK_ROWS, self.rows))


class Quantised(Dense):
    """A matrix stored as centroid numbers (product quantisation), with or without a norm for each row."""

    def __init__(self, file: _Cursor) -> None:
        has_norms, self.rows, self.width, codes = file.numbers("?2qi")
        pieces = codes // self.rows if self.rows > 0 else 0
        if pieces * self.rows != codes:
            raise ModelError("damaged quantised matrix")
        self._codes = file.array("u1", self.rows, pieces)
        self._centroids = _read_centroids(file, self.width, pieces)
        self._norms = None
        if has_norms:
            norm_codes = file.array("u1", self.rows)
            self._norms = _read_centroids(file, 1, 1)[0][norm_codes]

    def block(self, start: int, stop: int) -> Array:
        codes = self._codes[start:stop]
        rows = np.concatenate([table[codes[:, piece]] for piece, table in enumerate(self._centroids)], axis=1)
        return rows if self._norms is None else rows * self._norms[start:stop]


def _read_centroids(file: _Cursor, width: int, pieces: int) -> list[Array]:
    """Per piece of a row float32 (256, width of the piece); the last piece may be narrower."""
    dim, count, piece, last = file.numbers("4i")
    if (dim, count) != (width, pieces) or count < 1 or min(piece, last) < 1 or piece * (count - 1) + last != dim:
        raise ModelError("damaged quantiser")
    return [file.array("<f4", CENTROIDS, piece if index < count - 1 else last) for index in range(count)]


@njit(cache=True, nogil=True)
def _scan_entries(data: Array, at: int, words: int, starts: Array, counts: Array) -> int:
    """Measure each entry (word, 0, count, type) and return where the last one ends in the file; -1: damaged."""
    for entry in range(len(counts)):
        begin = at
        while at < len(data) and data[at] != 0:
            at += 1
        if at + ENTRY_BYTES > len(data) or data[at + 9] != (0 if entry < words else 1):
            return -1
        count = np.int64(0)
        for byte in range(8):
            count |= np.int64(data[at + 1 + byte]) << (8 * byte)
        if count < 0 or count > MAX_COUNT:
            return -1
        counts[entry] = count
        starts[entry + 1] = starts[entry] + at - begin
        at += ENTRY_BYTES
    return at


@njit(cache=True, nogil=True)
def _copy_spelling(entries: Array, starts: Array, spelling: Array) -> None:
    for entry in range(len(starts) - 1):
        begin = starts[entry] + entry * ENTRY_BYTES
        for index in range(starts[entry + 1] - starts[entry]):
            spelling[starts[entry] + index] = entries[begin + index]
