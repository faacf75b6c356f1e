"""Pages without the marks of Markdown, as the heuristics count them.

FineWeb's thresholds were found on text without headings, code marks and tables: each `##`, backtick or `|` counts there
as a hash sign or as a word without a letter. `extract_html` writes Markdown (its column `extractor` says so), and of
the 740 pages of CleanEval 119 were dropped for their marks. Text of other sources is counted as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.rows.batch import Batch, BoolArray

COLUMN, MARKED = "extractor", ("blocks", "trafilatura")
GONE = r"(?m)^[ ]*#{1,6} |^> ?|^```.*$|^\|[ :|-]+\|$|`"
"""Marks of headings, quotes and code, and the line under a table's head."""
BULLET = r"(?m)^([ ]*)- "
"""Glued to its first word it is no word by itself, and the line still one of a list."""
BAR = r"(?m)(?:^|[ ])\|(?:[ ]|$)"


@dataclass(frozen=True, slots=True)
class Unmarked:
    """The texts alone, with what is derived from them."""

    batch: Batch

    def filter(self, keep: BoolArray) -> Unmarked:
        return Unmarked(self.batch.filter(keep))


def unmarked(batch: Batch) -> Batch:
    """The texts to count, shared between steps; the batch itself if no row of it is Markdown."""
    if COLUMN not in batch.rows.schema.names:
        return batch
    marked = pc.fill_null(pc.is_in(batch.column(COLUMN), value_set=pa.array(MARKED)), False)
    if not pc.any(marked).as_py():
        return batch

    def compute(texts: pa.StringArray) -> Unmarked:
        plain = pc.replace_with_mask(texts, marked, _plain(texts.filter(marked)))
        return Unmarked(Batch(pa.RecordBatch.from_arrays([plain], ["text"])))

    return batch.derive("unmarked", compute).batch


def _plain(texts: pa.StringArray) -> pa.StringArray:
    texts = pc.replace_substring_regex(texts, GONE, "")
    texts = pc.replace_substring_regex(texts, BULLET, r"\1-")
    return pc.replace_substring_regex(texts, BAR, " ")
