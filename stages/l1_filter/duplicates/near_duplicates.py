"""Keep one of all documents that share most of their word n-grams.

Found by MinHash bands, then checked: a document is dropped only if its true Jaccard similarity to the document that
stays reaches `verify`. Numbers are words like others in both, so that two tables of scores or prices are two documents;
only where nothing is checked (`verify: null`) each counts as `0`, as with FineWeb. Nothing is dropped through a chain
of others, so a page template cannot wipe out a source.

| rule      | value                                   | threshold |
|-----------|-----------------------------------------|-----------|
| near_copy | true similarity to the document kept    | verify    |

| column       | type  | meaning                                                                  |
|--------------|-------|--------------------------------------------------------------------------|
| cluster_size | int32 | documents that this one stands for, itself included; null if it is alone |
| repeat       | int32 | FineWeb2's weight for that size, null for 1; only with `repeat: true`    |

Index (`index: true`), per document: band keys, hash of its shingles, survivor, and the survivors' shingle sets.

Clusters: one row for each document that is connected to another by similarity of at least `verify`. `cluster` is the
id of the best of all that are so connected, `kept_id` the document that stays for this one, `similarity` to that one.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from pipeline.rows.batch import Batch
from stages.l1_filter.duplicates.keep_policy import NO_PARTS, Array, DuplicatesStep
from stages.l1_filter.duplicates.near_graph import (
    CANDIDATES,
    component_rows,
    distinct_pairs,
    edges_of,
    find,
    nodes_of,
    spanning_edges,
    spread,
)
from stages.l1_filter.duplicates.near_index import PARTS, SETS, earlier_band_rows, earlier_sets
from stages.l1_filter.duplicates.near_plan import BAND_ROW_BYTES, components_memory, plan, set_row_bytes

if TYPE_CHECKING:  # the kernels bring numba, which takes a second to import; so methods import them
    from pipeline.kernels.duplicates.shingles import HashName, Shingles
    from pipeline.run.grouping import Grouping

PRESETS = {
    "fineweb": (14, 8),  # huggingface/datatrove examples/fineweb.py: 92 % of pairs at similarity 0.8
    "strict": (26, 11),  # Dolma 3: 90 % at 0.8, 40 % at 0.7
}
HASHES: dict[str, HashName] = {"fast": "fast", "datasketch": "sha1"}
CLUSTER_SIZE, REPEAT = pa.field("cluster_size", pa.int32()), pa.field("repeat", pa.int32())
REPEAT_FROM, REPEATS = np.array([1, 2, 3, 5, 100, 1000]), np.array([1, 2, 3, 5, 8, 1])
"""How often to repeat a document from which cluster size on: huggingface/fineweb-2 README."""


class NearDuplicates(DuplicatesStep):
    """Drop near copies: documents whose sets of word n-grams overlap by `verify` or more.

    Which one stays: see `keep` and `sources`. `verify: null` drops all but one of whatever the bands connect, as
    FineWeb does.
    """

    same: ClassVar[tuple[str, ...]] = ("ngram", "bands", "rows", "seed", "scheme", "folds_numbers")

    kind: Literal["near_duplicates"] = "near_duplicates"
    ngram: int = Field(5, ge=1, description="words a shingle")
    bands: int = Field(14, ge=1, le=255)
    rows: int = Field(8, ge=1, description="hashes a band")
    preset: Literal["fineweb", "strict"] | None = Field(None, description="14 x 8 or 26 x 11; sets bands and rows")
    seed: int = Field(1, ge=0, lt=1 << 32)
    verify: float | None = Field(0.8, gt=0, le=1, description="least true similarity; null: trust the bands")
    scheme: Literal["fast", "datasketch"] = Field("fast", description="datasketch: signatures equal to that library's")
    keep: Literal["longest", "oldest", "newest", "first", "best"] = "longest"
    bucket_cap: int = Field(8, ge=1, description="members of a bucket that are all compared with each other")
    repeat: bool = Field(False, description="also write how often FineWeb2 would repeat the survivor")

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

    @property
    def folds_numbers(self) -> bool:
        """Is each number one word, as with FineWeb? Not where similarity is what the reader of a page would call so."""
        return self.verify is None

    def identity(self) -> dict[str, Any]:
        """With `folds_numbers`, in which an earlier index must agree."""
        return {**super().identity(), "folds_numbers": self.folds_numbers}

    def columns(self) -> tuple[pa.Field, ...]:
        return (CLUSTER_SIZE, REPEAT) if self.repeat else (CLUSTER_SIZE,)

    def space(self, rows: int, text_bytes: float) -> tuple[int, int]:
        verifies = self.verify is not None
        found = plan(rows, text_bytes, self.bands, candidates=0.0, kept=0.0, verify=verifies, index=self.index)
        return found.disk, found.memory

    def group(self, grouping: Grouping) -> None:
        first_part, earlier = self.add_earlier(grouping)
        text_bytes = grouping.text_bytes_per_row()
        known = sum(part.rows for part in grouping.parts)
        verifies = self.verify is not None
        planned = partial(plan, grouping.rows, text_bytes, self.bands, verify=verifies, index=self.index, earlier=known)
        grouping.require(self.kind, *planned(candidates=0.0, kept=0.0)[:2])
        set_bytes = set_row_bytes(text_bytes if self.verify else 0)
        band_bytes = BAND_ROW_BYTES * self.bands
        bands = grouping.map("bands", self.band_rows, bytes_per_row=band_bytes)
        if earlier:
            of_part = partial(earlier_band_rows, earlier=earlier, first_part=first_part)
            bands += grouping.map_parts("bands", of_part, bytes_per_row=band_bytes)
        pairs = grouping.reduce("pairs", partial(self.candidate_pairs, first_part=first_part), bands)
        edges = grouping.reduce("edges", distinct_pairs, pairs)
        forest = grouping.tree("forest", spanning_edges, edges)
        grouping.require(f"{self.kind}: components", memory=components_memory(grouping.size(forest)))
        labels = grouping.collect("components", component_rows, forest)
        share = grouping.counters.get(CANDIDATES, 0) / max(1, grouping.rows)
        grouping.require(f"{self.kind}: shingle sets", *planned(candidates=share, kept=1 - share)[:2])
        sets = grouping.map("sets", self.member_sets, side=labels + edges, bytes_per_row=set_bytes)
        if earlier:
            sets += grouping.map_parts("sets", earlier_sets, side=labels, bytes_per_row=set_bytes)
        clusters = grouping.reduce("clusters", partial(self.decisions, first_part=first_part), sets)
        grouping.decide(clusters)
        if self.index:
            rows = partial(self.index_rows, shards=len(grouping.shards), earlier=earlier)
            grouping.index(self.kind, rows, side=clusters)

    def band_rows(self, batch: Batch, _: pa.Table | None) -> pa.Table:
        """One row per document and band: its bucket, a hash of all its shingles, and about its survivor order."""
        from pipeline.kernels.duplicates.minhash import band_keys, signatures
        from pipeline.store.partitions import counted

        found = self._shingles(batch.text)
        rows = np.flatnonzero(np.diff(found.offsets)).astype(np.int32)  # a text without words has nothing to compare
        keys = band_keys(signatures(found, self.bands * self.rows, self.seed)[rows], self.bands)
        order = self.order(self.quality(batch), batch.column("id"))
        table = pa.table(
            {
                "key": keys.ravel(),
                "row": np.repeat(rows, self.bands),
                "content": np.repeat(found.contents[rows], self.bands),
                "order": np.repeat(order[rows], self.bands),
            }
        )
        return counted(table, self.dates_missing(batch))

    def candidate_pairs(self, keys: pa.Table, first_part: int = NO_PARTS) -> pa.Table:
        """Pairs (a, b) of documents that share a bucket, as nodes; `copy` if all their shingles agree."""
        from pipeline.kernels.duplicates.components import candidate_pairs
        from pipeline.store.partitions import counted

        key, content, order = (keys.column(name).to_numpy() for name in ("key", "content", "order"))
        a, b, copy, sizes = candidate_pairs(key, content, order, nodes_of(keys), self.bucket_cap, first_part << 32)
        large = sizes[sizes > self.bucket_cap]
        beyond = int((large - self.bucket_cap).sum())
        counters = {f"{self.kind}.capped_buckets": len(large), f"{self.kind}.memberships_beyond_the_cap": beyond}
        table = pa.table({"key": spread(a ^ spread(b).view(np.int64)), "a": a, "b": b, "copy": copy})
        return counted(table, counters)

    def member_sets(self, batch: Batch, side: pa.Table | None) -> pa.Table:
        """The members' shingle sets (empty for copies and where nothing is verified), with component as key.

        `side`: a row of `component_rows` per member, and the members' edges of `distinct_pairs`.
        """
        from pipeline.kernels.duplicates.jaccard import shingle_sets

        if side is None or not side.num_rows:
            return SETS.empty_table()
        members = side.filter(side.column("component").is_valid()).sort_by("row")
        rows = members.column("row").to_numpy()
        copy_of, candidates = edges_of(side.filter(side.column("a").is_valid()), rows)
        holds = (copy_of < 0) & (self.verify is not None)
        found = self._shingles(batch.text.take(pa.array(rows[holds])))
        values, offsets = shingle_sets(found, members.column("one_in").to_numpy()[holds])
        sizes = np.zeros(len(rows) + 1, np.int64)
        sizes[1:][holds] = np.diff(offsets)
        columns = {
            "key": members.column("component"),
            "row": members.column("row"),
            "quality": self.quality(batch)[rows],
            "id": batch.column("id").take(pa.array(rows)),
            "copy_of": copy_of,
            "candidates": candidates,
            "shingles": pa.LargeListArray.from_arrays(pa.array(np.cumsum(sizes)), values),
        }
        return pa.table(columns, schema=SETS)

    def decisions(self, sets: pa.Table, first_part: int = NO_PARTS) -> pa.Table:
        """One row per document of a cluster of two or more, those of earlier levels left out."""
        from pipeline.kernels.duplicates.components import changes

        new = sets.column("shard").to_numpy() < first_part
        sets = sets.append_column("new", pa.array(new.astype(np.int8)))
        names = ("key", "new", "quality", "id", "shard", "row")
        order = pc.sort_indices(sets, [(name, "ascending") for name in names])
        rows = sets.drop_columns(["candidates", "shingles"]).take(order)
        if self.verify is None:
            fresh = changes(rows.column("key").to_numpy())
            survivor = cluster = np.maximum.accumulate(np.where(fresh, np.arange(len(fresh)), 0))
            similarity = np.full(len(fresh), np.nan)
        else:
            survivor, similarity, cluster = self._verified(rows, sets, order.to_numpy())
        found = self._decisions(rows, survivor, similarity, cluster)
        return found.filter(pc.less(found.column("shard"), first_part)) if first_part < NO_PARTS else found

    def index_rows(
        self, batch: Batch, decided: pa.Table | None, shards: int, earlier: list[tuple[str, int]]
    ) -> pa.Table:
        """What a later level needs to know of each document that has words: see docs/duplicates.md."""
        from pipeline.kernels.duplicates.jaccard import shingle_sets
        from pipeline.kernels.duplicates.minhash import band_keys, signatures

        found = self._shingles(batch.text)
        rows = np.flatnonzero(np.diff(found.offsets)).astype(np.int32)
        keys = band_keys(signatures(found, self.bands * self.rows, self.seed)[rows], self.bands)
        kept = np.full((len(batch), 2), -1)
        if decided is not None and decided.num_rows:
            gone = decided.filter(decided.column("rule").is_valid())
            kept[gone.column("row").to_numpy()] = np.column_stack(
                [gone.column(name).to_numpy() for name in ("kept_shard", "kept_row")]
            )
        stays = kept[:, 0] < 0
        values, offsets = shingle_sets(self._shingles(pc.if_else(pa.array(stays), batch.text, "")))
        quality, ids = self.quality(batch), batch.column("id")
        bounds = np.append(offsets[rows], offsets[-1])  # a text without words takes no values
        table = pa.table(
            {
                "row": rows,
                "id": pc.if_else(pa.array(stays), ids, None).take(pa.array(rows)),
                "content": found.contents[rows],
                "quality": quality[rows],
                "order": self.order(quality, ids)[rows],
                "kept_shard": kept[rows, 0].astype(np.int32),
                "kept_row": kept[rows, 1].astype(np.int32),
                "keys": pa.FixedSizeListArray.from_arrays(pa.array(keys.ravel()), self.bands),
                "shingles": pa.LargeListArray.from_arrays(pa.array(bounds), values),
            }
        )
        return table.replace_schema_metadata({PARTS: json.dumps([shards, earlier]).encode()})

    def _verified(self, rows: pa.Table, sets: pa.Table, order: Array) -> tuple[Array, Array, Array]:
        """(survivor, similarity to it, cluster) per row, as positions; copies share one set and go together."""
        from pipeline.kernels.duplicates.jaccard import greedy_clusters

        node, copy_of = nodes_of(rows), rows.column("copy_of").to_numpy()
        holder = find(node, np.where(copy_of < 0, node, copy_of))  # the row that holds the shingles
        holders, best = np.unique(holder, return_index=True)
        groups = np.argsort(best)  # a group of copies stands where its best member stands
        place = np.empty(len(node), np.int64)
        place[holders[groups]] = np.arange(len(groups))
        chosen = order[holders[groups]]
        lists = sets.column("shingles").combine_chunks()
        near = sets.column("candidates").combine_chunks()
        offsets = lists.offsets.to_numpy()
        survivor, similarity, cluster = greedy_clusters(
            lists.values.to_numpy(),
            offsets[:-1][chosen],
            offsets[1:][chosen],
            place[find(node, nodes_of(sets).repeat(near.value_lengths()))],
            place[find(node, near.flatten().to_numpy())],
            self.verify or 0.0,
        )
        mine, head = place[holder], best[groups]
        return head[survivor[mine]], similarity[mine], head[cluster[mine]]

    def _shingles(self, texts: pa.StringArray) -> Shingles:
        from pipeline.kernels.duplicates.shingles import shingles

        return shingles(texts, self.ngram, HASHES[self.scheme], fold_numbers=self.folds_numbers)

    def _decisions(self, rows: pa.Table, survivor: Array, similarity: Array, cluster: Array) -> pa.Table:
        """What to write for rows of known survivor and cluster, given as positions; clusters of one are left out."""
        size = np.bincount(survivor, minlength=len(survivor))[survivor]
        member = np.flatnonzero(np.bincount(cluster, minlength=len(cluster))[cluster] > 1)
        stays = survivor[member] == member
        ids = rows.column("id")
        similar = np.where(stays, 1.0, similarity[member])
        nothing = stays | np.isnan(similar)
        kept = rows.select(["shard", "row"]).take(pa.array(survivor[member]))
        columns = {
            "shard": rows.column("shard").take(pa.array(member)),
            "row": rows.column("row").take(pa.array(member)),
            "rule": pa.array(np.full(len(member), "near_copy", object), pa.string(), mask=stays),
            "value": pa.array(similar, mask=nothing),
            "threshold": pa.array(np.full(len(member), self.verify or np.nan), mask=nothing),
            "id": ids.take(pa.array(member)),
            "cluster": ids.take(pa.array(cluster[member])),
            "kept_id": ids.take(pa.array(survivor[member])),
            "similarity": pa.array(similar, mask=np.isnan(similar)),
            "cluster_size": pa.array(size[member].astype(np.int32), mask=~stays),
            "kept_shard": kept.column("shard"),
            "kept_row": kept.column("row"),
        }
        if self.repeat:
            weight = REPEATS[np.searchsorted(REPEAT_FROM, size[member], side="right") - 1]
            columns["repeat"] = pa.array(weight.astype(np.int32), mask=~stays | (weight == 1))
        return pa.table(columns)
