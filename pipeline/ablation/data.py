"""The text of an arm: found, identified by content, kept from the held-out documents, sampled to a budget.

Every choice (held out or not, sampled or not, in which order) follows from the hash of the text. So it depends neither
on file names nor on sharding, and a document that both arms have takes the same side and the same place in both.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ablation.files import read_rows, repeats_of
from pipeline.rows.batch import BoolArray
from pipeline.rows.document import content_hash, text_views

U64Array = np.ndarray[tuple[int], np.dtype[np.uint64]]
I64Array = np.ndarray[tuple[int], np.dtype[np.int64]]

HELDOUT_SHARE = 0.1
HELDOUT_SALT = 0x6865_6C64_6F75_74  # keeps the slice independent of the order in which documents are sampled


def hash_texts(texts: pa.StringArray) -> U64Array:
    digests = (hashlib.blake2b(view, digest_size=8).digest() for view in text_views(texts))
    return np.frombuffer(b"".join(digests), np.uint64)


def mix(values: U64Array) -> U64Array:
    """Spread the bits of each value over all 64 (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@dataclass(frozen=True)
class Arm:
    """The documents of one data set, in file order; the texts stay in the files."""

    files: tuple[Path, ...]
    hashes: U64Array
    """Of the text: repeats share it."""
    keys: U64Array
    """Of the text and which repeat of it this is: sampling and order follow it."""
    sizes: I64Array
    """UTF-8 bytes."""
    repeats: I64Array
    """How often a pass over the arm reads each row."""
    chosen: BoolArray
    """Documents that runs may train on."""
    shuffled: bool = False
    """Whether runs read the words of each document in another order: a control."""

    def texts(self, rows: BoolArray) -> Iterator[pa.StringArray]:
        """Batches of the texts of these rows."""
        batches = (batch.column("text") for batch in self.read(rows, []))
        return map(shuffle_words, batches) if self.shuffled else batches

    def read(self, rows: BoolArray, others: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Batches of these rows: their text, and those of the other columns that a file has."""
        start = 0
        for batch in read_rows(self.files, others):
            yield batch.filter(pa.array(rows[start : start + batch.num_rows]))
            start += batch.num_rows

    @property
    def chosen_bytes(self) -> int:
        return int(self.sizes[self.chosen].sum())

    def first(self, size: int, salt: int = 0) -> BoolArray:
        """Of the chosen rows a random sample of `size` bytes; the document that crosses the limit belongs to it."""
        order = np.argsort(mix(self.keys ^ np.uint64(salt)) if salt else self.keys, kind="stable")
        order = order[self.chosen[order]]
        rows = np.zeros(len(self.keys), np.bool_)
        rows[order[: np.searchsorted(np.cumsum(self.sizes[order]), size) + 1]] = True
        return rows

    @property
    def identity(self) -> str:
        """Hash of the chosen texts and their repeats, whatever files they lie in."""
        order = np.argsort(self.keys[self.chosen], kind="stable")
        keys, repeats = self.keys[self.chosen][order], self.repeats[self.chosen][order]
        return content_hash(keys.tobytes(), repeats.tobytes(), "shuffled" if self.shuffled else "")


def shuffle_words(texts: pa.StringArray) -> pa.StringArray:
    """The same words, each text's in an order that follows from the text."""
    result = []
    for text in texts.to_pylist():
        words = text.split()
        random.Random(text).shuffle(words)
        result.append(" ".join(words))
    return pa.array(result, pa.string())


def survey(files: Sequence[Path]) -> Arm:
    """Read all texts once; all of them are chosen but those with 0 repeats."""
    hashes, sizes, repeats = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for rows in read_rows(files, ["repeats"]):
        texts = rows.column("text")
        hashes.append(hash_texts(texts))
        sizes.append(pc.binary_length(texts).to_numpy().astype(np.int64))
        repeats.append(np.array(repeats_of(rows), np.int64))
    every, times = np.concatenate(hashes), np.concatenate(repeats)
    keys = mix(every + np.uint64(0x9E3779B97F4A7C15) * occurrences(every))
    return Arm(tuple(files), every, keys, np.concatenate(sizes), times, times > 0)


def occurrences(hashes: U64Array) -> U64Array:
    """For each value, how many equal ones come before it."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    position = np.arange(len(hashes), dtype=np.uint64)
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(hashes)]
    counts = np.empty(len(hashes), np.uint64)
    counts[order] = position - np.maximum.accumulate(np.where(starts, position, np.uint64(0)))
    return counts


def choose(arm: Arm, name: str, excluded: U64Array, size: int) -> Arm:
    """The arm with a random sample of about `size` bytes chosen, free of the excluded texts and of the slice.

    The slice stays out even where other documents are held out, so that both rulers measure the same models.
    """
    free = replace(arm, chosen=arm.chosen & ~(in_slice(arm.hashes) | np.isin(arm.hashes, excluded)))
    if not free.chosen.any():
        raise ValueError(f"the {name} has no documents to train on ({len(arm.hashes)} in all); give it more data")
    return replace(free, chosen=free.first(size))


def in_slice(hashes: U64Array) -> BoolArray:
    """Which texts are never trained on, so that they can be held out."""
    return mix(hashes ^ np.uint64(HELDOUT_SALT)) < np.uint64(int(HELDOUT_SHARE * 2**64))
