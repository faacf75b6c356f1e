"""True Jaccard similarity of shingle sets, and clusters whose members all truly match their survivor."""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.duplicates.components import join, root
from pipeline.kernels.duplicates.shingles import Shingles
from pipeline.kernels.utf8 import Array


def shingle_sets(found: Shingles, one_in: Array | None = None) -> tuple[Array, Array]:
    """(hashes sorted and distinct per text, int64 offsets); of each set a sample (see `sample_of`)."""
    values = found.hashes.copy()
    for start, stop in zip(found.offsets[:-1].tolist(), found.offsets[1:].tolist(), strict=True):
        values[start:stop].sort()  # numpy's vectorised sort: eight times as fast as numba's
    return _distinct(values, found.offsets, one_in)


def sample_of(values: Array, offsets: Array, one_in: Array) -> tuple[Array, Array]:
    """(values, offsets) of the same sets, `values[offsets[i]:offsets[i + 1]]` sorted, cut to a sample.

    `one_in` (uint32 per set) keeps only the lowest 1 / one_in of the hash values, a sample that is the same for equal
    shingles, so that two sets of equal `one_in` still compare.
    """
    return _distinct(values.copy(), offsets, one_in) if (one_in > 1).any() else (values, offsets)


def _distinct(values: Array, bounds: Array, one_in: Array | None) -> tuple[Array, Array]:
    offsets = np.zeros_like(bounds)
    limits = np.full(len(bounds), 0xFFFFFFFF, np.uint32) if one_in is None else np.uint32(0xFFFFFFFF) // one_in
    _drop_repeats(values, bounds, limits, offsets)
    return values[: offsets[-1]], offsets


def jaccard(one: Array, other: Array) -> float:
    """Shared over all of two sorted sets of 32-bit hashes. Chance collisions add at most about n / 2^32 for n shingles.

    Two empty sets share nothing: 0.
    """
    return float(_jaccard(one, other, 0.0))


def greedy_clusters(
    values: Array, starts: Array, stops: Array, one: Array, other: Array, verify: float
) -> tuple[Array, Array, Array]:
    """(survivor, similarity to it, cluster) per text, texts given in survivor order, the best first.

    Text i has the set `values[starts[i]:stops[i]]`; (one, other) are pairs of candidates. In order, each text joins the
    first survivor of at least `verify` true similarity among its earlier candidates and the survivors that these
    joined; otherwise it survives. So nothing is removed through a chain of others. A cluster is what chains of such
    similarity connect, named by its first text; it can hold several survivors.
    """
    survivor, cluster = np.arange(len(starts)), np.arange(len(starts))
    similarity = np.ones(len(starts))
    later, earlier = np.maximum(one, other), np.minimum(one, other)
    order = np.lexsort((earlier, later))
    bounds = np.searchsorted(later[order], np.arange(len(starts) + 1))
    _greedy(values, starts, stops, earlier[order], bounds, verify, survivor, similarity, cluster)
    return survivor, similarity, cluster


@njit(cache=True, nogil=True)
def _drop_repeats(values, starts, limits, offsets):
    size = 0
    for text in range(len(starts) - 1):
        for place in range(starts[text], starts[text + 1]):
            if values[place] > limits[text]:
                break
            if size == offsets[text] or values[place] != values[size - 1]:
                values[size] = values[place]
                size += 1
        offsets[text + 1] = size


@njit(cache=True, nogil=True)
def _jaccard(one, other, least):
    """The similarity, or 0 as soon as the sizes alone rule out `least`."""
    if not len(one) or not len(other) or min(len(one), len(other)) < least * max(len(one), len(other)):
        return 0.0
    i = j = shared = 0
    while i < len(one) and j < len(other):
        a, b = one[i], other[j]
        shared += a == b
        i += a <= b
        j += b <= a
    return shared / (len(one) + len(other) - shared)


@njit(cache=True, nogil=True)
def _greedy(values, starts, stops, candidates, bounds, verify, survivor, similarity, cluster):
    for text in range(len(survivor)):
        mine = values[starts[text] : stops[text]]
        near = candidates[bounds[text] : bounds[text + 1]]
        for other in np.unique(survivor[near]):
            found = _jaccard(values[starts[other] : stops[other]], mine, verify)
            if found >= verify:
                survivor[text], similarity[text] = other, found
                join(cluster, other, text)
                break
        for other in near:
            apart = root(cluster, other) != root(cluster, text)
            if apart and _jaccard(values[starts[other] : stops[other]], mine, verify) >= verify:
                join(cluster, other, text)
    for text in range(len(cluster)):
        cluster[text] = root(cluster, text)
