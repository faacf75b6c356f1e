"""Keep one of all documents whose text is the same but for case and white space.

| rule   | value                             | threshold |
|--------|-----------------------------------|-----------|
| repeat | documents with this text in all   | 1         |

Clusters: the repeat's id, the id of the document that stays (as cluster and as kept_id), similarity 1.
Index (`index: true`): the hash of each document's text, its id and its place in the survivor order.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.rows.batch import Batch
from stages.l1_filter.duplicates.keep_policy import NO_PARTS, DuplicatesStep

if TYPE_CHECKING:
    from pipeline.run.grouping import Grouping
    from pipeline.run.grouping_tasks import Part
    from pipeline.store.index import IndexFile

NAMES = ("key", "row", "rest", "id", "quality")


class ExactDuplicates(DuplicatesStep):
    """Drop repeats of a text, compared without regard to ASCII case and white space.

    Which one stays: see `keep` and `sources`.
    """

    kind: Literal["exact_duplicates"] = "exact_duplicates"

    def group(self, grouping: Grouping) -> None:
        first_part, earlier = self.add_earlier(grouping)
        keys = grouping.map("keys", self.text_keys)
        if earlier:
            keys += grouping.map_parts("keys", earlier_keys)
        repeats = grouping.reduce("repeats", partial(self.repeats, first_part=first_part), keys)
        grouping.decide(repeats)
        if self.index:
            grouping.index(self.kind, self.index_rows, side=repeats)

    def text_keys(self, batch: Batch, _: pa.Table | None) -> pa.Table:
        """One row per document: half of its text's hash as key, the other half and the id."""
        from pipeline.kernels.hashes import text_hashes
        from pipeline.store.partitions import counted

        hashes = text_hashes(batch.text)
        table = pa.table(
            {
                "key": np.ascontiguousarray(hashes[:, 0]),
                "row": np.arange(len(batch), dtype=np.int32),
                "rest": np.ascontiguousarray(hashes[:, 1]),
                "id": batch.column("id"),
                "quality": self.quality(batch),
            }
        )
        return counted(table, self.dates_missing(batch))

    def index_rows(self, batch: Batch, dropped: pa.Table | None) -> pa.Table:
        """The keys of the documents that stay."""
        gone = dropped.column("row").to_numpy() if dropped is not None else ()
        keep = np.ones(len(batch), np.bool_)
        keep[gone] = False
        return self.text_keys(batch, None).replace_schema_metadata(None).filter(pa.array(keep))

    def repeats(self, keys: pa.Table, first_part: int = NO_PARTS) -> pa.Table:
        """The decision to drop each document of a group but the first in survivor order."""
        from pipeline.kernels.duplicates.components import changes, shared_keys

        keys = keys.take(pa.array(shared_keys(keys.column("key").to_numpy())))  # the sort by id is costly: few rows
        new = keys.column("shard").to_numpy() < first_part
        keys = keys.append_column("new", pa.array(new.astype(np.int8)))
        names = ("key", "rest", "new", "quality", "id", "shard", "row")
        keys = keys.sort_by([(name, "ascending") for name in names])
        first = changes(keys.column("key").to_numpy(), keys.column("rest").to_numpy())
        starts = np.flatnonzero(first)
        copies = np.diff(np.append(starts, len(first)))
        group = (np.cumsum(first) - 1)[~first]
        repeats = keys.filter(pa.array(~first))
        kept = keys.column("id").take(pa.array(starts[group]))
        found = pa.table(
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
        return found.filter(pc.less(found.column("shard"), first_part)) if first_part < NO_PARTS else found


def earlier_keys(part: Part, index: IndexFile, _: pa.Table | None) -> pa.Table:
    """The rows of an index file, under the number of the part."""
    if not index.schema.names:
        return pa.table({})
    table = index.columns(NAMES)
    return table.append_column("shard", pa.array(np.full(table.num_rows, part.shard, np.int32)))
