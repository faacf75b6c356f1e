"""A generator over one batch: ask the model what the ledger does not know, then accept or refuse each reply."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipeline.books.accounting import Counts
from pipeline.rows.batch import Batch
from pipeline.rows.document import Document, content_hash, level_schema
from pipeline.run.ledger import Ledger
from pipeline.run.outputs import Outputs
from pipeline.steps import Fault, Generator, Reason, Reply, Request, describe, is_fault


def run_generator(step: Generator, name: str, batch: Batch, ledger: Ledger, files: Outputs, counts: Counts) -> Batch:
    """New rows, one for each accepted reply, in the order of the requests. Every request ends in exactly one state."""
    planned = step.requests(batch)
    counts.rows_made += len(planned) - len(batch)
    counts.come(name, len(planned))
    answered = _ask(step, [entry for entry in planned if isinstance(entry, Request)], ledger)
    rows: list[dict[str, Any]] = []
    refused: list[tuple[Document, str, Reason]] = []
    accepted: defaultdict[str, list[str]] = defaultdict(list)  # parent → texts
    for entry in planned:
        if not isinstance(entry, Request):
            document, reason = entry
            refused.append((document, document.text, reason))
            continue
        request, reply = answered[entry.key]
        siblings = accepted[request.parent.id]
        found = _judge(step, request, reply, siblings)
        if isinstance(found, Reason):
            refused.append((request.parent, reply.text, found))
        elif isinstance(found, str):
            files.quarantine([(request.parent.id, request.parent.url, name, found)])
            counts.quarantine(name, 1)
        else:
            rows.append(_new_row(request, found))
            siblings.append(found["text"])
    for document, text, reason in refused:
        row = pa.RecordBatch.from_pylist([{"id": document.id, "url": document.url, "text": text}])
        files.drop(row, [0], name, [str(reason)], [reason.value], [reason.threshold])
        counts.drop(name, [str(reason)])
    return Batch(pa.RecordBatch.from_pylist(rows, level_schema(step.columns())))


def _judge(step: Generator, request: Request, reply: Reply, siblings: list[str]) -> Mapping[str, Any] | Reason | str:
    """The new row's columns, why the reply is refused, or what went wrong with this one alone, for the quarantine."""
    if reply.finish_reason == "error":
        return reply.error
    try:
        return step.accept(request, reply, siblings)
    except Exception as error:  # one reply that cannot be read must not cost the others
        if is_fault(error):
            raise
        return describe(error)


def _ask(step: Generator, requests: list[Request], ledger: Ledger) -> dict[str, tuple[Request, Reply]]:
    """The key of each request → the request that was answered in the end, and its reply."""
    replies = _replies(step, requests, ledger)
    answered = {request.key: (request, replies[request.key]) for request in requests}
    again = {key: other for key, pair in answered.items() if (other := step.ask_again(*pair)) is not None}
    replies = _replies(step, list(again.values()), ledger)
    return answered | {key: (other, replies[other.key]) for key, other in again.items()}


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
