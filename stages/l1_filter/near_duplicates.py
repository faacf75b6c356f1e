"""Keep one of all documents that share most of their word n-grams.

Found by MinHash bands, then checked: a document is dropped only if its true Jaccard similarity to the document that
stays reaches `verify`. Nothing is dropped through a chain of others, so a page template cannot wipe out a source.

| rule      | value                                   | threshold |
|-----------|-----------------------------------------|-----------|
| near_copy | true similarity to the document kept    | verify    |

| column       | type  | meaning                                                                 |
|--------------|-------|-------------------------------------------------------------------------|
| cluster_size | int32 | documents that this one stands for, itself included; null if it is alone |

Clusters: one row for each document that is connected to another by similarity of at least `verify`. `cluster` is the
id of the best of all that are so connected, `kept_id` the document that stays for this one, `similarity` to that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from pipeline.batch import Batch
from pipeline.step import GroupingStep

if TYPE_CHECKING:  # the kernels bring numba, which takes a second to import; so methods import them
    from pipeline.grouping import Grouping
    from pipeline.kernels.shingles import Array, HashName, Shingles

PRESETS = {
    "fineweb": (14, 8),  # huggingface/datatrove examples/fineweb.py: 92 % of pairs at similarity 0.8
    "strict": (26, 11),  # Dolma 3: 90 % at 0.8, 40 % at 0.7
}
HASHES: dict[str, HashName] = {"fast": "fast", "datasketch": "sha1"}
CLUSTER_SIZE = pa.field("cluster_size", pa.int32())
SETS = pa.schema(
    [
        pa.field("key", pa.uint64()),
        pa.field("row", pa.int32()),
        pa.field("quality", pa.uint64()),
        pa.field("id", pa.string()),
        pa.field("copy_of", pa.int64()),
        pa.field("candidates", pa.large_list(pa.int64())),
        pa.field("shingles", pa.large_list(pa.uint32())),
    ]
)
ISO_DATE = (
    r"^(?P<year>[0-3]\d{3})-(?P<month>0\d|1[0-2])-(?P<day>[0-2]\d|3[01])"
    r"(?:[T ](?P<hour>[01]\d|2[0-4]):(?P<minute>[0-5]\d))?"
)
LAST = np.uint64((1 << 32) - 1)
SETS_IN_MEMORY = 500_000
"""Documents of one component whose whole shingle sets are compared in one task: about 2 GB at 1,000 words each.
In a larger component of n documents, one in n / SETS_IN_MEMORY of all shingles, the same ones in each document."""


class NearDuplicates(GroupingStep):
    """Drop near copies: documents whose sets of word n-grams overlap by `verify` or more.

    `keep` says which one stays: the `longest` in bytes, the `oldest` or `newest` by an ISO date (rows without one come
    last), or the `first` by id. Ties: the smallest id, then content order. `verify: null` drops all but one of
    whatever the bands connect, as FineWeb does.
    """

    kind: Literal["near_duplicates"] = "near_duplicates"
    writes_clusters: ClassVar[bool] = True
    ngram: int = Field(5, ge=1, description="words a shingle")
    bands: int = Field(14, ge=1, le=255)
    rows: int = Field(8, ge=1, description="hashes a band")
    preset: Literal["fineweb", "strict"] | None = Field(None, description="14 x 8 or 26 x 11; sets bands and rows")
    seed: int = Field(1, ge=0, lt=1 << 32)
    verify: float | None = Field(0.8, gt=0, le=1, description="least true similarity; null: trust the bands")
    scheme: Literal["fast", "datasketch"] = Field("fast", description="datasketch: signatures equal to that library's")
    keep: Literal["longest", "oldest", "newest", "first"] = "longest"
    bucket_cap: int = Field(8, ge=1, description="members of a bucket that are all compared with each other")

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("preset") not in PRESETS:
            return values
        bands, rows = PRESETS[values["preset"]]
        return {"bands": bands, "rows": rows, **values}

    @model_validator(mode="after")
    def _agree_with_preset(self) -> Self:
        if self.preset and (self.bands, self.rows) != PRESETS[self.preset]:
            raise ValueError(
                f"preset '{self.preset}' means {PRESETS[self.preset][0]} bands of {PRESETS[self.preset][1]} rows, "
                f"not {self.bands} of {self.rows}; leave out the preset or bands and rows"
            )
        return self

    def columns(self) -> tuple[pa.Field, ...]:
        return (CLUSTER_SIZE,)

    def group(self, grouping: Grouping) -> None:
        bands = grouping.map("bands", self.band_rows)
        pairs = grouping.reduce("pairs", self.candidate_pairs, bands)
        edges = grouping.reduce("edges", self.distinct_pairs, pairs)
        members = grouping.collect("components", self.component_rows, edges)
        sets = grouping.map("sets", self.member_sets, side=members)
        grouping.decide(grouping.reduce("clusters", self.decisions, sets))

    def band_rows(self, batch: Batch, _: pa.Table | None) -> pa.Table:
        """One row per document and band: its bucket, a hash of all its shingles, and about its survivor order."""
        from pipeline.kernels.minhash import band_keys, signatures

        found = self._shingles(batch.text)
        rows = np.flatnonzero(np.diff(found.offsets)).astype(np.int32)  # a text without words has nothing to compare
        keys = band_keys(signatures(found, self.bands * self.rows, self.seed)[rows], self.bands)
        order = (self._quality(batch) << np.uint64(32)) | _id_prefix(batch.column("id"))
        return pa.table(
            {
                "key": keys.ravel(),
                "row": np.repeat(rows, self.bands),
                "content": np.repeat(found.contents[rows], self.bands),
                "order": np.repeat(order[rows], self.bands),
            }
        )

    def candidate_pairs(self, keys: pa.Table) -> pa.Table:
        """Pairs (a, b) of documents that share a bucket, as nodes; `copy` if all their shingles agree."""
        from pipeline.kernels.components import candidate_pairs

        key, content, order = (keys.column(name).to_numpy() for name in ("key", "content", "order"))
        a, b, copy = candidate_pairs(key, content, order, _nodes(keys), self.bucket_cap)
        return pa.table({"key": _spread(a ^ _spread(b).view(np.int64)), "a": a, "b": b, "copy": copy})

    def distinct_pairs(self, pairs: pa.Table) -> pa.Table:
        """Each pair once: it may share several bands."""
        from pipeline.kernels.components import changes

        a, b, copy = (pairs.column(name).to_numpy() for name in ("a", "b", "copy"))
        order = np.lexsort((a, b))
        order = order[changes(a[order], b[order])]
        return pa.table({"a": a[order], "b": b[order], "copy": copy[order]})

    def component_rows(self, edges: pa.Table) -> pa.Table:
        """One row per document with an edge: its component, whose copy it is, and its candidates."""
        from pipeline.kernels.components import components

        a, b, copy = (edges.column(name).to_numpy() for name in ("a", "b", "copy"))
        nodes = np.unique(np.concatenate([a, b]))
        first, second = np.searchsorted(nodes, a), np.searchsorted(nodes, b)
        root = components(first, second, len(nodes))
        copy_of = np.full(len(nodes), -1)
        copy_of[second[copy]] = a[copy]
        held = np.bincount(root[copy_of < 0], minlength=len(nodes))[root]
        a, second = a[~copy], second[~copy]
        by_second = np.argsort(second, kind="stable")
        bounds = np.searchsorted(second[by_second], np.arange(len(nodes) + 1))
        return pa.table(
            {
                "shard": (nodes >> 32).astype(np.int32),
                "row": (nodes & 0xFFFFFFFF).astype(np.int32),
                "component": _spread(nodes[root]),
                "one_in": np.maximum(1, -(-held // SETS_IN_MEMORY)).astype(np.uint32),
                "copy_of": copy_of,
                "candidates": pa.LargeListArray.from_arrays(pa.array(bounds), a[by_second]),
            }
        )

    def member_sets(self, batch: Batch, members: pa.Table | None) -> pa.Table:
        """The members' shingle sets (empty for copies and where nothing is verified), with component as key."""
        from pipeline.kernels.jaccard import shingle_sets

        if members is None or not members.num_rows:
            return SETS.empty_table()
        rows = members.column("row").to_numpy()
        holds = (members.column("copy_of").to_numpy() < 0) & (self.verify is not None)
        found = self._shingles(batch.text.take(pa.array(rows[holds])))
        values, offsets = shingle_sets(found, members.column("one_in").to_numpy()[holds])
        sizes = np.zeros(len(rows) + 1, np.int64)
        sizes[1:][holds] = np.diff(offsets)
        columns = {
            "key": members.column("component"),
            "row": members.column("row"),
            "quality": self._quality(batch)[rows],
            "id": batch.column("id").take(pa.array(rows)),
            "copy_of": members.column("copy_of"),
            "candidates": members.column("candidates"),
            "shingles": pa.LargeListArray.from_arrays(pa.array(np.cumsum(sizes)), values),
        }
        return pa.table(columns, schema=SETS)

    def decisions(self, sets: pa.Table) -> pa.Table:
        """One row per document of a cluster of two or more."""
        from pipeline.kernels.components import changes

        order = pc.sort_indices(sets, [(name, "ascending") for name in ("key", "quality", "id", "shard", "row")])
        rows = sets.drop_columns(["candidates", "shingles"]).take(order)
        if self.verify is None:
            fresh = changes(rows.column("key").to_numpy())
            survivor = cluster = np.maximum.accumulate(np.where(fresh, np.arange(len(fresh)), 0))
            similarity = np.full(len(fresh), np.nan)
        else:
            survivor, similarity, cluster = self._verified(rows, sets, order.to_numpy())
        return _decisions(rows, survivor, similarity, cluster, self.verify)

    def _verified(self, rows: pa.Table, sets: pa.Table, order: Array) -> tuple[Array, Array, Array]:
        """(survivor, similarity to it, cluster) per row, as positions; copies share one set and go together."""
        from pipeline.kernels.jaccard import greedy_clusters

        node, copy_of = _nodes(rows), rows.column("copy_of").to_numpy()
        holder = _find(node, np.where(copy_of < 0, node, copy_of))  # the row that holds the shingles
        holders, best = np.unique(holder, return_index=True)
        groups = np.argsort(best)  # a group of copies stands where its best member stands
        place = np.empty(len(node), np.int64)
        place[holders[groups]] = np.arange(len(groups))
        chosen = order[holders[groups]]
        lists = pa.concat_arrays(sets.column("shingles").chunks)
        near = pa.concat_arrays(sets.column("candidates").chunks)
        offsets = lists.offsets.to_numpy()
        survivor, similarity, cluster = greedy_clusters(
            lists.values.to_numpy(),
            offsets[:-1][chosen],
            offsets[1:][chosen],
            place[_find(node, _nodes(sets).repeat(near.value_lengths()))],
            place[_find(node, near.flatten().to_numpy())],
            self.verify or 0.0,
        )
        mine, head = place[holder], best[groups]
        return head[survivor[mine]], similarity[mine], head[cluster[mine]]

    def _shingles(self, texts: pa.StringArray) -> Shingles:
        from pipeline.kernels.shingles import shingles

        return shingles(texts, self.ngram, HASHES[self.scheme])

    def _quality(self, batch: Batch) -> Array:
        """uint64 below 2^32 per row; the smallest stays."""
        if self.keep == "longest":
            sizes: Array = pc.fill_null(pc.binary_length(batch.text), 0).to_numpy().astype(np.uint64)
            return LAST - sizes
        if self.keep == "first":
            return np.zeros(len(batch), np.uint64)
        minutes = _minutes(batch.column("date"))
        return np.where(minutes == 0, LAST, minutes if self.keep == "oldest" else LAST - minutes)


