"""The shuffle: rows of a key meet, side rows find their batch, partitions do not change results."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from pipeline.run import grouping as module
from pipeline.run.grouping import Grouping
from pipeline.run.grouping_tasks import ShardRows
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from pipeline.store.partitions import Tables, counted, read_bucket
from pipeline.store.shard import ShardWriter

WORDS = [["a", "b", "a"], [], ["c", "a"]]


def keys(batch: Batch, side: pa.Table | None) -> pa.Table:
    # Hashes that fill the 64 bits, so that the keys spread over partitions.
    values = [ord(text) * 0x9E3779B97F4A7C15 % 2**64 for text in batch.text.to_pylist()]
    return pa.table({"key": pa.array(values, pa.uint64()), "row": pa.array(range(len(batch)), pa.int32())})


def count(members: pa.Table) -> pa.Table:
    totals = dict(zip(*np.unique(members.column("key"), return_counts=True), strict=True))
    return members.select(["shard", "row"]).append_column(
        "size", pa.array([int(totals[key]) for key in members.column("key").to_numpy()])
    )


def sides(batch: Batch, side: pa.Table | None) -> pa.Table:
    assert side is not None
    texts = batch.text.to_pylist()
    return pa.table(
        {
            "row": side.column("row"),
            "seen": [
                f"{texts[row]}{size}"
                for row, size in zip(*(side.column(n).to_pylist() for n in ("row", "size")), strict=True)
            ],
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def group(store: LocalStore) -> Grouping:
    schema = pa.schema([pa.field("text", pa.string())])
    shards = []
    for number, words in enumerate(WORDS):
        with ShardWriter(store, f"data/{number}", schema) as writer:
            writer.write(pa.RecordBatch.from_pydict({"text": words}, schema=schema))
            writer.commit("data")
        shards.append(ShardRows(number, f"data/{number}", len(words)))
    return Grouping(store, InlineRunner(), "work", shards)


def everything(store: LocalStore, tables: Tables) -> list[dict]:
    rows = read_bucket(store, tables, None).to_pylist()
    return sorted(rows, key=lambda row: (row["shard"], row["row"]))


@pytest.mark.parametrize("rows_per_partition", [1, 2, 1000])
def test_rows_of_a_key_meet_in_any_number_of_partitions(store: LocalStore, monkeypatch, rows_per_partition: int):
    monkeypatch.setattr(module, "PARTITION_BYTES", 64 * rows_per_partition)
    grouping = group(store)
    sizes = grouping.reduce("count", count, grouping.map("keys", keys))
    assert [(row["shard"], row["row"], row["size"]) for row in everything(store, sizes)] == [
        (0, 0, 3), (0, 1, 1), (0, 2, 3), (2, 0, 1), (2, 1, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("batch_rows", [1, 2, 4096])
def test_side_rows_come_with_their_batch(store: LocalStore, monkeypatch, batch_rows: int):
    monkeypatch.setattr("pipeline.store.shard.BATCH_ROWS", batch_rows)
    grouping = group(store)
    sizes = grouping.reduce("count", count, grouping.map("keys", keys))
    seen = grouping.map("seen", sides, side=sizes)
    assert [row["seen"] for row in everything(store, seen)] == ["a3", "b1", "a3", "c1", "a3"]


def test_pairs_stay_in_as_many_partitions_as_they_came_in(store: LocalStore, monkeypatch):
    monkeypatch.setattr(module, "PARTITION_BYTES", 100)
    grouping = group(store)
    pairs = grouping.map("keys", keys, bytes_per_row=60)
    again = grouping.reduce("again", lambda rows: rows, pairs)
    assert (pairs.buckets, again.buckets, again.by) == (3, 3, "key")
    assert len(everything(store, again)) == 5


def test_what_is_there_is_not_computed_again(store: LocalStore):
    grouping = group(store)
    first = grouping.map("keys", keys)
    assert grouping.map("keys", lambda batch, side: pytest.fail("computed again")) == first


def test_rows_that_were_dropped_are_not_seen_again(store: LocalStore):
    first = group(store)
    sizes = first.reduce("count", count, first.map("keys", keys))
    dropped = first.collect(
        "drop", lambda table: table.append_column("rule", pa.array(["x", None, "x", None, None])), sizes
    )
    shards = [ShardRows(shard.shard, shard.path, shard.rows, (dropped,)) for shard in first.shards]
    second = Grouping(store, InlineRunner(), "later", shards)
    rows = everything(store, second.map("keys", keys))
    assert [(row["shard"], row["row"]) for row in rows] == [(0, 1), (2, 0), (2, 1)]


def test_decisions_must_name_rows(store: LocalStore):
    grouping = group(store)
    with pytest.raises(ValueError, match="`shard` column"):
        grouping.decide(grouping.map("keys", keys))
    with pytest.raises(ValueError, match="no `key` column"):
        grouping.reduce("count", count, Tables((), 1, "shard"))


def total(numbers: pa.Table) -> pa.Table:
    column = "sum" if "sum" in numbers.column_names else "row"
    return counted(pa.table({"sum": [sum(numbers.column(column).to_pylist())]}), {"sums": 1, "nothing": 0})


@pytest.mark.parametrize("fan_in", [2, 8])
def test_a_tree_ends_in_one_table_and_counts_its_tasks(store: LocalStore, monkeypatch, fan_in: int):
    monkeypatch.setattr(module, "PARTITION_BYTES", 64)
    monkeypatch.setattr(module, "FAN_IN", fan_in)
    for _ in range(2):  # the second time all is found
        grouping = group(store)
        pairs = grouping.map("keys", keys)
        tables = grouping.reduce("same", lambda rows: rows.select(["shard", "row"]), pairs)
        found = grouping.tree("total", total, tables)
        assert read_bucket(store, found, None).to_pylist() == [{"sum": 0 + 1 + 2 + 0 + 1}]
        assert len(tables.paths) == 5
        assert grouping.counters == {"sums": 5 + (3 + 2 + 1 if fan_in == 2 else 1)}


def test_tables_of_different_columns_join_by_shard(store: LocalStore):
    grouping = group(store)
    pairs = grouping.map("keys", keys)
    sizes = grouping.reduce("count", count, pairs)
    marks = grouping.reduce("marks", lambda rows: rows.select(["shard", "row"]).slice(0, 1), pairs)
    joined = read_bucket(store, sizes + marks, 0).to_pylist()
    assert sorted((row["row"], row["size"] or 0) for row in joined) == [(0, 0), (0, 3), (1, 1), (2, 3)]
    assert sizes + Tables((), 1, "none") == sizes
    with pytest.raises(ValueError, match="do not join"):
        sizes + pairs


def test_batches_are_joined_up_to_a_size(store: LocalStore, monkeypatch):
    monkeypatch.setattr("pipeline.store.shard.BATCH_ROWS", 1)
    seen: list[int] = []

    def note(batch: Batch, side: pa.Table | None) -> pa.Table:
        seen.append(len(batch))
        return keys(batch, side)

    for number, (size, expected) in enumerate([(0, [1, 1, 1, 1, 1]), (10, [2, 1, 2]), (1000, [3, 2])]):
        seen.clear()
        rows = everything(store, group(store).map(f"keys{number}", note, gather_bytes=size))
        assert [(row["shard"], row["row"]) for row in rows] == [(0, 0), (0, 1), (0, 2), (2, 0), (2, 1)]
        assert seen == expected
