"""Grouping steps: decisions that need several documents, such as duplicates, caps and contamination."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.steps.step import Step

if TYPE_CHECKING:
    from pipeline.run.grouping import Grouping


class GroupingStep(Step):
    """Decides about documents by looking at several: duplicates, caps, contamination."""

    writes_clusters: ClassVar[bool] = False
    """True if its decisions say which rows belong together (id, cluster, kept_id, similarity)."""
    changes_text: ClassVar[bool] = False
    """True if `change` changes the text; a pass over the rows then comes before the next grouping step."""

    def change(self, batch: Batch, rows: np.ndarray[Any, Any], decisions: pa.Table) -> tuple[Batch, dict[str, int]]:
        """The batch changed as decided, and how many rows each kind of change touched.

        `rows`: place in the batch of each decision. Rows that are to be dropped stay as they are.
        """
        return batch, {}

    def space(self, rows: int, text_bytes: float) -> tuple[int, int]:
        """Bytes on disk and in memory that so many rows of so long a text (0: unknown) take at least."""
        return 0, 0

    @abstractmethod
    def group(self, grouping: Grouping) -> None:
        """Shuffle with `grouping.map` and `grouping.reduce`, then hand what was decided to `grouping.decide`."""
