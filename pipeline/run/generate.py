"""A generator over a shard: ask the model what the ledger does not know, then accept or refuse each reply.

Requests stream: while the model works on those of one batch the next ones are read and planned, so that it never waits
for the slowest reply of a batch. Batches leave in the order in which they came.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from pipeline.books.accounting import Tokens
from pipeline.rows.batch import Batch
from pipeline.rows.document import Document, content_hash, level_schema
from pipeline.run.in_order import InOrder
from pipeline.run.ledger import Ledger
from pipeline.run.outputs import Outputs
from pipeline.run.quota import Quota
from pipeline.steps import Fault, Generator, Reason, Reply, Request, Target, describe, is_fault

AHEAD = 8_192
"""Requests planned and not yet written, beyond the batch that is planned next: some 100 MB with their documents."""
NONE = Reply("", "", "error", error="not answered yet")


def run_generator(
    step: Generator, name: str, batches: Iterable[Batch], ledger: Ledger, files: Outputs
) -> Iterator[Batch]:
    """New rows, one for each accepted reply, in the order of the requests. Every request ends in exactly one state."""
    for planned in Stream(step, iter(batches), ledger).answered():
        files.counts.rows_made += len(planned.entries) - planned.rows
        files.counts.come(name, len(planned.entries))
        yield _written(step, name, planned, files)


def run_until(
    step: Generator, name: str, target: Target, documents: InOrder, ledger: Ledger, files: Outputs
) -> Iterator[Batch]:
    """As `run_generator`, until the target is reached; what is left then is refused with the reason."""
    quota = Quota(target)
    while quota.over() is None and (batches := documents.take(quota.next_documents())):
        quota.documents += sum(map(len, batches))
        for planned in Stream(step, iter(batches), ledger, quota).answered():
            files.counts.rows_made += len(planned.entries) - planned.rows
            files.counts.come(name, len(planned.entries))
            yield _written(step, name, planned, files, quota)
    over = quota.over()
    for batch in documents.rest():
        assert over is not None  # or all were taken
        left = list(batch.documents())
        files.counts.come(name, len(left))
        _refuse(name, left, [one.text for one in left], [over] * len(left), files)
    files.counts.end(name, quota.ending())


@dataclass(slots=True)
class _Planned:
    """A batch on its way through the model."""

    rows: int
    entries: list[Request | tuple[Document, Reason]]
    answers: dict[str, tuple[Request, Reply]] = field(default_factory=dict)
    """The key of each request → the request that was answered in the end, and its reply."""
    missing: set[str] = field(default_factory=set)
    """Keys of the requests without an answer yet."""
    useless: list[Reply] = field(default_factory=list)
    """Replies in whose place others were asked for."""


class Stream:
    """The requests of batch after batch, as an engine takes them, and the batches whose replies have come.

    As an iterator it gives none while AHEAD of them wait for the first batch, and goes on later.
    """

    def __init__(self, step: Generator, batches: Iterator[Batch], ledger: Ledger, quota: Quota | None = None) -> None:
        self._step, self._batches, self._ledger = step, batches, ledger
        self._stopped = {} if quota is None else quota.stopped
        self._planned: deque[_Planned] = deque()
        self._queue: deque[Request] = deque()
        self._asked: dict[str, list[tuple[_Planned, str]]] = {}
        """Key in flight or in the queue → whom the reply is for, under which key; documents of one text share it."""
        self._sent: dict[str, None] = {}
        self.asked = self.completion_tokens = 0
        """Replies that came, and their tokens: what the ledger did not have."""

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        while not self._queue:
            if sum(len(planned.entries) for planned in self._planned) >= AHEAD or not self._plan():
                raise StopIteration
        request = self._queue.popleft()
        self._sent[request.key] = None
        return request

    def answered(self) -> Iterator[_Planned]:
        """The batches in order, each once all its requests have their replies."""
        replies: Iterator[Reply] = iter(())
        try:
            while self._planned or self._plan():
                if not self._planned[0].missing:
                    yield self._planned.popleft()
                    continue
                reply = next(replies, None)
                if reply is not None:
                    self._take(reply)
                elif self._sent:
                    raise Fault(f"{self._step.kind}: the engine gave no reply to {len(self._sent)} requests")
                else:
                    replies = self._step.generate(self)
        finally:  # also where the engine has failed for good
            self._ledger.flush()

    def _plan(self) -> bool:
        """Plan the next batch; False if there is none."""
        batch = next(self._batches, None)
        if batch is None:
            return False
        entries = [
            (entry.parent, self._stopped[entry.prompt])
            if isinstance(entry, Request) and entry.prompt in self._stopped else entry
            for entry in self._step.requests(batch)
        ]  # fmt: skip
        planned = _Planned(len(batch), entries)
        requests = {entry.key: entry for entry in entries if isinstance(entry, Request)}
        found = self._ledger.find(requests)
        others = {key: self._step.ask_again(requests[key], reply) for key, reply in found.items()}
        again = self._ledger.find(other.key for other in others.values() if other is not None)
        # The longest first: who begins last does not work alone for long.
        for key, request in sorted(requests.items(), key=lambda one: -len(one[1].shown)):
            if key not in found:
                self._ask(planned, key, request)
            elif (other := others[key]) is None:
                planned.answers[key] = request, found[key]
            else:
                planned.useless.append(found[key])
                if other.key in again:
                    planned.answers[key] = other, again[other.key]
                else:
                    self._ask(planned, key, other)
        self._planned.append(planned)
        return True

    def _ask(self, planned: _Planned, key: str, request: Request) -> None:
        planned.missing.add(key)
        planned.answers[key] = request, NONE
        if request.key not in self._asked:
            self._asked[request.key] = []
            self._queue.append(request)
        self._asked[request.key].append((planned, key))

    def _take(self, reply: Reply) -> None:
        """Give a reply to those who wait for it; what is of no use is asked for once more, in front of the others."""
        if reply.key not in self._sent:
            return  # a second reply to one request: the first stands
        del self._sent[reply.key]
        self.asked += 1
        self.completion_tokens += reply.completion_tokens
        if reply.finish_reason != "error":  # an engine's error may pass; it is asked again by the next run
            planned, key = self._asked[reply.key][0]
            self._ledger.record(replace(reply, about=content_hash(planned.answers[key][0].parent.text)))
        for planned, key in self._asked.pop(reply.key):
            request, _ = planned.answers[key]
            is_first = request.key == key
            other = self._step.ask_again(request, reply) if is_first and reply.finish_reason != "error" else None
            if other is None:
                planned.answers[key] = request, reply
                planned.missing.discard(key)
                continue
            planned.useless.append(reply)
            stored = self._ledger.find([other.key]).get(other.key)
            if stored is not None:
                planned.answers[key] = other, stored
                planned.missing.discard(key)
            else:
                self._ask(planned, key, other)


def _written(step: Generator, name: str, planned: _Planned, files: Outputs, quota: Quota | None = None) -> Batch:
    """The accepted replies of a batch as rows; the others are written down."""
    step.look_over(list(planned.answers.values()))
    for reply in planned.useless:
        spent = taken(step, reply)
        files.counts.spend(name, reply.prompt, "asked_again", spent)
        if quota is not None:
            quota.spend(spent)
    counted: set[str] = set()
    made: dict[str, tuple[Document, list[dict[str, Any]]]] = {}
    """Parent's id → it, and the rows made of it."""
    refused: list[tuple[Document, str, Reason]] = []
    for entry in planned.entries:
        parent = entry.parent if isinstance(entry, Request) else entry[0]
        rows = made.setdefault(parent.id, (parent, []))[1]
        if not isinstance(entry, Request):
            document, reason = entry
            refused.append((document, document.text, reason))
            continue
        request, reply = planned.answers[entry.key]
        if request.parent is not entry.parent:  # of several documents with one text
            request = replace(request, parent=entry.parent)
        siblings = [row["text"] for row in rows]
        over = None if quota is None else quota.over() or quota.stopped.get(request.prompt)
        found = judge(step, request, reply, siblings) if over is None else over
        outcome = str(found) if isinstance(found, Reason) else "quarantined" if isinstance(found, str) else "accepted"
        # One reply to several documents of one text was paid once.
        spent = taken(step, reply) if reply.key not in counted else Tokens()
        counted.add(reply.key)
        files.counts.spend(name, request.prompt, outcome, spent)
        if quota is not None:
            quota.spend(spent)
            if over is None and outcome != "quarantined":
                quota.judge(request.prompt, outcome == "accepted")
        if isinstance(found, Reason):
            refused.append((entry.parent, reply.text, found))
        elif isinstance(found, str):
            files.quarantine(name, [(entry.parent.id, entry.parent.url, found)])
        else:
            rows.append(_new_row(request, found))
    if refused:
        documents, texts, reasons = zip(*refused, strict=True)
        _refuse(name, documents, texts, reasons, files)
    left = [row for parent, rows in made.values() for row in step.compose(parent, rows)]
    files.counts.rows_made += len(left) - sum(len(rows) for _, rows in made.values())
    return Batch(pa.RecordBatch.from_pylist(left, level_schema(step.columns())))


