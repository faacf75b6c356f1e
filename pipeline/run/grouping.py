"""The one shuffle: tables from every shard into hash-partitioned files (`buckets.py`), then groups."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.rows.batch import Batch
from pipeline.run.runners import Runner
from pipeline.store.artifact import Artifact
from pipeline.store.checked import read_checked
from pipeline.store.index import IndexFile, write_index
from pipeline.store.partitions import EMPTY, Tables, Written, describe_buckets, read_bucket, write_buckets
from pipeline.store.review import Review
from pipeline.store.shard import read_batches
from pipeline.store.store import Store, locate, open_store

PARTITION_BYTES = 128 << 20
"""Of tables that one reduce task reads. What it does with them takes up to four times as much."""
MAX_PARTITIONS = 4096
"""Beyond, partitions grow: every partition is a piece of every shard's file, and small reads cost more than memory."""
SAMPLED_FOOTERS = 64
BYTES_PER_ROW = 64
FAN_IN = 8
"""Tables that one task of a tree joins."""
ROW_COLUMNS = (pa.field("shard", pa.int32()), pa.field("row", pa.int32()))
DECISION_SCHEMA = pa.schema(
    [
        *ROW_COLUMNS,
        pa.field("rule", pa.string()),  # null: the row is kept
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
    ]
)
CLUSTER_COLUMNS = (
    pa.field("id", pa.string()),
    pa.field("cluster", pa.string()),
    pa.field("kept_id", pa.string()),
    pa.field("similarity", pa.float64()),
)


class DoesNotFit(RuntimeError):
    """The disk or the memory is too small for what a step needs."""


class TaskFailed(RuntimeError):
    """A task failed for good, by its cause; its name says which."""


@dataclass(frozen=True, slots=True)
class ShardRows:
    """The rows of one shard as a grouping step sees them: a file, less what earlier decisions dropped."""

    shard: int
    path: str
    rows: int
    decisions: tuple[Tables, ...] = ()
    sha256: str = ""
    """Of the file; empty: not known, and not compared."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of an earlier level's index, in this store or another, numbered after the shards."""

    shard: int
    location: str
    rows: int


MapFunction = Callable[[Batch, pa.Table | None], pa.Table]
PartFunction = Callable[[Part, IndexFile, pa.Table | None], pa.Table]


