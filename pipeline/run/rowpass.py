"""What one task does to one shard: read, apply earlier decisions, run row steps in order, write (`outputs.py`)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.books.accounting import Counts, chain, total
from pipeline.books.manifest import ShardRecord, dump, load
from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA, content_hash, text_views, to_schema
from pipeline.rows.visible import has_visible
from pipeline.run.generate import run_generator, run_until
from pipeline.run.in_order import InOrder
from pipeline.run.ledger import Ledger
from pipeline.run.outputs import Outputs, column_or_null, row_ids
from pipeline.run.produce import run_producer
from pipeline.steps import (
    Generator,
    GroupingStep,
    Judgement,
    Outcome,
    Producer,
    RowStep,
    Source,
    SourceBatch,
    Step,
    Unit,
    describe,
    is_fault,
    step_name,
)
from pipeline.store.artifact import Artifact
from pipeline.store.checked import read_checked
from pipeline.store.partitions import Tables, read_bucket
from pipeline.store.store import Store, open_store

KILLED = "WorkerDied: the process that worked on this row was killed each time, alone, in a fresh process"
"""Error of a quarantined row that is poison."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What one grouping step decided, for the pass that applies it."""

    step: GroupingStep
    tables: Tables


@dataclass(frozen=True, slots=True)
class RowTask:
    """One shard through one pass."""

    store: str
    directory: str
    """Of the pass; files go to its data/, dropped/, … and the record to its shards/."""
    shard: int
    unit: Unit
    """What to read: a part of an input file (L0) or a whole file of the store."""
    source: Source | None
    decided: tuple[Decided, ...]
    steps: tuple[Step, ...]
    schema: pa.Schema
    """Of the rows that leave this pass."""
    position: int = 0
    """Place in the level of the first step here, those decided included."""
    before: str = ""
    """Folder of the row pass before this one; what it dropped and counted is carried on."""
    clusters: bool = False
    """True if this pass or one before it has decisions with clusters."""
    keep_dropped_text: bool = False
    poison: tuple[int, ...] = ()
    """Numbers of incoming rows that kill the worker (`pipeline.run.poison`); they are quarantined unprocessed."""

    whole: tuple[Unit, ...] = ()
    """If given, all files of the level, which the first step here goes through by itself; `unit` is the first."""

    @property
    def record(self) -> str:
        return f"{self.directory}/shards/part-{self.shard:05d}.json"

    @property
    def names(self) -> list[str]:
        """Of the steps here, those decided included, as rows are counted by them: `04 gopher_quality`."""
        steps = (*(decided.step for decided in self.decided), *self.steps)
        return [step_name(place, step.kind) for place, step in enumerate(steps, self.position + 1)]

    def artifact(self, store: Store) -> Artifact:
        return Artifact(store, self.record.removesuffix(".json"), self.record)

    def outputs(self, store: Store, stack: ExitStack) -> Outputs:
        def path(role: str) -> str:
            return f"{self.directory}/{role}/part-{self.shard:05d}.parquet"

        return Outputs(store, path, self.schema, self.clusters, self.keep_dropped_text, stack)


def run_row_task(task: RowTask) -> ShardRecord:
    """Do the task, or find it done. Errors of single rows end in quarantine; other errors are raised."""
    store = open_store(task.store)

    def work() -> bytes:
        started = time.monotonic()
        counts = Counts()
        with ExitStack() as stack:
            files = task.outputs(store, stack)
            process_rows(store, task, files, counts)
            return dump(_finish(task, store, files, counts, time.monotonic() - started))

    return load(ShardRecord, store, task.record, task.artifact(store).make(work, lease=False))


