"""Parquet shards: bytes repeat, damage is seen, huge rows come alone."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.store import shard
from pipeline.store.shard import ShardWriter, read_batches, split_by_bytes
from pipeline.store.store import LocalStore

SCHEMA = pa.schema([pa.field("text", pa.string())])


def write(store: LocalStore, path: str, *batches: list[str]):
    with ShardWriter(store, path, SCHEMA) as writer:
        for texts in batches:
            writer.write(pa.RecordBatch.from_pydict({"text": texts}, schema=SCHEMA))
        return writer.commit("data")


def test_the_same_rows_give_the_same_bytes(tmp_path: Path):
    store = LocalStore(tmp_path)
    first, second = write(store, "a", ["x", "y"], ["z"]), write(store, "b", ["x", "y"], ["z"])
    assert first.sha256 == second.sha256
    assert (first.rows, first.bytes) == (3, (tmp_path / "a").stat().st_size)


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path):
    store = LocalStore(tmp_path)
    with pytest.raises(pa.ArrowTypeError):
        write(store, "a", ["x"], [1])
    assert store.list(".") == []


def test_no_rows_still_make_a_file_with_its_schema(tmp_path: Path):
    entry = write(LocalStore(tmp_path), "a")
    assert entry.rows == 0
    assert pq.read_schema(tmp_path / "a") == SCHEMA


def test_one_flipped_bit_in_a_page_is_seen(tmp_path: Path):
    write(LocalStore(tmp_path), "a", [f"some text number {number}" for number in range(1000)])
    data = bytearray((tmp_path / "a").read_bytes())
    data[len(data) // 4] ^= 1
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(OSError, match=r"checksum|CRC|crc"):
        list(read_batches(str(tmp_path / "a")))


def test_huge_rows_come_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shard, "BATCH_BYTES", 100)
    batch = pa.RecordBatch.from_pydict({"text": ["a", "b" * 500, "c", "d"]})
    parts = list(split_by_bytes(batch))
    assert [part.num_rows for part in parts] == [1, 1, 2]
    assert pa.Table.from_batches(parts).column("text").to_pylist() == batch.column("text").to_pylist()


def test_rows_that_repeat_are_decoded_a_row_group_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shard, "ROW_GROUP_BYTES", 10_000)
    write(LocalStore(tmp_path), "a", *([["x" * 5_000] * 2] * 10))
    assert [batch.num_rows for batch in read_batches(str(tmp_path / "a"))] == [2] * 10