class Grouping:
    """What a grouping step works with. Each call is a set of tasks whose results are found by name when resumed."""

    def __init__(
        self, store: Store, runner: Runner, directory: str, shards: Sequence[ShardRows], level: str | None = None
    ) -> None:
        self._store, self._runner, self._directory = store, runner, directory
        self._level = directory if level is None else level
        self.dataset = self._level.rpartition("/")[2].rpartition("-")[0]
        self.shards = tuple(shards)
        self.parts: tuple[Part, ...] = ()
        self.rows = sum(shard.rows for shard in shards)
        self.decisions: Tables | None = None
        self.counters: dict[str, int] = {}

    def add_parts(self, files: Sequence[tuple[str, int]]) -> None:
        """Make (location, rows) of index files known, before the first call of `map`."""
        first = max((shard.shard for shard in self.shards), default=-1) + 1
        self.parts = tuple(Part(first + number, location, rows) for number, (location, rows) in enumerate(files))
        self.rows = sum(shard.rows for shard in self.shards) + sum(part.rows for part in self.parts)

    def require(self, what: str, disk: int = 0, memory: int = 0) -> None:
        """Raise DoesNotFit if the store's disk has fewer free bytes, or this machine less memory."""
        written = sum(self._store.size(path) for path in self._store.list(self._directory))
        free = self._store.free_bytes()
        if free is not None and disk - written > free:
            raise DoesNotFit(
                f"{what}: {_gigabytes(disk - written)} more on disk, but {self._store.root} has "
                f"{_gigabytes(free)} free; make room, or run the data set in parts, each `against` those before it"
            )
        if memory > machine_memory():
            raise DoesNotFit(
                f"{what}: {_gigabytes(memory)} of memory, but this machine has {_gigabytes(machine_memory())}; take a "
                "larger one, or run the data set in parts, each `against` those before it"
            )

    def read(self, tables: Tables) -> pa.Table:
        """All rows, here in the process that plans: for counts and cuts."""
        return read_bucket(self._store, tables, None)

    def size(self, tables: Tables) -> int:
        """Bytes of the files."""
        return sum(self._store.size(path) for path in tables.paths)

    def text_bytes_per_row(self) -> float:
        """Mean bytes of a text, from the footers of a sample of the shards."""
        step = -(-len(self.shards) // SAMPLED_FOOTERS) or 1
        size = rows = 0
        for shard in self.shards[::step]:
            with self._store.open(shard.path) as file:
                metadata = pq.read_metadata(file)
            column = metadata.schema.names.index("text")
            groups = range(metadata.num_row_groups)
            size += sum(metadata.row_group(group).column(column).total_uncompressed_size for group in groups)
            rows += metadata.num_rows
        return size / max(1, rows)

    def map(
        self,
        name: str,
        keys: MapFunction,
        side: Tables | None = None,
        bytes_per_row: int = BYTES_PER_ROW,
        gather_bytes: int = 0,
    ) -> Tables:
        """`keys(batch, side rows of this batch)` for every batch.

        It returns a table with `row` (int32, index within the batch), usually `key` (uint64), and payload; the tables
        written have `row` as index within the shard, and `shard`. `bytes_per_row`: of the table, per document of the
        level; the number of partitions follows from it. `gather_bytes`: join batches up to this much text.
        """
        buckets = self._buckets(bytes_per_row)
        tasks = [
            _MapTask(self._store.root, self._path(name, shard.shard), shard, keys, side, buckets, gather_bytes)
            for shard in self.shards
        ]
        return self._tables(self._run(_run_map, tasks), buckets)

    def map_parts(
        self, name: str, function: PartFunction, side: Tables | None = None, bytes_per_row: int = BYTES_PER_ROW
    ) -> Tables:
        """`function(part, its index file, side rows of it)` for every part; it returns `shard` and `row` itself."""
        buckets = self._buckets(bytes_per_row)
        tasks = [
            _PartTask(self._store.root, self._path(name, part.shard), part, function, side, buckets)
            for part in self.parts
        ]
        return self._tables(self._run(_run_part, tasks), buckets)

    def reduce(self, name: str, function: Callable[[pa.Table], pa.Table], tables: Tables) -> Tables:
        """`function` once per partition: all rows of a key come together, ordered by shard and row."""
        if tables.by not in ("key", EMPTY):
            raise ValueError(f"reduce '{name}': its input has no `key` column; use collect")
        buckets = self._buckets() | {"key": tables.buckets}
        tasks = [
            _ReduceTask(self._store.root, self._path(name, bucket), tables, bucket, function, buckets)
            for bucket in range(tables.buckets)
        ]
        return self._tables(self._run(_run_reduce, tasks), buckets)

    def tree(self, name: str, function: Callable[[pa.Table], pa.Table], tables: Tables) -> Tables:
        """`function` on each file, then on FAN_IN of its results at a time, until one table is left."""
        groups: list[tuple[str, ...]] = [(path,) for path in tables.paths]
        level = 0
        while True:
            tasks = [
                _ReduceTask(
                    self._store.root,
                    self._path(f"{name}/{level}", number),
                    replace(tables, paths=group),
                    None,
                    function,
                    self._buckets(),
                )
                for number, group in enumerate(groups)
            ]
            found = self._tables(self._run(_run_reduce, tasks), self._buckets())
            if len(groups) <= 1:
                return found
            groups = [found.paths[first : first + FAN_IN] for first in range(0, len(found.paths), FAN_IN)]
            level += 1

    def collect(self, name: str, function: Callable[[pa.Table], pa.Table], tables: Tables) -> Tables:
        """`function` once on everything: for the last table of a tree, not for texts."""
        path = f"{self._directory}/{name}/all.arrow"
        task = _ReduceTask(self._store.root, path, tables, None, function, self._buckets())
        return self._tables(self._run(_run_reduce, [task]), self._buckets())

    def index(self, name: str, rows: MapFunction, side: Tables | None = None) -> None:
        """Write `rows(batch, side rows of this batch)` to the level's index/, one file per shard."""
        tasks = [
            _MapTask(
                self._store.root, f"{self._level}/index/{name}-{shard.shard:05d}.arrow", shard, rows, side, INDEX_FILE
            )
            for shard in self.shards
        ]
        self._run(_run_map, tasks)

    def register(self, lot: str, plan: bytes) -> None:
        """Write down what is going to be drawn of a lot for people, before anything is; a lot has one plan for good."""
        Review(self._store, lot).register(plan)

    def ask_people(self, lot: str, records: bytes) -> bytes:
        """What people decided of the records drawn of a registered lot; WaitsForPeople as long as they have not."""
        decision = Review(self._store, lot).ask(records)
        self._store.create(f"{self._level}/people/{lot}.json", decision)
        return decision

    def decide(self, decisions: Tables) -> None:
        """Rows to drop or to mark: DECISION_SCHEMA, CLUSTER_COLUMNS if there are clusters, and the step's columns."""
        if decisions.by not in ("shard", EMPTY):
            raise ValueError("decisions need a `shard` column and no `key` column")
        self.decisions = decisions

    def _run(self, function: Callable[[T], Written], tasks: Sequence[T]) -> list[Written]:
        """What the tasks wrote, in their order. The first failure is written down, and ends the level."""
        found: dict[int, Written] = {}
        for index, result in self._runner.map(function, tasks):
            if isinstance(result, Exception):
                output = tasks[index].output
                Artifact(self._store, output.removesuffix(".arrow"), output).fail(result)
                raise TaskFailed(output) from result
            found[index] = result
        return [found[index] for index in range(len(tasks))]

    def _path(self, name: str, number: int) -> str:
        return f"{self._directory}/{name}/part-{number:05d}.arrow"

    def _buckets(self, bytes_per_row: int = BYTES_PER_ROW) -> dict[str, int]:
        numbers = [shard.shard for shard in self.shards] + [part.shard for part in self.parts]
        shards = max(numbers, default=0) + 1
        return {"key": partitions(self.rows, bytes_per_row), "shard": shards, "": 1}

    def _tables(self, written: Sequence[Written], buckets: dict[str, int]) -> Tables:
        by = {one.kind for one in written} - {EMPTY}
        if len(by) > 1:
            raise ValueError(f"a grouping function returned tables with different columns: {sorted(by)}")
        for one in written:
            for name, count in one.counters.items():
                self.counters[name] = self.counters.get(name, 0) + count
        kind = by.pop() if by else EMPTY
        return Tables(tuple(one.path for one in written), buckets.get(kind, 1), kind)


def machine_memory() -> int:
    """Bytes of memory of this machine, or of the container that limits it."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="utf-8").strip() if limit.is_file() else "max"
    return physical if text == "max" else min(physical, int(text))


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"


def partitions(rows: int, bytes_per_row: int) -> int:
    """How many partitions keep each at PARTITION_BYTES."""
    return min(MAX_PARTITIONS, max(1, -(-rows * bytes_per_row // PARTITION_BYTES)))


INDEX_FILE: dict[str, int] = {}
"""In place of numbers of buckets: an index file."""


@dataclass(frozen=True, slots=True)
class _MapTask:
    store: str
    output: str
    shard: ShardRows
    keys: MapFunction
    side: Tables | None
    buckets: dict[str, int]
    gather_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _PartTask:
    store: str
    output: str
    part: Part
    function: PartFunction
    side: Tables | None
    buckets: dict[str, int]


@dataclass(frozen=True, slots=True)
class _ReduceTask:
    store: str
    output: str
    tables: Tables
    bucket: int | None
    function: Callable[[pa.Table], pa.Table]
    buckets: dict[str, int]


T = TypeVar("T", _MapTask, _PartTask, _ReduceTask)


def _run_map(task: _MapTask) -> Written:
    store = open_store(task.store)
    if store.exists(task.output):
        return Written(task.output, "", {}) if not task.buckets else describe_buckets(store, task.output)
    side = read_bucket(store, task.side, task.shard.shard) if task.side else None
    tables = []
    for numbers, batch in _gathered(kept_batches(store, task.shard), task.gather_bytes):
        table = task.keys(batch, _rows_of(side, numbers) if side is not None else None)
        local = table.column("row").to_numpy()
        table = table.set_column(
            table.schema.get_field_index("row"), ROW_COLUMNS[1], pa.array(numbers[local].astype(np.int32))
        )
        if task.buckets:  # an index is read under another number
            shard = pa.array(np.full(table.num_rows, task.shard.shard, np.int32))
            table = table.append_column(ROW_COLUMNS[0], shard)
        tables.append(table)
    if not task.buckets:
        write_index(store, task.output, tables)
        return Written(task.output, "", {})
    return write_buckets(store, task.output, tables, task.buckets)


def _gathered(
    batches: Iterable[tuple[int, np.ndarray[Any, Any], Batch]], size: int
) -> Iterator[tuple[np.ndarray[Any, Any], Batch]]:
    """(row numbers, batch), of at least `size` bytes but for the last one."""
    numbers: list[np.ndarray[Any, Any]] = []
    rows: list[pa.RecordBatch] = []
    for first, places, batch in batches:
        numbers.append(places + first)
        rows.append(batch.rows)
        if sum(part.nbytes for part in rows) >= size:
            yield np.concatenate(numbers), Batch(pa.concat_batches(rows) if len(rows) > 1 else rows[0])
            numbers, rows = [], []
    if rows:
        yield np.concatenate(numbers), Batch(pa.concat_batches(rows))


def _run_part(task: _PartTask) -> Written:
    store = open_store(task.store)
    if store.exists(task.output):
        return describe_buckets(store, task.output)
    side = read_bucket(store, task.side, task.part.shard) if task.side else None
    around, name = locate(task.part.location)
    with IndexFile(around, name) as index:
        return write_buckets(store, task.output, [task.function(task.part, index, side)], task.buckets)


def _run_reduce(task: _ReduceTask) -> Written:
    store = open_store(task.store)
    if store.exists(task.output):
        return describe_buckets(store, task.output)
    table = read_bucket(store, task.tables, task.bucket)
    return write_buckets(store, task.output, [task.function(table)] if table.num_columns else [], task.buckets)


def kept_batches(store: Store, shard: ShardRows) -> Any:
    """(first row's number, row numbers relative to it, batch) for the rows that no decision so far has dropped.

    Columns that earlier grouping steps of this level set are not visible yet: they are added when decisions apply.
    """
    dropped = [_dropped_rows(read_bucket(store, tables, shard.shard)) for tables in shard.decisions]
    gone = np.unique(np.concatenate(dropped)) if dropped else np.empty(0, np.int64)
    first = 0
    for rows in _read(store, shard):
        numbers = np.arange(first, first + rows.num_rows)
        keep = ~np.isin(numbers, gone, assume_unique=True)
        if keep.any():
            yield first, np.flatnonzero(keep), Batch(rows).filter(keep)
        first += rows.num_rows


def _read(store: Store, shard: ShardRows) -> Iterator[pa.RecordBatch]:
    # What a task computed of a damaged file would be found by its name after the file was restored.
    return read_checked(store, shard.path, shard.sha256) if shard.sha256 else read_batches(store.open(shard.path))


def _dropped_rows(decisions: pa.Table) -> np.ndarray[Any, Any]:
    if not decisions.num_columns:
        return np.empty(0, np.int64)
    rows: np.ndarray[Any, Any] = (
        decisions.filter(decisions.column("rule").is_valid()).column("row").to_numpy().astype(np.int64)
    )
    return rows


def _rows_of(side: pa.Table, numbers: np.ndarray[Any, Any]) -> pa.Table:
    """The side rows of these row numbers, `row` made relative to the batch."""
    if not side.num_columns:
        return pa.table({"row": pa.array([], pa.int32())})
    rows = side.column("row").to_numpy()
    place = np.searchsorted(numbers, rows)
    here = numbers[np.minimum(place, len(numbers) - 1)] == rows
    chosen = side.filter(pa.array(here))
    return chosen.set_column(
        chosen.schema.get_field_index("row"), ROW_COLUMNS[1], pa.array(place[here].astype(np.int32))
    )
