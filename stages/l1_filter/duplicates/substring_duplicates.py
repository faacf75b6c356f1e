"""Cut out of each document what an earlier one of its shard has word for word: long passages, byte by byte.

| rule         | value                    | threshold |
|--------------|--------------------------|-----------|
| nothing_left | bytes that were cut out  |           |

Changed: `passages_cut`, the documents that lost a passage but stay.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from pipeline.rows.batch import Batch
from pipeline.steps import GroupingStep
from stages.l1_filter.duplicates.keep_policy import Array

if TYPE_CHECKING:
    from pipeline.run.grouping import Grouping

WINDOW_BYTES = 32 << 20
"""Text whose passages are compared: the suffix array and what it is made with take 13 bytes a byte."""


class SubstringDuplicates(GroupingStep):
    """Keep one copy of each passage of at least `minimum` bytes that occurs more than once within 32 MB of a shard.

    The first copy stays, in the order of the shard; every byte that goes has an equal one before it. Cuts lie between
    characters. A document of which nothing but white space is left is dropped.
    """

    libraries: ClassVar[tuple[str, ...]] = ("pydivsufsort",)
    changes_text: ClassVar[bool] = True

    kind: Literal["substring_duplicates"] = "substring_duplicates"
    minimum: int = Field(500, ge=50, description="bytes")

    def extras(self) -> tuple[str, ...]:
        return ("substrings",)

    def assets(self) -> Mapping[str, str]:
        if importlib.util.find_spec("pydivsufsort") is None:
            raise ValueError(f"{self.kind} needs pydivsufsort, which is not there; pip install 'orefine[substrings]'")
        return {}

    def group(self, grouping: Grouping) -> None:
        grouping.decide(grouping.map("passages", self.passages, gather_bytes=WINDOW_BYTES))

    def passages(self, batch: Batch, _: pa.Table | None) -> pa.Table:
        """One row per document with something to cut: `cuts` is start, stop, start, stop, … in bytes of its text."""
        from pipeline.kernels.utf8 import text_buffers

        data, offsets = text_buffers(batch.text)
        text = data[offsets[0] : offsets[-1]]
        starts, stops = repeated_spans(text, offsets - offsets[0], self.minimum)
        rows = np.searchsorted(offsets - offsets[0], starts, side="right") - 1
        changed, first = np.unique(rows, return_index=True)
        base = (offsets - offsets[0])[rows]
        cuts = np.column_stack([starts - base, stops - base]).astype(np.int32)
        lists = pa.ListArray.from_arrays(np.append(2 * first, 2 * len(rows)).astype(np.int32), cuts.ravel())
        sizes = np.add.reduceat(stops - starts, first) if len(first) else np.zeros(0, np.int64)
        whole = batch.text.take(pa.array(changed))
        left = [cut(one, spans).strip() for one, spans in zip(whole.to_pylist(), lists.to_pylist(), strict=True)]
        gone = np.array([not one for one in left], np.bool_)
        return pa.table(
            {
                "row": changed.astype(np.int32),
                "rule": pa.array(np.full(len(gone), "nothing_left", object), pa.string(), mask=~gone),
                "value": sizes.astype(np.float64),
                "threshold": pa.nulls(len(gone), pa.float64()),
                "cuts": lists,
            }
        )

    def change(self, batch: Batch, rows: Array, decisions: pa.Table) -> tuple[Batch, dict[str, int]]:
        stays = decisions.column("rule").is_null()
        spans = dict(zip(rows[stays.to_numpy()].tolist(), decisions.filter(stays)["cuts"].to_pylist(), strict=True))
        if not spans:
            return batch, {}
        texts = batch.text.to_pylist()
        for row, cuts in spans.items():
            texts[row] = cut(texts[row], cuts)
        return batch.with_text(pa.array(texts, pa.string())), {"passages_cut": len(spans)}


def cut(text: str, spans: list[int]) -> str:
    """The text without these bytes of its UTF-8."""
    data, pieces, place = text.encode(), [], 0
    for start, stop in zip(spans[::2], spans[1::2], strict=True):
        pieces.append(data[place:start])
        place = stop
    return b"".join([*pieces, data[place:]]).decode()


def repeated_spans(text: Array, offsets: Array, minimum: int) -> tuple[Array, Array]:
    """(starts, stops) in order of what an earlier place of `text` holds too, within documents, between characters.

    A byte that goes equals one before it, and following those ends at one that stays.
    """
    from pydivsufsort import divsufsort, kasai

    from pipeline.kernels.duplicates.substrings import repeated_windows

    if len(text) < 2 * minimum:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    text = text.copy()  # the library takes writable memory only
    suffixes = divsufsort(text)
    starts, stops = repeated_windows(suffixes, kasai(text, suffixes), offsets, minimum)
    return _between_characters(text, starts, stops)


def _between_characters(text: Array, starts: Array, stops: Array) -> tuple[Array, Array]:
    """Spans shrunk to whole characters; UTF-8 goes on with at most three bytes of 10xxxxxx."""
    padded = np.append(text, np.uint8(0))
    for _ in range(3):
        starts = starts + ((padded[starts] & 0xC0) == 0x80)
        stops = stops - ((padded[stops] & 0xC0) == 0x80)
    return starts, stops