def taken(step: Generator, reply: Reply) -> Tokens:
    """What a reply took, for the books."""
    prompt, completion = reply.prompt_tokens, reply.completion_tokens
    return Tokens(
        requests=1, prompt_tokens=prompt, cached_tokens=reply.cached_tokens, completion_tokens=completion,
        seconds=reply.seconds, cost=step.cost(prompt, completion),
    )  # fmt: skip


def _refuse(
    name: str, documents: Sequence[Document], texts: Sequence[str], reasons: Sequence[Reason], files: Outputs
) -> None:
    ids, urls = [one.id for one in documents], [one.url for one in documents]
    rows = pa.RecordBatch.from_pydict({"id": ids, "url": urls, "text": list(texts)})
    rules = [str(reason) for reason in reasons]
    values, thresholds = _numbers(one.value for one in reasons), _numbers(one.threshold for one in reasons)
    files.drop(rows, range(len(rules)), name, rules, values, thresholds)


def _numbers(values: Iterable[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def judge(step: Generator, request: Request, reply: Reply, siblings: list[str]) -> Mapping[str, Any] | Reason | str:
    """The new row's columns, why the reply is refused, or what went wrong with this one alone, for the quarantine."""
    if reply.finish_reason == "error":
        return reply.error
    try:
        return step.judge_reply(request, reply, siblings)
    except Exception as error:  # one reply that cannot be read must not cost the others
        if is_fault(error):
            raise
        return describe(error)


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
