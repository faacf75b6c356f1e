"""Texts to train a classifier on: from files, or from the rows of the level's input that certain hosts published."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, model_validator

from pipeline.rows.document import text_views

BATCH_ROWS = 1000
HOST = r"^[a-zA-Z][a-zA-Z0-9+.\-]*://(?:[^/?#@]*@)?(?P<host>[^/:?#]+)"

Array = np.ndarray[Any, Any]

ReadTexts = Callable[[Iterable[str]], Iterator[pa.StringArray]]
"""The texts of files; L0's reader, which whoever starts a training hands in, since levels do not import each other."""
NO_KEYS = np.empty((0, 2), np.uint64)


class Seeds(BaseModel):
    """Texts of one class: files, or those rows of the level's input that come from certain hosts, or all others."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    paths: tuple[str, ...] = ()
    """.jsonl, .jsonl.gz or .parquet files with a `text` column; may hold wildcards."""
    hosts: tuple[str, ...] = ()
    """Host suffixes such as ".gov" or "wikipedia.org", matched against `url`."""
    rest: bool = False
    """The rows that the other class does not take."""

    @model_validator(mode="after")
    def _one_origin(self) -> Seeds:
        if bool(self.paths) + bool(self.hosts) + self.rest != 1:
            raise ValueError("seeds need exactly one of `paths`, `hosts` and `rest: true`")
        return self

    def files(self) -> list[str]:
        """The files that `paths` names, in order of name; a pattern that matches none is an error."""
        found = []
        for pattern in self.paths:
            # A name may hold brackets.
            matches = [pattern] if Path(pattern).is_file() else sorted(glob.glob(pattern, recursive=True))
            if not matches:
                raise FileNotFoundError(f"no seed file matches '{pattern}'; give a .jsonl, .jsonl.gz or .parquet file")
            found += matches
        return found


class Sample:
    """The `limit` texts with the smallest content hashes, each once: no order or worker count changes the choice.

    Memory and copying are bounded by the limit, however many texts are added.
    """

    def __init__(self, limit: int, seed: int) -> None:
        self._limit, self._seed = 2 * limit, seed  # twice: some may turn out to be in both classes
        self._parts: list[tuple[pa.LargeStringArray, Array]] = []
        """Texts and their keys."""
        self._size, self._bound = 0, np.uint64(np.iinfo(np.uint64).max)
        self.rows = 0

    def add(self, texts: pa.StringArray) -> None:
        texts = texts.filter(pc.greater(pc.binary_length(texts), 0))
        self.rows += len(texts)
        keys = content_keys(texts, self._seed)
        self._append(texts.cast(pa.large_string()), keys, keys[:, 0] <= self._bound)
        if self._size > 2 * self._limit:
            self._shrink()

    def texts(self) -> pa.LargeStringArray:
        """By rising hash; of 64-bit offsets, since 2 GB of text are soon reached."""
        self._shrink()
        if not self._parts:
            return pa.array([], pa.large_string())
        order = np.lexsort(np.concatenate([keys for _, keys in self._parts]).T[::-1])
        return pa.chunked_array([texts for texts, _ in self._parts]).take(pa.array(order)).combine_chunks()

    def _append(self, texts: pa.LargeStringArray, keys: Array, chosen: Array) -> None:
        if chosen.any():
            self._parts.append((texts.filter(pa.array(chosen)), keys[chosen]))
            self._size += int(chosen.sum())

    def _shrink(self) -> None:
        parts, self._parts, self._size = self._parts, [], 0
        keys, first = np.unique(np.concatenate([keys for _, keys in parts] or [NO_KEYS]), axis=0, return_index=True)
        if len(keys) >= self._limit:
            self._bound = keys[self._limit - 1, 0]
        stop = sum(len(part) for _, part in parts)
        chosen = np.zeros(stop, np.bool_)
        chosen[first[: self._limit]] = True
        while parts:  # freed one by one
            texts, part = parts.pop()
            self._append(texts, part, chosen[stop - len(part) : stop])
            stop -= len(part)


def in_batches(texts: pa.Array) -> Iterator[pa.StringArray]:
    """The texts, of offsets of any size, some at a time."""
    for start in range(0, len(texts), BATCH_ROWS):
        yield texts.slice(start, BATCH_ROWS).cast(pa.string())


def content_keys(texts: pa.Array, seed: int) -> Array:
    """uint64 (rows, 2): a hash of each text. The first half orders and chooses, the second decides who is held out."""
    key, views = seed.to_bytes(8, "little"), chain.from_iterable(map(text_views, in_batches(texts)))
    digests = b"".join(hashlib.blake2b(text, digest_size=16, key=key).digest() for text in views)
    return np.frombuffer(digests, "<u8").reshape(-1, 2)


def match_hosts(rows: pa.RecordBatch, patterns: tuple[str, ...]) -> pa.BooleanArray:
    """Whether each row's `url` lies on a host that equals a pattern or is below it."""
    matched = pa.array(np.zeros(len(rows), np.bool_))
    if patterns:
        hosts = pc.struct_field(pc.extract_regex(pc.fill_null(rows.column("url"), ""), HOST), "host")
        hosts = pc.fill_null(pc.utf8_lower(hosts), "")
        for pattern in patterns:
            bare = pattern.lower().lstrip(".")
            matched = pc.or_(matched, pc.or_(pc.equal(hosts, bare), pc.ends_with(hosts, "." + bare)))
    return matched
