"""The graph of near duplicates: from pairs to components, a partition at a time.

A node names a row: shard << 32 | row, int64.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.store.partitions import counted
from stages.l1_filter.duplicates.keep_policy import Array

CANDIDATES = "near_duplicates.candidates"
"""Counter of documents that share a bucket with another text, copies counted once."""
SETS_IN_MEMORY = 125_000
"""Documents of one component whose whole shingle sets are compared in one task: 0.5 GB at 1,000 words each.
In a larger component of n documents, one in n / SETS_IN_MEMORY of all shingles, the same ones in each document."""


def distinct_pairs(pairs: pa.Table) -> pa.Table:
    """Each pair once, under the shard and row of b: it may share several bands."""
    from pipeline.kernels.duplicates.components import changes

    a, b, copy = (pairs.column(name).to_numpy() for name in ("a", "b", "copy"))
    order = np.lexsort((copy, a, b))
    order = order[changes(a[order], b[order])]
    return pa.table({**shard_and_row(b[order]), "a": a[order], "copy": copy[order]})


def spanning_edges(edges: pa.Table) -> pa.Table:
    """Edges that connect what all edges connect, at most one per document: all of copies, and enough others."""
    from pipeline.kernels.duplicates.components import spanning_forest

    a, b, copy = _endpoints(edges)
    first = np.argsort(~copy, kind="stable")
    a, b, copy = a[first], b[first], copy[first]
    nodes, one, other = _numbered(a, b)
    joins = spanning_forest(one, other, len(nodes))
    return pa.table({"a": a[joins], "b": b[joins], "copy": copy[joins]})


def component_rows(forest: pa.Table) -> pa.Table:
    """One row per document with an edge: its component, and the share of shingles to compare there."""
    from pipeline.kernels.duplicates.components import components

    a, b, copy = _endpoints(forest)
    nodes, one, other = _numbered(a, b)
    root = components(one, other, len(nodes))
    holds = np.ones(len(nodes), np.bool_)
    holds[other[copy]] = False
    held = np.bincount(root[holds], minlength=len(nodes))[root]
    one_in = np.maximum(1, -(-held // SETS_IN_MEMORY)).astype(np.uint32)
    table = pa.table({**shard_and_row(nodes), "component": spread(nodes[root]), "one_in": one_in})
    counters = {
        CANDIDATES: int(np.count_nonzero(holds)),
        "near_duplicates.compared_on_a_sample": int(np.count_nonzero(one_in > 1)),
    }
    return counted(table, counters)


def _endpoints(edges: pa.Table) -> tuple[Array, Array, Array]:
    b = edges.column("b").to_numpy() if "b" in edges.column_names else nodes_of(edges)
    return edges.column("a").to_numpy(), b, edges.column("copy").to_numpy()


def _numbered(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """(nodes in order, the place of each a, the place of each b)"""
    from pipeline.kernels.duplicates.components import changes

    both = np.concatenate([a, b])
    order = np.argsort(both)  # np.unique and np.searchsorted take ten times as long on millions of scattered nodes
    fresh = changes(both[order])
    place = np.empty(len(both), np.int32 if len(both) < 1 << 31 else np.int64)
    place[order] = np.cumsum(fresh, dtype=place.dtype) - 1
    return both[order[fresh]], place[: len(a)], place[len(a) :]


def edges_of(edges: pa.Table, rows: Array) -> tuple[Array, pa.LargeListArray]:
    """(node that each row is a copy of or -1, its other candidates) for rows in order, from their edges."""
    row, a, copy = (edges.column(name).to_numpy() for name in ("row", "a", "copy"))
    copy = copy.astype(np.bool_)
    order = np.lexsort((-a, row))
    place, a, copy = np.searchsorted(rows, row[order]), a[order], copy[order]
    copy_of = np.full(len(rows), -1)
    copy_of[place[copy]] = a[copy]
    bounds = np.searchsorted(place[~copy], np.arange(len(rows) + 1))
    return copy_of, pa.LargeListArray.from_arrays(pa.array(bounds), pa.array(a[~copy]))


def nodes_of(rows: pa.Table) -> Array:
    shard, row = (rows.column(name).to_numpy() for name in ("shard", "row"))
    return np.asarray(shard.astype(np.int64) << 32 | row)


def shard_and_row(nodes: Array) -> dict[str, Array]:
    return {"shard": (nodes >> 32).astype(np.int32), "row": (nodes & 0xFFFFFFFF).astype(np.int32)}


def find(nodes: Array, wanted: Array) -> Array:
    """Where each wanted node lies in `nodes`."""
    order = np.argsort(nodes)
    return np.asarray(order[np.searchsorted(nodes, wanted, sorter=order)])


def spread(nodes: Array) -> Array:
    """uint64 keys, even over their range, from nodes."""
    keys = nodes.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (keys ^ (keys >> np.uint64(32))) * np.uint64(0xD1342543DE82EF95)
