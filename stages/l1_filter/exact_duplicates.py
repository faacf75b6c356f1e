"""Keep one of all documents whose text is the same but for case and white space.

| rule   | value                             | threshold |
|--------|-----------------------------------|-----------|
| repeat | documents with this text in all   | 1         |

Clusters: the repeat's id, the id of the document that stays (as cluster and as kept_id), similarity 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pyarrow as pa

from pipeline.batch import Batch
from pipeline.step import GroupingStep

if TYPE_CHECKING:
    from pipeline.grouping import Grouping


class ExactDuplicates(GroupingStep):
    """Drop repeats of a text, compared without regard to ASCII case and white space.

    The document with the smallest id stays; among equal ids the first in content order.
    """

    kind: Literal["exact_duplicates"] = "exact_duplicates"
    writes_clusters: ClassVar[bool] = True

    def group(self, grouping: Grouping) -> None:
        keys = grouping.map("keys", self.text_keys)
        grouping.decide(grouping.reduce("repeats", self.repeats, keys))

    def text_keys(self, batch: Batch, _: pa.Table | None) -> pa.Table:
        """One row per document: half of its text's hash as key, the other half and the id."""
        from pipeline.kernels.text_hash import text_hashes

        hashes = text_hashes(batch.text)
        return pa.table(
            {
                "key": np.ascontiguousarray(hashes[:, 0]),
                "row": np.arange(len(batch), dtype=np.int32),
                "rest": np.ascontiguousarray(hashes[:, 1]),
                "id": batch.column("id"),
            }
        )

    def repeats(self, keys: pa.Table) -> pa.Table:
        """The decision to drop each document of a group but the first in (id, shard, row)."""
        from pipeline.kernels.components import changes, shared_keys

        keys = keys.take(pa.array(shared_keys(keys.column("key").to_numpy())))  # the sort by id is costly: few rows
        keys = keys.sort_by([(name, "ascending") for name in ("key", "rest", "id", "shard", "row")])
        first = changes(keys.column("key").to_numpy(), keys.column("rest").to_numpy())
        starts = np.flatnonzero(first)
        copies = np.diff(np.append(starts, len(first)))
        group = (np.cumsum(first) - 1)[~first]
        repeats = keys.filter(pa.array(~first))
        kept = keys.column("id").take(pa.array(starts[group]))
        return pa.table(
            {
                "shard": repeats.column("shard"),
                "row": repeats.column("row"),
                "rule": pa.array(["repeat"] * len(group), pa.string()),
                "value": copies[group].astype(np.float64),
                "threshold": np.ones(len(group)),
                "id": repeats.column("id"),
                "cluster": kept,
                "kept_id": kept,
                "similarity": np.ones(len(group)),
            }
        )
