"""Bring what was written and the documents it was written from to a share of each other.

| rule              | value                              | threshold            |
|-------------------|------------------------------------|----------------------|
| surplus_original  | share that is synthetic without it | `synthetic`          |
| surplus_synthetic | the same                           | `synthetic`          |

Synthetic is whatever has a `parent_id`. Nothing is copied: all of the kind there is too little of stays, and of the
other one so much goes that the share holds. Which rows go is decided by a hash of their ids and `seed`, so it is the
same however the rows lie in files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from pipeline.rows.batch import Batch
from pipeline.rows.document import content_hash
from pipeline.steps import GroupingStep

if TYPE_CHECKING:
    from pipeline.run.grouping import Grouping

ROUNDING = 1e-6
"""Of a share that has no exact binary fraction."""


class Mix(GroupingStep):
    """Keep rows so that `synthetic` of all documents, or of all characters, were written by the model.

    Behind a `rewrite` with `originals: add`. One process holds 20 bytes of each row.
    """

    kind: Literal["mix"] = "mix"
    synthetic: float = Field(0.5, gt=0, lt=1)
    by: Literal["documents", "characters"] = "documents"
    seed: int = 0

    def check_input(self, schema: pa.Schema) -> None:
        if "parent_id" not in schema.names:
            raise ValueError("mix: no column 'parent_id' here; put it behind `rewrite` with `originals: add`")

    def group(self, grouping: Grouping) -> None:
        rows = grouping.map("rows", self.rows)
        grouping.decide(grouping.collect("decide", self.decide, rows))

    def rows(self, batch: Batch, side: pa.Table | None) -> pa.Table:
        """What decides of each row."""
        ids = batch.rows.column("id").to_pylist()
        order = np.array([int(content_hash(one, str(self.seed))[:16], 16) for one in ids], np.uint64)
        sizes = pc.utf8_length(batch.text) if self.by == "characters" else pa.array(np.ones(len(ids)), pa.int64())
        return pa.table(
            {
                "row": pa.array(np.arange(len(ids)), pa.int32()),
                "order": order,
                "synthetic": pc.is_valid(batch.rows.column("parent_id")),
                "size": sizes.cast(pa.int64()),
            }
        )

    def decide(self, rows: pa.Table) -> pa.Table:
        """One row per document that is dropped."""
        order, size = rows.column("order").to_numpy(), rows.column("size").to_numpy()
        synthetic = rows.column("synthetic").to_numpy()
        written, original = int(size[synthetic].sum()), int(size[~synthetic].sum())
        gone = np.zeros(len(order), np.bool_)
        # Cross-multiplied: no division where one kind is not there at all.
        if written * (1 - self.synthetic) > original * self.synthetic:
            kind, room = synthetic, original * self.synthetic / (1 - self.synthetic)
        else:
            kind, room = ~synthetic, written * (1 - self.synthetic) / self.synthetic
        places = np.flatnonzero(kind)
        places = places[np.argsort(order[places], kind="stable")]
        gone[places[np.cumsum(size[places]) > room + ROUNDING]] = True
        chosen = pa.array(np.flatnonzero(gone))
        rules = np.where(synthetic[gone], "surplus_synthetic", "surplus_original").tolist()
        share = written / max(1, written + original)
        return pa.table(
            {
                "shard": rows.column("shard").take(chosen),
                "row": rows.column("row").take(chosen),
                "rule": pa.array(rules, pa.string()),
                "value": pa.array([share] * len(rules), pa.float64()),
                "threshold": pa.array([self.synthetic] * len(rules), pa.float64()),
            }
        )