def _decisions(rows: pa.Table, survivor: Array, similarity: Array, cluster: Array, verify: float | None) -> pa.Table:
    """What to write for rows of known survivor and cluster, given as positions; clusters of one are left out."""
    size = np.bincount(survivor, minlength=len(survivor))[survivor]
    member = np.flatnonzero(np.bincount(cluster, minlength=len(cluster))[cluster] > 1)
    stays = survivor[member] == member
    ids = rows.column("id")
    similar = np.where(stays, 1.0, similarity[member])
    nothing = stays | np.isnan(similar)
    return pa.table(
        {
            "shard": rows.column("shard").take(pa.array(member)),
            "row": rows.column("row").take(pa.array(member)),
            "rule": pa.array(np.full(len(member), "near_copy", object), pa.string(), mask=stays),
            "value": pa.array(similar, mask=nothing),
            "threshold": pa.array(np.full(len(member), verify or np.nan), mask=nothing),
            "id": ids.take(pa.array(member)),
            "cluster": ids.take(pa.array(cluster[member])),
            "kept_id": ids.take(pa.array(survivor[member])),
            "similarity": pa.array(similar, mask=np.isnan(similar)),
            "cluster_size": pa.array(size[member].astype(np.int32), mask=~stays),
        }
    )


def _nodes(rows: pa.Table) -> Array:
    shard, row = (rows.column(name).to_numpy() for name in ("shard", "row"))
    return np.asarray(shard.astype(np.int64) << 32 | row)


