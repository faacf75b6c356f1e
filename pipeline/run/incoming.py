"""Rows as they come in: numbered, those of a source checked and identified, poison taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA, content_hash, text_views
from pipeline.rows.visible import has_visible
from pipeline.run.outputs import Outputs, column_or_null, row_ids
from pipeline.steps import Source, SourceBatch, step_name

KILLED = "WorkerDied: the process that worked on this row was killed each time, alone, in a fresh process"
"""Error of a quarantined row that is poison."""


@dataclass(slots=True)
class Incoming:
    """Numbers the rows of a task as they come in, and says which of them are to be processed."""

    poison: tuple[int, ...]
    only: tuple[int, int] | None
    seen: int = 0

    def admit(self, rows: pa.RecordBatch, step: str, files: Outputs) -> Any:
        """Per row whether it is processed; poison is written down in quarantine."""
        numbers = np.arange(self.seen, self.seen + rows.num_rows)
        self.seen += rows.num_rows
        bad = np.flatnonzero(np.isin(numbers, self.poison))
        if len(bad):
            named = rows.take(pa.array(bad))
            names = zip(row_ids(named).to_pylist(), column_or_null(named, "url").to_pylist(), strict=True)
            files.quarantine(step, [(name, url, KILLED) for name, url in names])
            files.counts.come(step, len(bad))
        keep = np.ones(rows.num_rows, np.bool_)
        keep[bad] = False
        if self.only is not None:
            keep &= (numbers >= self.only[0]) & (numbers < self.only[1])
        return keep


def from_source(found: SourceBatch, source: Source, files: Outputs, keep: Any) -> Batch:
    name = step_name(0, source.kind)
    rows_in = found.rows.num_rows + len(found.quarantined) + len(found.dropped)
    files.counts.rows_in += rows_in
    files.counts.come(name, rows_in)
    files.counts.bytes_in += text_bytes(found.rows)
    files.counts.unread_bytes += found.unread_bytes
    if found.quarantined:
        files.quarantine(name, found.quarantined)
    if found.dropped:
        names, urls, rules = (list(column) for column in zip(*found.dropped, strict=True))
        rows = pa.RecordBatch.from_pydict({"id": names, "url": urls})
        files.drop(rows, np.arange(len(names)), name, rules, _told(rules, "value"), _told(rules, "threshold"))
    keep = keep & ~_quarantine_empty(found.rows, keep, name, files)
    sizes = document_bytes(found.rows)
    large = np.flatnonzero(keep & (sizes > source.max_document_bytes))
    if len(large):
        files.drop(found.rows, large, name, ["too_large"] * len(large), sizes[large], source.max_document_bytes)
        keep = keep & (sizes <= source.max_document_bytes)
    return Batch(found.rows).filter(keep)


def _quarantine_empty(rows: pa.RecordBatch, keep: Any, name: str, files: Outputs) -> Any:
    """Write down the rows whose text shows nothing, and return which they are: no source gives them as documents.

    They have their document's id; a source that looks itself can name the place in its file.
    """
    if "text" not in rows.schema.names:
        return np.zeros(rows.num_rows, np.bool_)
    empty = keep & ~has_visible(rows.column("text")).to_numpy(zero_copy_only=False)
    if empty.any():
        named = identify(Batch(rows.filter(pa.array(empty)))).rows
        names = zip(row_ids(named).to_pylist(), column_or_null(named, "url").to_pylist(), strict=True)
        files.quarantine(name, [(row, url or "", "text is empty") for row, url in names])
    return empty


def _told(rules: Sequence[str], what: str) -> Any:
    """The value or threshold of each rule that is a `Reason`; NaN for the others."""
    told = [getattr(rule, what, None) for rule in rules]
    return np.array([np.nan if number is None else number for number in told], np.float64)


def identify(batch: Batch) -> Batch:
    """Give each row its id and text hash: from source identity (url, else the source's own id) and text."""
    rows = batch.rows
    urls, own = column_or_null(rows, "url").to_pylist(), column_or_null(rows, "source_id").to_pylist()
    texts = list(text_views(batch.text))
    ids = [content_hash(url or name or "", text) for url, name, text in zip(urls, own, texts, strict=True)]
    hashes = [content_hash(text) for text in texts]
    return batch.with_column(BASE_SCHEMA.field("id"), pa.array(ids, pa.string())).with_column(
        BASE_SCHEMA.field("text_hash"), pa.array(hashes, pa.string())
    )


def text_bytes(rows: pa.RecordBatch) -> int:
    return int(document_bytes(rows).sum())


def document_bytes(rows: pa.RecordBatch) -> Any:
    """Per row the UTF-8 bytes of the text; of the page, where there is no text yet."""
    name = next((name for name in ("text", "html") if name in rows.schema.names), None)
    if name is None:
        return np.zeros(rows.num_rows, np.int64)
    return pc.fill_null(pc.binary_length(rows.column(name)), 0).to_numpy().astype(np.int64)