def process_rows(
    store: Store, task: RowTask, files: Outputs, counts: Counts, only: tuple[int, int] | None = None
) -> int:
    """All rows through all steps into the files; how many came in. `only`: process these, for `pipeline.run.poison`."""
    for step in task.steps:
        step.prepare()
    rows, ledger = _Incoming(task.poison, only), Ledger(store)
    batches = _incoming(store, task, files, counts, rows)
    for name, step in zip(task.names[len(task.decided) :], task.steps, strict=True):
        if isinstance(step, Generator) and (target := step.target()) is not None:
            batches = run_until(step, name, target, _in_order(store, task, counts), ledger, files, counts)
        elif isinstance(step, Generator):
            batches = run_generator(step, name, batches, ledger, files, counts)
        elif isinstance(step, Producer):
            is_here = task.shard == 0 and only is None
            batches = run_producer(step, name, batches, files, counts, is_here)
        elif isinstance(step, RowStep):
            batches = _each(step, name, batches, files, counts)
    for batch in batches:
        if task.source is not None:
            batch = identify(batch)
        counts.rows_out += len(batch)
        counts.bytes_out += text_bytes(batch.rows)
        files.data.write(to_schema(batch.rows, task.schema))
    return rows.seen


@dataclass(slots=True)
class _Incoming:
    """Numbers the rows of a task as they come in, and says which of them are to be processed."""

    poison: tuple[int, ...]
    only: tuple[int, int] | None
    seen: int = 0

    def admit(self, rows: pa.RecordBatch, step: str, files: Outputs, counts: Counts) -> Any:
        """Per row whether it is processed; poison is written down in quarantine."""
        numbers = np.arange(self.seen, self.seen + rows.num_rows)
        self.seen += rows.num_rows
        bad = np.flatnonzero(np.isin(numbers, self.poison))
        if len(bad):
            named = rows.take(pa.array(bad))
            names = zip(row_ids(named).to_pylist(), column_or_null(named, "url").to_pylist(), strict=True)
            files.quarantine([(name, url, step, KILLED) for name, url in names])
            counts.come(step, len(bad))
            counts.quarantine(step, len(bad))
        keep = np.ones(rows.num_rows, np.bool_)
        keep[bad] = False
        if self.only is not None:
            keep &= (numbers >= self.only[0]) & (numbers < self.only[1])
        return keep


def _finish(task: RowTask, store: Store, files: Outputs, counts: Counts, seconds: float) -> ShardRecord:
    """Commit the files; their record, which carries on what earlier passes dropped from this shard."""
    passes = [counts]
    if task.before:
        shards = range(len(task.whole)) if task.whole else [task.shard]
        found = [load(ShardRecord, store, f"{task.before}/shards/part-{shard:05d}.json") for shard in shards]
        for before in found:
            files.carry_on(store, before)
            seconds += before.seconds
        passes = [total(before.counts for before in found), counts]
    counts = chain(passes)
    counts.check(f"{task.directory} shard {task.shard}")
    return ShardRecord(
        shard=task.shard,
        input={"sha256": task.unit.sha256, "start": task.unit.start, "stop": task.unit.stop}
        if not task.whole
        else {"sha256": content_hash(*(unit.sha256 for unit in task.whole)), "start": 0, "stop": None},
        counts=counts,
        files=files.commit(),
        seconds=round(seconds, 3),
    )


def _incoming(store: Store, task: RowTask, files: Outputs, counts: Counts, incoming: _Incoming) -> Iterator[Batch]:
    """Batches as they come in, counted, with the decisions of earlier grouping steps applied."""
    if task.unit.stop == task.unit.start:
        return
    # Poison is blamed on the first step that works here, decisions apart, which only take rows away.
    first_step = (task.names[len(task.decided) :] or [step_name(0, task.source.kind if task.source else "read")])[0]
    if task.source is not None:
        for found in task.source.read(task.unit):
            keep = incoming.admit(found.rows, first_step, files, counts)
            yield _from_source(found, task.source, files, counts, keep)
        return
    decisions = [(decided, read_bucket(store, decided.tables, task.shard)) for decided in task.decided]
    first = 0
    for rows in read_checked(store, task.unit.path, task.unit.sha256):
        counts.rows_in += rows.num_rows
        counts.bytes_in += text_bytes(rows)
        numbers = np.arange(first, first + rows.num_rows)
        first += rows.num_rows
        keep = incoming.admit(rows, first_step, files, counts)
        batch, numbers = (Batch(rows), numbers) if keep.all() else (Batch(rows).filter(keep), numbers[keep])
        for name, (decided, table) in zip(task.names, decisions, strict=False):
            batch, numbers = _apply_decision(decided.step, name, table, batch, numbers, files, counts)
        yield batch


