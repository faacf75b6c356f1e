"""The index of a finished level: what near duplicates of later levels are found by, without reading its text again.

One file per shard, a row per document that has words.

| column     | type            | meaning                                                                            |
|------------|-----------------|------------------------------------------------------------------------------------|
| row        | int32           | row of the shard as the step saw it                                                |
| id         | string          | of a survivor; null for a document that was dropped                                |
| content    | uint64          | hash of the bag of shingles                                                        |
| quality    | uint64          | the survivor order                                                                 |
| order      | uint64          | the survivor order about, as buckets use it                                        |
| kept_shard | int32           | where the survivor of a dropped document lies: a shard of the level, or a part of  |
| kept_row   | int32           | an index that the level itself was compared with; -1 for a survivor                |
| keys       | list of uint64  | band keys                                                                          |
| shingles   | list of uint32  | hashes of a survivor's shingles, sorted and distinct; empty for a dropped document |

Dropped documents keep their band keys: what resembles them is compared with their survivor, as in one run over all.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from stages.l1_filter.duplicates.keep_policy import Array

if TYPE_CHECKING:
    from pipeline.run.grouping_tasks import Part
    from pipeline.store.index import IndexFile

BAND_ROWS = pa.schema(
    [
        pa.field("key", pa.uint64()),
        pa.field("row", pa.int32()),
        pa.field("content", pa.uint64()),
        pa.field("order", pa.uint64()),
        pa.field("shard", pa.int32()),
    ]
)
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
PARTS = b"parts"
"""Schema metadata of an index file: JSON of the number of its level's shards and of (index, parts) it compared with."""


def earlier_band_rows(
    part: Part, index: IndexFile, _: pa.Table | None, earlier: list[tuple[str, int]], first_part: int
) -> pa.Table:
    """Band rows of an index file, each under the name of its survivor; those whose survivor is not there left out."""
    if not index.batches:
        return BAND_ROWS.empty_table()
    bands = index.schema.field("keys").type.list_size
    table = index.columns(["row", "content", "order", "kept_shard", "kept_row", "keys"])
    base = {}
    for identity, parts in earlier:
        base[identity] = first_part
        first_part += parts
    mine = max(first for first in base.values() if first <= part.shard)
    shards, others = json.loads(index.schema.metadata[PARTS])
    number = np.concatenate([mine + np.arange(shards), *(_numbers(base, *other) for other in others)])
    kept = table.column("kept_shard").to_numpy()
    shard = np.where(kept < 0, part.shard, number[kept])
    row = np.where(kept < 0, table.column("row").to_numpy(), table.column("kept_row").to_numpy())
    there = shard >= 0
    keys = table.column("keys").combine_chunks().flatten().to_numpy().reshape(-1, bands)[there]
    repeated = {"row": row, "content": table.column("content").to_numpy(), "order": table.column("order").to_numpy()}
    columns = {name: np.repeat(values[there], bands) for name, values in (repeated | {"shard": shard}).items()}
    return pa.table({"key": keys.ravel(), **columns}, schema=BAND_ROWS)


def _numbers(base: dict[str, int], identity: str, parts: int) -> Array:
    """Numbers in this run of the parts of an index; -1 where this run does not compare with it."""
    return base[identity] + np.arange(parts) if identity in base else np.full(parts, -1)


def earlier_sets(part: Part, index: IndexFile, labels: pa.Table | None) -> pa.Table:
    """The shingle sets of those rows of an index file that share a bucket with a document of this level."""
    from pipeline.kernels.duplicates.jaccard import sample_of

    found = []
    if labels is not None and labels.num_rows:
        labels = labels.sort_by("row")
        wanted = labels.column("row").to_numpy()
        nothing = pa.array([], pa.int64())
        for number in range(index.batches):  # the sets of batches without wanted rows are not read
            place = np.flatnonzero(np.isin(index.read(number, ["row"]).column("row").to_numpy(), wanted))
            if not len(place):
                continue
            rows = index.read(number, ["row", "quality", "id", "shingles"]).take(pa.array(place))
            label = labels.take(pa.array(np.searchsorted(wanted, rows.column("row").to_numpy())))
            lists = rows.column("shingles")
            values, offsets = sample_of(
                lists.flatten().to_numpy(),
                np.append(0, np.cumsum(lists.value_lengths().to_numpy())),
                label.column("one_in").to_numpy(),
            )
            columns = {
                "key": label.column("component"),
                "row": rows.column("row"),
                "quality": rows.column("quality"),
                "id": rows.column("id"),
                "copy_of": np.full(len(place), -1),
                "candidates": pa.LargeListArray.from_arrays(np.zeros(len(place) + 1, np.int64), nothing),
                "shingles": pa.LargeListArray.from_arrays(pa.array(offsets), values),
            }
            found.append(pa.table(columns, schema=SETS))
    sets = pa.concat_tables(found) if found else SETS.empty_table()
    return sets.append_column("shard", pa.array(np.full(sets.num_rows, part.shard, np.int32)))
