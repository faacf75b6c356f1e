"""From bucket keys to candidate pairs, and from pairs to connected components.

A node names a row: shard << 32 | row, int64.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pipeline.kernels.utf8 import Array


def shared_keys(key: Array) -> Array:
    """Positions, in order of key, of the rows whose key occurs more than once."""
    order = np.argsort(key)
    many = np.zeros(len(key) + 1, np.bool_)
    many[1:-1] = key[order[1:]] == key[order[:-1]]
    return order[many[1:] | many[:-1]]


def changes(*columns: Array) -> Array:
    """True where a row differs from the one before in any column, and for the first."""
    fresh = np.zeros(len(columns[0]), np.bool_)
    fresh[:1] = True
    for column in columns:
        fresh[1:] |= column[1:] != column[:-1]
    return fresh


def candidate_pairs(
    key: Array, content: Array, order: Array, node: Array, cap: int, first_old: int = 1 << 62
) -> tuple[Array, Array, Array, Array]:
    """(a, b, copy, sizes) for rows that share a key: nodes of the pair, the better in `order` first.

    Rows of one key and content are copies: each is paired with the best of them, `copy` is true, and that one stands
    for all in pairs of different content. These stand in order in their bucket (`sizes`: how many, per bucket). Each is
    paired with all before it if they are fewer than `cap`, else with the first and the one before it, so the number
    of pairs stays linear, and what comes later changes no earlier pair.

    Nodes from `first_old` on belong to earlier levels: they come first, and no pair has two of them. The best copy of
    an old row is paired with it as if it were different.
    """
    old = node >= first_old
    rows = shared_keys(key)
    rows = rows[np.lexsort((node[rows], order[rows], ~old[rows], content[rows], key[rows]))]
    fresh = changes(key[rows], content[rows])
    best = changes(key[rows], content[rows], old[rows])
    head = rows[np.maximum.accumulate(np.where(best, np.arange(len(rows)), 0))]
    heads = rows[fresh]
    heads = heads[np.lexsort((node[heads], order[heads], ~old[heads], key[heads]))]
    starts = np.append(np.flatnonzero(changes(key[heads])), len(heads))
    a, b = _bucket_pairs(node[heads], starts, cap)
    best_new = np.flatnonzero(best & ~fresh)  # those before it are old
    a, b = np.concatenate([a, node[head[best_new - 1]]]), np.concatenate([b, node[rows[best_new]]])
    copies = np.count_nonzero(~best)
    copy = np.arange(len(a) + copies) >= len(a)
    a, b = np.concatenate([a, node[head[~best]]]), np.concatenate([b, node[rows[~best]]])
    chosen = b < first_old
    return a[chosen], b[chosen], copy[chosen], np.diff(starts)


def components(first: Array, second: Array, count: int) -> Array:
    """int64 per node 0…count-1: the smallest node that the edges (first, second) connect it to."""
    parent = np.arange(count)
    _connect(first, second, parent)
    return parent


def spanning_forest(first: Array, second: Array, count: int) -> Array:
    """True for the edges that join what the edges before them leave apart."""
    joins = np.empty(len(first), np.bool_)
    _span(first, second, np.arange(count), joins)
    return joins


def _bucket_pairs(nodes: Array, starts: Array, cap: int) -> tuple[Array, Array]:
    sizes = np.diff(starts)
    inside = np.minimum(sizes, cap)
    counts = inside * (inside - 1) // 2 + 2 * (sizes - inside) - ((cap == 1) & (sizes > cap))
    a, b = np.empty((2, int(counts.sum())), np.int64)
    _fill_pairs(nodes, starts, cap, a, b)
    return a, b


@njit(cache=True, nogil=True)
def _fill_pairs(nodes, starts, cap, a, b):
    pair = 0
    for bucket in range(len(starts) - 1):
        start, stop = starts[bucket], starts[bucket + 1]
        for later in range(start + 1, stop):
            close = start if later - start < cap else later - 1
            if close > start:
                a[pair], b[pair] = nodes[start], nodes[later]
                pair += 1
            for earlier in range(close, later):
                a[pair], b[pair] = nodes[earlier], nodes[later]
                pair += 1


@njit(cache=True, nogil=True)
def _span(first, second, parent, joins):
    for edge in range(len(first)):
        one, other = root(parent, first[edge]), root(parent, second[edge])
        joins[edge] = one != other
        parent[max(one, other)] = min(one, other)


@njit(cache=True, nogil=True)
def _connect(first, second, parent):
    for edge in range(len(first)):
        join(parent, first[edge], second[edge])
    for node in range(len(parent)):
        parent[node] = root(parent, node)


@njit(cache=True, nogil=True)
def join(parent, one, other):
    """Union of two sets of a forest in which the smallest node is the root."""
    a, b = root(parent, one), root(parent, other)
    parent[max(a, b)] = min(a, b)


@njit(cache=True, nogil=True)
def root(parent, node):
    """The smallest node of the node's set; halves the path on the way."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node