def _in_order(store: Store, task: RowTask, counts: Counts) -> InOrder:
    """All rows of the level, counted once."""

    def read() -> Iterator[pa.RecordBatch]:
        for unit in task.whole:
            yield from read_checked(store, unit.path, unit.sha256)

    def seen(rows: pa.RecordBatch) -> None:
        counts.rows_in += rows.num_rows
        counts.bytes_in += text_bytes(rows)

    return InOrder(read, seen)


def _from_source(found: SourceBatch, source: Source, files: Outputs, counts: Counts, keep: Any) -> Batch:
    name = step_name(0, source.kind)
    rows_in = found.rows.num_rows + len(found.quarantined) + len(found.dropped)
    counts.rows_in += rows_in
    counts.come(name, rows_in)
    counts.bytes_in += text_bytes(found.rows)
    counts.unread_bytes += found.unread_bytes
    if found.quarantined:
        files.quarantine([(row, url, name, error) for row, url, error in found.quarantined])
        counts.quarantine(name, len(found.quarantined))
    if found.dropped:
        names, urls, rules = (list(column) for column in zip(*found.dropped, strict=True))
        rows = pa.RecordBatch.from_pydict({"id": names, "url": urls})
        files.drop(rows, np.arange(len(names)), name, rules, _told(rules, "value"), _told(rules, "threshold"))
        counts.drop(name, rules)
    keep = keep & ~_quarantine_empty(found.rows, keep, name, files, counts)
    sizes = document_bytes(found.rows)
    large = np.flatnonzero(keep & (sizes > source.max_document_bytes))
    if len(large):
        files.drop(found.rows, large, name, ["too_large"] * len(large), sizes[large], source.max_document_bytes)
        counts.drop(name, ["too_large"] * len(large))
        keep = keep & (sizes <= source.max_document_bytes)
    return Batch(found.rows).filter(keep)


def _quarantine_empty(rows: pa.RecordBatch, keep: Any, name: str, files: Outputs, counts: Counts) -> Any:
    """Write down the rows whose text shows nothing, and return which they are: no source gives them as documents.

    They have their document's id; a source that looks itself can name the place in its file.
    """
    if "text" not in rows.schema.names:
        return np.zeros(rows.num_rows, np.bool_)
    empty = keep & ~has_visible(rows.column("text")).to_numpy(zero_copy_only=False)
    if empty.any():
        named = identify(Batch(rows.filter(pa.array(empty)))).rows
        names = zip(row_ids(named).to_pylist(), column_or_null(named, "url").to_pylist(), strict=True)
        files.quarantine([(row, url or "", name, "text is empty") for row, url in names])
        counts.quarantine(name, int(empty.sum()))
    return empty


def _told(rules: Sequence[str], what: str) -> Any:
    """The value or threshold of each rule that is a `Reason`; NaN for the others."""
    told = [getattr(rule, what, None) for rule in rules]
    return np.array([np.nan if number is None else number for number in told], np.float64)


def _apply_decision(
    step: GroupingStep, name: str, table: pa.Table, batch: Batch, numbers: Any, files: Outputs, counts: Counts
) -> tuple[Batch, Any]:
    """Drop the rows that the step decided to drop, and set its columns on those it named."""
    counts.come(name, len(batch))
    place, decision = _matching(table, numbers)
    if step.writes_clusters and decision.num_rows:
        files.clusters(decision)
    for column in step.columns():
        values = pa.nulls(len(batch), column.type)
        if decision.num_rows:
            index = np.full(len(batch), -1)
            index[place] = np.arange(len(place))
            values = decision.column(column.name).combine_chunks().take(pa.array(index, mask=index < 0))
        batch = batch.with_column(column, values.cast(column.type))
    if not decision.num_rows:
        counts.count_groups(name, batch.rows, place, [])
        return batch, numbers
    batch, changed = step.change(batch, place, decision)
    counts.change(name, changed)
    dropped = decision.column("rule").is_valid().to_numpy()
    chosen = decision.filter(pa.array(dropped))
    keep = np.ones(len(batch), np.bool_)
    keep[place[dropped]] = False
    rules = chosen.column("rule").to_pylist()
    files.drop(batch.rows, place[dropped], name, rules, _floats(chosen, "value"), _floats(chosen, "threshold"))
    counts.drop(name, rules)
    counts.count_groups(name, batch.rows, place[dropped], rules)
    return batch.filter(keep), numbers[keep]