def _find(nodes: Array, wanted: Array) -> Array:
    """Where each wanted node lies in `nodes`."""
    order = np.argsort(nodes)
    return np.asarray(order[np.searchsorted(nodes, wanted, sorter=order)])


def _spread(nodes: Array) -> Array:
    """uint64 keys, even over their range, from nodes."""
    keys = nodes.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (keys ^ (keys >> np.uint64(32))) * np.uint64(0xD1342543DE82EF95)


def _id_prefix(ids: pa.StringArray) -> Array:
    """uint64 below 2^32 per id: its first four bytes as a number, so that numbers sort as ids do."""
    from pipeline.kernels.shingles import text_buffers

    data, offsets = text_buffers(ids)
    places = offsets[:-1, None] + np.arange(4)
    digits = np.where(places < offsets[1:, None], data[np.minimum(places, len(data) - 1)], 0)
    return digits.astype(np.uint64) @ np.array([1 << 24, 1 << 16, 1 << 8, 1], np.uint64)


def _minutes(dates: pa.StringArray) -> Array:
    """uint64 per ISO date, larger for later; 0 where there is none."""
    parts = pc.extract_regex(dates, ISO_DATE)
    total = np.zeros(len(dates), np.uint64)
    for name, bits in (("year", 12), ("month", 4), ("day", 5), ("hour", 5), ("minute", 6)):
        digits = pc.struct_field(parts, name)
        number = pc.fill_null(pc.if_else(pc.equal(digits, ""), "0", digits), "0").cast(pa.uint64())
        total = total << np.uint64(bits) | number.to_numpy()
    return total
