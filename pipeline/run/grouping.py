"""The one shuffle, as a grouping step calls it: tables from every shard into hash partitions, then groups.

What the tasks do that it starts is in `grouping_tasks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.run.grouping_tasks import (
    INDEX_FILE,
    ROW_COLUMNS,
    MapFunction,
    MapTask,
    Part,
    PartFunction,
    PartTask,
    ReduceTask,
    ShardRows,
    run_map,
    run_part,
    run_reduce,
)
from pipeline.run.runners import Runner
from pipeline.run.space import DoesNotFit, gigabytes, machine_memory
from pipeline.store.artifact import Artifact
from pipeline.store.partitions import EMPTY, Tables, Written, read_bucket
from pipeline.store.review import Review
from pipeline.store.store import Store

PARTITION_BYTES = 128 << 20
"""Of tables that one reduce task reads. What it does with them takes up to four times as much."""
MAX_PARTITIONS = 4096
"""Beyond, partitions grow: every partition is a piece of every shard's file, and small reads cost more than memory."""
SAMPLED_FOOTERS = 64
BYTES_PER_ROW = 64
FAN_IN = 8
"""Tables that one task of a tree joins."""
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


T = TypeVar("T", MapTask, PartTask, ReduceTask)


class TaskFailed(RuntimeError):
    """A task failed for good, by its cause; its name says which."""


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
                f"{what}: {gigabytes(disk - written)} more on disk, but {self._store.root} has "
                f"{gigabytes(free)} free; make room, or run the data set in parts, each `against` those before it"
            )
        if memory > machine_memory():
            raise DoesNotFit(
                f"{what}: {gigabytes(memory)} of memory, but this machine has {gigabytes(machine_memory())}; take a "
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
            MapTask(self._store.root, self._path(name, shard.shard), shard, keys, side, buckets, gather_bytes)
            for shard in self.shards
        ]
        return self._tables(self._run(run_map, tasks), buckets)

    def map_parts(
        self, name: str, function: PartFunction, side: Tables | None = None, bytes_per_row: int = BYTES_PER_ROW
    ) -> Tables:
        """`function(part, its index file, side rows of it)` for every part; it returns `shard` and `row` itself."""
        buckets = self._buckets(bytes_per_row)
        tasks = [
            PartTask(self._store.root, self._path(name, part.shard), part, function, side, buckets)
            for part in self.parts
        ]
        return self._tables(self._run(run_part, tasks), buckets)

    def reduce(self, name: str, function: Callable[[pa.Table], pa.Table], tables: Tables) -> Tables:
        """`function` once per partition: all rows of a key come together, ordered by shard and row."""
        if tables.by not in ("key", EMPTY):
            raise ValueError(f"reduce '{name}': its input has no `key` column; use collect")
        buckets = self._buckets() | {"key": tables.buckets}
        tasks = [
            ReduceTask(self._store.root, self._path(name, bucket), tables, bucket, function, buckets)
            for bucket in range(tables.buckets)
        ]
        return self._tables(self._run(run_reduce, tasks), buckets)

    def tree(self, name: str, function: Callable[[pa.Table], pa.Table], tables: Tables) -> Tables:
        """`function` on each file, then on FAN_IN of its results at a time, until one table is left."""
        groups: list[tuple[str, ...]] = [(path,) for path in tables.paths]
        level = 0
        while True:
            tasks = [
                ReduceTask(
                    self._store.root,
                    self._path(f"{name}/{level}", number),
                    replace(tables, paths=group),
                    None,
                    function,
                    self._buckets(),
                )
                for number, group in enumerate(groups)
            ]
            found = self._tables(self._run(run_reduce, tasks), self._buckets())
            if len(groups) <= 1:
                return found
            groups = [found.paths[first : first + FAN_IN] for first in range(0, len(found.paths), FAN_IN)]
            level += 1

    def collect(self, name: str, function: Callable[[pa.Table], pa.Table], tables: Tables) -> Tables:
        """`function` once on everything: for the last table of a tree, not for texts."""
        path = f"{self._directory}/{name}/all.arrow"
        task = ReduceTask(self._store.root, path, tables, None, function, self._buckets())
        return self._tables(self._run(run_reduce, [task]), self._buckets())

    def index(self, name: str, rows: MapFunction, side: Tables | None = None) -> None:
        """Write `rows(batch, side rows of this batch)` to the level's index/, one file per shard."""
        tasks = [
            MapTask(
                self._store.root, f"{self._level}/index/{name}-{shard.shard:05d}.arrow", shard, rows, side, INDEX_FILE
            )
            for shard in self.shards
        ]
        self._run(run_map, tasks)

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


def partitions(rows: int, bytes_per_row: int) -> int:
    """How many partitions keep each at PARTITION_BYTES."""
    return min(MAX_PARTITIONS, max(1, -(-rows * bytes_per_row // PARTITION_BYTES)))
