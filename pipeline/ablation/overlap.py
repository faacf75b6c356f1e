"""How much of each held-out document also occurs in training text, by windows of 13 words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from pipeline.ablation.data import Arm, I64Array, U64Array
from pipeline.ablation.heldout import Domain
from pipeline.kernels.contamination.plain_words import plain_words, run_hashes

WINDOW = 13  # words; the size GPT-3 used to look for contamination
CONTAMINATED = 0.2  # Llama 2 calls a document clean below 20 %; single runs are shared boilerplate, not a copy


def without_overlap(domains: Sequence[Domain], arms: Iterable[Arm]) -> list[Domain]:
    """The domains without documents of which either arm's training text holds CONTAMINATED or more of the windows."""
    windows = [hash_windows(pa.array(domain.texts, pa.string())) for domain in domains]
    table = np.unique(np.concatenate([hashes for hashes, _ in windows]))
    shares = [np.zeros(len(domain.texts)) for domain in domains]
    for arm in arms:
        seen = _seen(table, arm)
        for share, (hashes, rows) in zip(shares, windows, strict=True):
            total = np.bincount(rows, minlength=len(share))
            hits = np.bincount(rows, seen[np.searchsorted(table, hashes)], minlength=len(share))
            np.maximum(share, hits / np.maximum(total, 1), out=share)
    return [domain.keep(share < CONTAMINATED) for domain, share in zip(domains, shares, strict=True)]


def _seen(table: U64Array, arm: Arm) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    seen = np.zeros(len(table), np.bool_)
    for texts in arm.texts(arm.chosen):
        hashes, _ = hash_windows(texts)
        if len(table) and len(hashes):
            position = np.minimum(np.searchsorted(table, hashes), len(table) - 1)
            seen[position[table[position] == hashes]] = True
    return seen


def hash_windows(texts: pa.StringArray) -> tuple[U64Array, I64Array]:
    """The hash of every run of 13 words, and the row it is in; words as L4's `contamination` sees them."""
    found = plain_words(texts)
    row = np.repeat(np.arange(len(texts)), np.diff(found.offsets))
    hashes, first = run_hashes(found.raws, row, WINDOW)
    return hashes, row[first]
