"""Parquet shards: bytes repeat, damage is seen, huge rows come alone."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.store import shard
from pipeline.store.local import LocalStore
from pipeline.store.shard import (
    ShardWriter,
    describe_file,
    file_sha256,
    num_rows,
    read_batches,
    rows_per_batch,
    split_by_bytes,
    stored_sha256,
)

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


def test_a_file_is_described_by_what_is_in_it(tmp_path: Path):
    store = LocalStore(tmp_path)
    entry = write(store, "a", ["x"], [], ["y", "z"])
    digest = hashlib.sha256((tmp_path / "a").read_bytes()).hexdigest()
    assert entry.model_dump() == {
        "role": "data", "path": "a", "rows": 3, "sha256": digest, "bytes": (tmp_path / "a").stat().st_size,
        "footer": "",
    }  # fmt: skip
    assert describe_file(store, "a", "data", 3) == entry
    assert stored_sha256(store, "a") == file_sha256(tmp_path / "a") == digest
    assert num_rows(store, "a") == 3


def test_of_two_writers_the_first_ones_file_is_described(tmp_path: Path):
    store = LocalStore(tmp_path)
    first = write(store, "a", ["x"])
    assert write(store, "a", ["y", "z"]) == first
    assert store.list(".") == ["a"]


def test_rows_are_gathered_into_row_groups_of_some_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def groups(name: str) -> list[int]:
        write(LocalStore(tmp_path), name, *([str(number)] * 10 for number in range(5)))
        metadata = pq.read_metadata(tmp_path / name)
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]

    size = pa.RecordBatch.from_pydict({"text": ["0"] * 10}).get_total_buffer_size()
    assert groups("one") == [50]
    monkeypatch.setattr(shard, "ROW_GROUP_BYTES", 2 * size)
    assert groups("two") == [20, 20, 10]  # what is written does not count for the next one
    monkeypatch.setattr(shard, "ROW_GROUP_BYTES", 2 * size + 1)
    assert groups("three") == [30, 20]


def test_files_are_compressed_and_carry_an_index_and_checksums(tmp_path: Path):
    write(LocalStore(tmp_path), "a", ["text"] * 1000)
    column = pq.read_metadata(tmp_path / "a").row_group(0).column(0)
    assert (column.compression, column.has_column_index, column.has_offset_index) == ("ZSTD", True, True)


def test_a_change_of_one_row_leaves_most_bytes_as_they_were(tmp_path: Path):
    # Chunk borders follow the content, so that stores which know equal chunks keep them once.
    rows = [hashlib.sha256(str(number).encode()).hexdigest() * 4 for number in range(60_000)]
    write(LocalStore(tmp_path), "a", rows)
    write(LocalStore(tmp_path), "b", ["new", *rows])
    first, second = ((tmp_path / name).read_bytes() for name in "ab")
    tail = first[-len(first) // 3 : -len(first) // 4]
    assert tail in second


def test_only_the_wanted_columns_are_read(tmp_path: Path):
    pq.write_table(pa.table({"id": ["1"], "text": ["a"], "url": ["u"]}), tmp_path / "a")
    (batch,) = read_batches(tmp_path / "a", ["text", "id"])
    assert sorted(batch.schema.names) == ["id", "text"]
    (batch,) = read_batches(tmp_path / "a")
    assert batch.schema.names == ["id", "text", "url"]


def test_batches_hold_so_many_bytes_or_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    texts = [f"{number:0100}" for number in range(100)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "a", row_group_size=50, use_dictionary=False)
    metadata = pq.read_metadata(tmp_path / "a")
    assert rows_per_batch(metadata) == shard.BATCH_ROWS
    monkeypatch.setattr(shard, "BATCH_ROWS", 30)
    assert rows_per_batch(metadata) == 30
    monkeypatch.setattr(shard, "BATCH_BYTES", 1200)  # of a hundred bytes and a few of Parquet's
    assert rows_per_batch(metadata) == 11
    read = list(read_batches(tmp_path / "a"))
    assert max(batch.num_rows for batch in read) <= 11
    assert [text for batch in read for text in batch.column("text").to_pylist()] == texts
    monkeypatch.setattr(shard, "BATCH_BYTES", 1)
    assert rows_per_batch(metadata) == 1


def test_a_file_without_rows_has_a_size_of_batch_too(tmp_path: Path):
    write(LocalStore(tmp_path), "a")
    assert rows_per_batch(pq.read_metadata(tmp_path / "a")) == shard.BATCH_ROWS
    assert list(read_batches(tmp_path / "a")) == []


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
