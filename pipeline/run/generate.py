"""A generator over one batch: ask the model what the ledger does not know, then accept or refuse each reply."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pipeline.books.accounting import Counts
from pipeline.rows.batch import Batch
from pipeline.rows.document import Document, content_hash, level_schema
from pipeline.run.ledger import Ledger
from pipeline.run.outputs import Outputs
from pipeline.steps import Fault, Generator, Reason, Reply, Request, describe, is_fault
from pipeline.store.store import Store


def run_generator(step: Generator, name: str, batch: Batch, store: Store, files: Outputs, counts: Counts) -> Batch:
    """New rows, one for each accepted reply, in the order of the requests. Every request ends in exactly one state."""
    planned = step.requests(batch)
    counts.rows_made += len(planned) - len(batch)
    counts.come(name, len(planned))
    requests = [entry for entry in planned if isinstance(entry, Request)]
    replies = _replies(step, requests, Ledger(store))
    rows: list[dict[str, Any]] = []
    refused: list[tuple[Document, Reason]] = []
    for entry in planned:
        if not isinstance(entry, Request):
            refused.append(entry)
            continue
        reply = replies[entry.key]
        accepted: Any = None
        error = reply.error if reply.finish_reason == "error" else ""
        if not error:
            try:
                accepted = step.accept(entry, reply)
            except Exception as caught:  # one reply that cannot be read must not cost the others
                if is_fault(caught):
                    raise
                error = describe(caught)
        if error:
            files.quarantine([(entry.parent.id, entry.parent.url, name, error)])
            counts.quarantine(name, 1)
        elif isinstance(accepted, Reason):
            refused.append((entry.parent, accepted))
        else:
            rows.append(_new_row(entry, accepted))
    for document, reason in refused:
        row = pa.RecordBatch.from_pylist([{"id": document.id, "url": document.url, "text": document.text}])
        files.drop(row, [0], name, [str(reason)], [reason.value], [reason.threshold])
        counts.drop(name, [str(reason)])
    return Batch(pa.RecordBatch.from_pylist(rows, level_schema(step.columns())))


def _replies(step: Generator, requests: list[Request], ledger: Ledger) -> dict[str, Reply]:
    replies = ledger.find(request.key for request in requests)
    missing = [request for request in requests if request.key not in replies]
    for reply in step.generate(missing):
        if reply.finish_reason != "error":  # an engine's error may pass; it is asked again by the next run
            ledger.record(reply)
        replies[reply.key] = reply
    ledger.flush()
    silent = [request.key for request in missing if request.key not in replies]
    if silent:
        raise Fault(f"{step.kind}: the engine gave no reply to {len(silent)} of {len(missing)} requests")
    return replies


def _new_row(request: Request, columns: Any) -> dict[str, Any]:
    parent = request.parent
    text = columns["text"]
    return {
        "id": content_hash(parent.id, request.key, text),
        "text_hash": content_hash(text),
        "url": parent.url,
        "source": parent.source,
        "date": parent.date,
        **columns,
    }
