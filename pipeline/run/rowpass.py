"""What one task does to one shard: read, apply earlier decisions, run row steps in order, write (`outputs.py`)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.books.accounting import Counts, chain, total
from pipeline.books.manifest import ShardRecord, dump, load
from pipeline.rows.batch import Batch
from pipeline.rows.document import content_hash, to_schema
from pipeline.run.decisions import Decided, apply_decision
from pipeline.run.generate import run_generator, run_until
from pipeline.run.in_order import InOrder
from pipeline.run.incoming import Incoming, from_source, identify, text_bytes
from pipeline.run.ledger import Ledger
from pipeline.run.outputs import Outputs
from pipeline.run.produce import run_producer
from pipeline.run.row_step import run_row_step
from pipeline.steps import Generator, Producer, RowStep, Source, Step, Unit, step_name
from pipeline.store.artifact import Artifact
from pipeline.store.checked import read_checked
from pipeline.store.partitions import read_bucket
from pipeline.store.store import Store, open_store


@dataclass(frozen=True, slots=True)
class RowTask:
    """One shard through one pass."""

    store: str
    directory: str
    """Of the pass; files go to its data/, dropped/, … and the record to its shards/."""
    shard: int
    units: tuple[Unit, ...]
    """What to read: a part of an input file (L0), or files of the store, one after the other."""
    first: int
    """The number of the first among the shards of the pass or level before."""
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
        with ExitStack() as stack:
            files = task.outputs(store, stack)
            process_rows(store, task, files)
            return dump(_finish(task, store, files, time.monotonic() - started))

    return load(ShardRecord, store, task.record, task.artifact(store).make(work, lease=False))


def process_rows(store: Store, task: RowTask, files: Outputs, only: tuple[int, int] | None = None) -> int:
    """All rows through all steps into the files; how many came in. `only`: process these, for `pipeline.run.poison`."""
    for step in task.steps:
        step.prepare()
    rows, ledger = Incoming(task.poison, only), Ledger(store)
    batches = _incoming(store, task, files, rows)
    for name, step in zip(task.names[len(task.decided) :], task.steps, strict=True):
        if isinstance(step, Generator) and (target := step.target()) is not None:
            batches = run_until(step, name, target, _in_order(store, task, files.counts), ledger, files)
        elif isinstance(step, Generator):
            batches = run_generator(step, name, batches, ledger, files)
        elif isinstance(step, Producer):
            is_here = task.shard == 0 and only is None
            batches = run_producer(step, name, batches, files, is_here)
        elif isinstance(step, RowStep):
            batches = _each(step, name, batches, files)
    for batch in batches:
        if task.source is not None:
            batch = identify(batch)
        files.counts.rows_out += len(batch)
        files.counts.bytes_out += text_bytes(batch.rows)
        files.data.write(to_schema(batch.rows, task.schema))
    return rows.seen


def _finish(task: RowTask, store: Store, files: Outputs, seconds: float) -> ShardRecord:
    """Commit the files; their record, which carries on what earlier passes dropped from this shard."""
    passes = [files.counts]
    if task.before:
        shards = range(task.first, task.first + len(task.units))
        found = [load(ShardRecord, store, f"{task.before}/shards/part-{shard:05d}.json") for shard in shards]
        for before in found:
            files.carry_on(store, before)
            seconds += before.seconds
        passes = [total(before.counts for before in found), files.counts]
    counts = chain(passes)
    counts.check(f"{task.directory} shard {task.shard}")
    return ShardRecord(
        shard=task.shard,
        input=_input(task.units),
        counts=counts,
        files=files.commit(),
        seconds=round(seconds, 3),
    )


def _input(units: Sequence[Unit]) -> dict[str, Any]:
    if len(units) == 1:
        return {"sha256": units[0].sha256, "start": units[0].start, "stop": units[0].stop}
    return {"sha256": content_hash(*(unit.sha256 for unit in units)), "start": 0, "stop": None}


def _incoming(store: Store, task: RowTask, files: Outputs, incoming: Incoming) -> Iterator[Batch]:
    """Batches as they come in, counted, with the decisions of earlier grouping steps applied."""
    # Poison is blamed on the first step that works here, decisions apart, which only take rows away.
    first_step = (task.names[len(task.decided) :] or [step_name(0, task.source.kind if task.source else "read")])[0]
    if task.source is not None:
        for unit in _not_empty(task.units):
            for found in task.source.read(unit):
                keep = incoming.admit(found.rows, first_step, files)
                yield from_source(found, task.source, files, keep)
        return
    decisions = [(decided, read_bucket(store, decided.tables, task.shard)) for decided in task.decided]
    first = 0
    for rows in _read(store, task.units):
        files.counts.rows_in += rows.num_rows
        files.counts.bytes_in += text_bytes(rows)
        numbers = np.arange(first, first + rows.num_rows)
        first += rows.num_rows
        keep = incoming.admit(rows, first_step, files)
        batch, numbers = (Batch(rows), numbers) if keep.all() else (Batch(rows).filter(keep), numbers[keep])
        for name, (decided, table) in zip(task.names, decisions, strict=False):
            batch, numbers = apply_decision(decided.step, name, table, batch, numbers, files)
        yield batch


def _not_empty(units: Sequence[Unit]) -> list[Unit]:
    return [unit for unit in units if unit.stop != unit.start]


def _read(store: Store, units: Sequence[Unit]) -> Iterator[pa.RecordBatch]:
    for unit in _not_empty(units):
        yield from read_checked(store, unit.path, unit.sha256)


def _in_order(store: Store, task: RowTask, counts: Counts) -> InOrder:
    """All rows of the level, counted once."""

    def seen(rows: pa.RecordBatch) -> None:
        counts.rows_in += rows.num_rows
        counts.bytes_in += text_bytes(rows)

    return InOrder(lambda: _read(store, task.units), seen)


def _each(step: RowStep, name: str, batches: Iterator[Batch], files: Outputs) -> Iterator[Batch]:
    for batch in batches:
        yield run_row_step(step, name, batch, files)
