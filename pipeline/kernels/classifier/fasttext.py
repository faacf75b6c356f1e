"""Apply fastText classifiers without the library: from Arrow text to probabilities.

A fastText classifier is linear after the look-up: softmax(O · mean of the input rows). So O · row is computed once per
feature when the model is loaded, and a two-class model of 256 dimensions becomes one number per feature. Where a model
has more outputs than dimensions (language identification) its rows stay as they are and O is applied to the mean.

Every loss is covered. Probabilities carry the 1e-5 that the library adds, so that a threshold decides as it does there.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.classifier.fasttext_features import (
    Features,
    PieceFeatures,
    add_subwords_to_words,
    hash_table,
    piece_features,
    sum_features,
    sum_pieces,
)
from pipeline.kernels.classifier.fasttext_file import (
    HIERARCHICAL,
    SOFTMAX,
    Array,
    ModelError,
    ModelFile,
    read_model_file,
    spelled,
)
from pipeline.kernels.utf8 import text_buffers

OFFSET = 1e-5  # the library returns exp(log(p + 1e-5))
SIGMOID_LIMIT, SIGMOID_STEPS = 8, 512  # its sigmoid for one-vs-all is a table


@dataclass(frozen=True, eq=False)
class Classifier:
    """A loaded model; scoring changes nothing in it and releases the GIL."""

    labels: tuple[str, ...]
    features: Features
    loss: int
    outputs: Array | None
    """float32 (outputs, dimensions), or None where the rows already hold the outputs."""
    tree: Array | None
    """Hierarchical softmax: int32 (inner nodes, 2), the children of each; labels come before inner nodes."""

    def probabilities(self, texts: pa.StringArray) -> Array:
        """float32 (rows, labels): what the library gives for each text as one line, newlines taken for spaces.

        Of a text its first 4 MiB (`HEAD`) count, so that memory does not depend on the longest.

        A row is nan where the library gives nothing: a text without any known feature, not even the line's end.
        """
        sums, counts = self._nothing(len(texts))
        sum_features(*text_buffers(texts), self.features, sums, counts)
        return self._probabilities(sums, counts)

    def features_of(self, pieces: pa.StringArray) -> PieceFeatures:
        """What each of these pieces of text brings to a text, for `probabilities_of`."""
        return piece_features(*text_buffers(pieces), self.features)

    def probabilities_of(self, numbers: Array, begins: Array, pieces: PieceFeatures) -> Array:
        """What `probabilities` gives for texts of which text `i` is the pieces numbers[begins[i]:begins[i + 1]].

        Each piece is a word, several with spaces between them, or nothing; words do not go on in the next piece.
        """
        sums, counts = self._nothing(len(begins) - 1)
        sum_pieces(numbers, begins, pieces, self.features, sums, counts)
        return self._probabilities(sums, counts)

    def _nothing(self, texts: int) -> tuple[Array, Array]:
        return np.zeros((texts, self.features.rows.shape[1])), np.zeros(texts, np.int64)

    def _probabilities(self, sums: Array, counts: Array) -> Array:
        with np.errstate(invalid="ignore"):
            logits = sums / counts[:, None]
        if self.outputs is not None:
            logits = _project(logits, self.outputs)
        if self.tree is not None:
            return _leaves(logits, self.tree).astype(np.float32)
        probability = _softmax(logits) if self.loss == SOFTMAX else _table_sigmoid(logits)
        return (probability + OFFSET).astype(np.float32)

    def word_logits(self, label: str) -> tuple[list[str], Array]:
        """The vocabulary, and float32 (words): the log-odds of `label` for that word alone. Two classes only."""
        if self.loss != SOFTMAX or len(self.labels) != 2:
            raise ModelError(f"word logits exist for softmax with two labels; this model has {', '.join(self.labels)}")
        logits: Array = self.features.rows[: self.features.words, 0]
        words = spelled(self.features.spelling, self.features.starts[: self.features.words + 1])
        return words, logits if self.labels.index(label) == 1 else -logits


def load_classifier(path: str | os.PathLike[str]) -> Classifier:
    """The classifier in this file, loaded once per process and again if the file changes.

    Raises ModelError, in one line, if the file is not there, damaged, or no classifier.
    """
    path = Path(path)
    status = path.stat() if path.is_file() else None
    return _load(path, status.st_mtime_ns if status else 0, status.st_size if status else 0)


@functools.lru_cache(maxsize=8)
def _load(path: Path, modified_ns: int, size: int) -> Classifier:
    file = read_model_file(path)
    labels = len(file.outputs)
    tree, outputs = None, file.outputs
    if file.loss == HIERARCHICAL:
        tree, outputs = _tree(file.counts[file.words :]), outputs[: labels - 1]  # one per inner node
    elif file.loss == SOFTMAX and labels == 2:
        outputs = outputs[1:] - outputs[:1]  # the softmax of two is the sigmoid of their difference
    collapse = len(outputs) < file.matrix.width
    rows = np.empty((file.matrix.rows, len(outputs) if collapse else file.matrix.width), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit float32 is refused below
        for start, block in file.matrix.blocks():
            rows[start : start + len(block)] = _project(block, outputs) if collapse else block
    if not (np.isfinite(rows).all() and np.isfinite(outputs).all()):
        raise ModelError(f"{path}: some weights are no numbers; train it again with a lower learning rate")
    return Classifier(
        labels=tuple(spelled(file.spelling, file.starts[file.words :])),
        features=_features(file, rows),
        loss=file.loss,
        outputs=None if collapse else outputs,
        tree=tree,
    )


def _features(file: ModelFile, rows: Array) -> Features:
    slots, id_bits = hash_table(file.spelling, file.starts)
    features = Features(
        rows, np.ones(file.words, np.int32), slots, id_bits, file.spelling, file.starts, file.kept,
        np.packbits(file.kept >= 0, bitorder="little"),
        file.words, file.buckets, file.word_ngrams, file.minn, file.maxn,
    )  # fmt: skip
    if file.maxn > 0:
        add_subwords_to_words(features)
    return features


def _tree(counts: Array) -> Array:
    """The library's Huffman tree over the labels, which come by falling count."""
    labels = len(counts)
    count = [*counts.tolist(), *[10**15] * (labels - 1)]
    children = np.zeros((labels - 1, 2), np.int32)
    leaf, node = labels - 1, labels
    for made in range(labels, 2 * labels - 1):
        for side in range(2):
            if leaf >= 0 and count[leaf] < count[node]:
                children[made - labels, side], leaf = leaf, leaf - 1
            else:
                children[made - labels, side], node = node, node + 1
        if node > made:
            raise ModelError("the label counts are damaged; fetch the model again")
        count[made] = sum(count[child] for child in children[made - labels])
    return children


