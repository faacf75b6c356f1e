"""Files of streams: every changed byte is seen by who reads it, and only what is asked for is read."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.store.damage import Damaged
from pipeline.store.local import LocalStore
from pipeline.store.partitions import Tables, describe_buckets, read_bucket, write_buckets
from pipeline.store.streams import END, ENTRY, StreamFile, write_streams

ROWS = pa.table({"shard": pa.array([0, 2, 2], pa.int32()), "word": ["a", "b", "c"]})
TABLES = Tables(("work/words",), 3, "shard")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_a_bucket_is_read_by_itself(store: LocalStore):
    write_buckets(store, "work/words", [ROWS], {"shard": 3})
    assert [read_bucket(store, TABLES, bucket)["word"].to_pylist() for bucket in (0, 1, 2, None)] == [
        ["a"], [], ["b", "c"], ["a", "b", "c"],
    ]  # fmt: skip
    assert read_bucket(store, TABLES, 1).schema == ROWS.schema


def test_a_bucket_without_rows_takes_no_bytes(store: LocalStore):
    for count in (3, 1003):
        write_buckets(store, f"work/{count}", [ROWS], {"shard": count})
    assert store.size("work/1003") - store.size("work/3") == 1000 * ENTRY.size


def test_every_changed_byte_is_seen(store: LocalStore, tmp_path: Path):
    write_buckets(store, "work/words", [ROWS], {"shard": 3})
    file = tmp_path / "work" / "words"
    data = file.read_bytes()
    for place in range(len(data)):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        with pytest.raises(Damaged, match=r"work/words is damaged: .*; remove the folder work of the store and run"):
            read_bucket(store, TABLES, None)


@pytest.mark.parametrize("kept", [0, 3, 16, 200])
@pytest.mark.parametrize("from_front", [True, False])
def test_a_file_without_its_end_or_beginning_is_seen(store: LocalStore, tmp_path: Path, kept: int, from_front: bool):
    write_buckets(store, "work/words", [ROWS], {"shard": 3})
    file = tmp_path / "work" / "words"
    data = file.read_bytes()
    file.write_bytes(data[:kept] if from_front else data[len(data) - kept :])
    with pytest.raises(Damaged):
        read_bucket(store, TABLES, None)
    with pytest.raises(Damaged):
        describe_buckets(store, "work/words")


def test_a_reader_of_one_bucket_pays_for_no_other(store: LocalStore, tmp_path: Path):
    write_buckets(store, "work/words", [ROWS], {"shard": 3})
    file = tmp_path / "work" / "words"
    place = file.read_bytes().rindex(b"bc")
    file.write_bytes(file.read_bytes()[:place] + b"bC" + file.read_bytes()[place + 2 :])
    assert read_bucket(store, TABLES, 0)["word"].to_pylist() == ["a"]
    with pytest.raises(Damaged, match="stream 3 has another checksum"):
        read_bucket(store, TABLES, 2)


def test_an_entry_of_another_file_does_not_fit(store: LocalStore, tmp_path: Path):
    """Entries name their own number and the number of streams: whole valid entries cannot change places."""
    write_streams(store, "a", ROWS.schema, [ROWS, ROWS])
    data = (tmp_path / "a").read_bytes()
    size = END.size + 2 * 32
    moved = data[:-size] + data[-size + 32 : -END.size] + data[-size : -size + 32] + data[-END.size :]
    (tmp_path / "a").write_bytes(moved)
    with StreamFile(store, "a") as file, pytest.raises(Damaged, match="the entry of stream 1"):
        file.table(1)