def _matching(table: pa.Table, numbers: Any) -> tuple[Any, pa.Table]:
    """(position in the batch, decision) for the decisions about these rows, in row order."""
    if not table.num_columns or not len(numbers):
        return np.empty(0, np.int64), pa.table({})
    rows = table.column("row").to_numpy()
    table = table.filter(pa.array((rows >= numbers[0]) & (rows <= numbers[-1]))).sort_by("row")
    place = np.searchsorted(numbers, table.column("row").to_numpy())
    return place, table


def _floats(table: pa.Table, name: str) -> Any:
    return table.column(name).to_numpy(zero_copy_only=False)


def _each(step: RowStep, name: str, batches: Iterator[Batch], files: Outputs, counts: Counts) -> Iterator[Batch]:
    for batch in batches:
        yield run_row_step(step, name, batch, files, counts)


def run_row_step(step: RowStep, name: str, batch: Batch, files: Outputs, counts: Counts) -> Batch:
    """One step over a batch: rows it drops and rows it cannot process are written down, the others returned."""
    if not len(batch):
        return _with_columns(step, batch)
    counts.come(name, len(batch))
    outcome = _process(step, batch)
    counts.change(name, outcome.changed)
    keep = np.ones(len(batch), np.bool_)
    if outcome.errors:
        bad = sorted(outcome.errors)
        rows = batch.rows.take(pa.array(bad))
        ids, urls = row_ids(rows).to_pylist(), column_or_null(rows, "url").to_pylist()
        errors = [outcome.errors[row] for row in bad]
        files.quarantine([(row, url, name, error) for row, url, error in zip(ids, urls, errors, strict=True)])
        counts.quarantine(name, len(bad))
        keep[bad] = False
    judgement = outcome.judgement
    gone, rules = np.empty(0, np.int64), []
    if judgement is not None:
        gone = np.flatnonzero(keep & ~judgement.kept)
        rules = [judgement.rules[index] for index in judgement.rule[gone]]
        if len(gone):
            files.drop(batch.rows, gone, name, rules, judgement.value[gone], judgement.threshold[gone])
            counts.drop(name, rules)
        keep &= judgement.kept
    counts.count_groups(name, batch.rows, gone, rules, [column.name for column in step.columns()])
    return outcome.batch.filter(keep)


def _process(step: RowStep, batch: Batch) -> Outcome:
    """The step's outcome; if it raises, the rows that make it raise are found by halving and become errors."""
    try:
        return step.process(batch)
    except Exception as error:
        if is_fault(error):
            raise
        if len(batch) == 1:
            return Outcome(_with_columns(step, batch), errors={0: describe(error)})
    middle = len(batch) // 2
    halves = [_process(step, batch.slice(0, middle)), _process(step, batch.slice(middle, len(batch) - middle))]
    return _joined(halves, middle)


def _joined(halves: list[Outcome], middle: int) -> Outcome:
    first, second = halves
    schema = max((half.batch.rows.schema for half in halves), key=len)
    rows = pa.Table.from_batches([to_schema(half.batch.rows, schema) for half in halves]).combine_chunks()
    errors = first.errors | {row + middle: error for row, error in second.errors.items()}
    changed = {
        name: first.changed.get(name, 0) + second.changed.get(name, 0) for name in {*first.changed, *second.changed}
    }
    judgement = None
    if first.judgement is not None or second.judgement is not None:
        judgement = Judgement(rows.num_rows)
        for half, start in ((first, 0), (second, middle)):
            if half.judgement is not None:
                judgement.join(half.judgement, start)
    return Outcome(Batch(rows.to_batches()[0]), judgement, errors, changed)


def _with_columns(step: Step, batch: Batch) -> Batch:
    """The batch with the step's columns as nulls where they are missing: for rows that it did not process."""
    for column in step.columns():
        if column.name not in batch.rows.schema.names:
            batch = batch.with_column(column, pa.nulls(len(batch), column.type))
    return batch


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