def _leaves(logits: Array, tree: Array) -> Array:
    """Probability of each label: the product of the decisions on the way from the root, the last inner node."""
    labels = len(tree) + 1
    right = _sigmoid(logits)
    probability = np.ones((len(logits), 2 * labels - 1))
    probability[np.isnan(logits[:, 0])] = np.nan
    for node in range(labels - 2, -1, -1):
        here = probability[:, labels + node]
        probability[:, tree[node, 0]] = here * (1 - right[:, node] + OFFSET)
        probability[:, tree[node, 1]] = here * (right[:, node] + OFFSET)
    return probability[:, :labels]


def _softmax(logits: Array) -> Array:
    if logits.shape[1] == 1:
        second = _sigmoid(logits)
        return np.concatenate([1 - second, second], axis=1)
    exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponent / exponent.sum(axis=1, keepdims=True))


def _sigmoid(logits: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -700, 700))))  # exp(710) overflows


def _table_sigmoid(logits: Array) -> Array:
    """The library's sigmoid: a step function of 512 steps between -8 and 8, and 0 or 1 outside."""
    per_unit = SIGMOID_STEPS / (2 * SIGMOID_LIMIT)
    step = np.floor((np.clip(logits, -SIGMOID_LIMIT, SIGMOID_LIMIT) + SIGMOID_LIMIT) * per_unit)
    value = np.where(logits < -SIGMOID_LIMIT, 0, _sigmoid(step / per_unit - SIGMOID_LIMIT))
    return np.where(logits > SIGMOID_LIMIT, 1, value)


@njit(cache=True, nogil=True)
def _project(rows: Array, outputs: Array) -> Array:
    """rows · outputsᵀ, each sum in order and in float64: a BLAS would give other last digits on another machine."""
    result = np.empty((rows.shape[0], outputs.shape[0]))
    for row in range(rows.shape[0]):
        for output in range(outputs.shape[0]):
            total = 0.0
            for index in range(rows.shape[1]):
                total += np.float64(rows[row, index]) * np.float64(outputs[output, index])
            result[row, output] = total
    return result
