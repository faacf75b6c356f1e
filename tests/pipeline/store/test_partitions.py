"""The shuffle's files: each row lies in exactly one bucket, in the order it came, and a reader gets only its own."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.store import partitions
from pipeline.store.partitions import (
    EMPTY,
    Tables,
    counted,
    describe_buckets,
    read_bucket,
    write_buckets,
    write_plain,
)
from pipeline.store.store import LocalStore

QUARTER = 2**62
"""A quarter of the key space."""


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def keyed(*rows: tuple[int, int]) -> pa.Table:
    """Rows of (key, number)."""
    keys, numbers = zip(*rows, strict=True) if rows else ((), ())
    return pa.table({"key": pa.array(keys, pa.uint64()), "number": pa.array(numbers, pa.int32())})


def numbers(table: pa.Table) -> list[int]:
    return table.column("number").to_pylist()


def test_a_key_lies_in_its_range_of_the_key_space(store: LocalStore):
    rows = keyed((3 * QUARTER, 0), (0, 1), (QUARTER - 1, 2), (QUARTER, 3), (2**64 - 1, 4), (2 * QUARTER - 1, 5))
    write_buckets(store, "a", [rows], {"key": 4})
    tables = Tables(("a",), 4, "key")
    assert [numbers(read_bucket(store, tables, bucket)) for bucket in range(4)] == [[1, 2], [3, 5], [], [0, 4]]
    assert sorted(numbers(read_bucket(store, tables, None))) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("taken", [1, 40, 16 << 20])
def test_rows_keep_their_order_however_many_are_taken_at_once(store: LocalStore, monkeypatch, taken: int):
    monkeypatch.setattr(partitions, "TAKEN_BYTES", taken)
    rows = [(number * 0x9E3779B97F4A7C15 % 2**64, number) for number in range(60)]
    write_buckets(store, "a", [keyed(*rows)], {"key": 7})
    found = [numbers(read_bucket(store, Tables(("a",), 7, "key"), bucket)) for bucket in range(7)]
    assert found == [[number for key, number in rows if key * 7 >> 64 == bucket] for bucket in range(7)]
    assert all(part == sorted(part) for part in found)


def test_a_table_by_shard_has_a_bucket_per_shard(store: LocalStore):
    rows = pa.table({"shard": pa.array([2, 0, 2], pa.int32()), "number": pa.array([0, 1, 2], pa.int32())})
    written = write_buckets(store, "a", [rows], {"key": 9, "shard": 3, "": 1})
    assert written.kind == "shard"
    tables = Tables(("a",), 3, "shard")
    assert [numbers(read_bucket(store, tables, shard)) for shard in range(3)] == [[1], [], [0, 2]]


def test_a_table_of_neither_is_one_bucket(store: LocalStore):
    written = write_buckets(
        store, "a", [pa.table({"number": [3, 1]}), pa.table({"number": [2]})], {"key": 9, "shard": 3}
    )
    assert (written.path, written.kind) == ("a", "")
    assert numbers(read_bucket(store, Tables(("a",), 1, ""), 0)) == [3, 1, 2]


def test_a_key_counts_before_a_shard(store: LocalStore):
    rows = keyed((0, 0), (2**64 - 1, 1)).append_column("shard", pa.array([0, 0], pa.int32()))
    assert write_buckets(store, "a", [rows], {"key": 2, "shard": 1}).kind == "key"
    assert describe_buckets(store, "a").kind == "key"
    assert numbers(read_bucket(store, Tables(("a",), 2, "key"), 1)) == [1]


def test_files_are_read_in_their_order(store: LocalStore):
    write_buckets(store, "a", [keyed((5, 1), (2**64 - 1, 2))], {"key": 2})
    write_buckets(store, "b", [keyed((5, 3), (4, 4))], {"key": 2})
    assert numbers(read_bucket(store, Tables(("b", "a"), 2, "key"), 0)) == [3, 4, 1]
    assert numbers(read_bucket(store, Tables(("b", "a"), 2, "key"), None)) == [3, 4, 1, 2]


def test_an_empty_bucket_still_has_its_columns(store: LocalStore):
    write_buckets(store, "a", [keyed((0, 1))], {"key": 2})
    found = read_bucket(store, Tables(("a",), 2, "key"), 1)
    assert (found.num_rows, found.column_names) == (0, ["key", "number"])
    write_buckets(store, "none", [keyed()], {"key": 2})
    assert read_bucket(store, Tables(("none",), 2, "key"), None).column_names == ["key", "number"]


def test_a_reader_of_one_bucket_is_not_stopped_by_damage_in_another(store: LocalStore, tmp_path: Path):
    # It reads its own bytes only, which is what the file's shape is for.
    write_buckets(store, "a", [keyed(*((0, number) for number in range(100)), (2**64 - 1, 7))], {"key": 2})
    data = (tmp_path / "a").read_bytes()
    offsets = np.frombuffer(data[-32:], np.int64)
    assert offsets[-1] == 2  # the number of buckets closes the file, their bounds lie before it
    (tmp_path / "a").write_bytes(data[: offsets[0]] + bytes(offsets[1] - offsets[0]) + data[offsets[1] :])
    assert numbers(read_bucket(store, Tables(("a",), 2, "key"), 1)) == [7]


def test_a_task_that_saw_no_rows_says_nothing_of_its_siblings_kind(store: LocalStore):
    written = write_buckets(store, "a", [], {"key": 4, "shard": 2})
    assert written.kind == EMPTY == describe_buckets(store, "a").kind
    write_buckets(store, "b", [keyed((0, 1))], {"key": 4})
    assert numbers(read_bucket(store, Tables(("a", "b"), 4, "key"), 0)) == [1]
    assert read_bucket(store, Tables(("a",), 1, EMPTY), 0) == pa.table({})


def test_counters_are_summed_over_tables_and_found_again(store: LocalStore):
    tables = [counted(keyed((0, 1)), {"pairs": 2, "none": 0}), counted(keyed((1, 2)), {"pairs": 3, "checked": 1})]
    written = write_buckets(store, "a", tables, {"key": 2})
    assert written.counters == {"pairs": 5, "checked": 1} == describe_buckets(store, "a").counters
    # They belong to the task, not to its rows.
    assert read_bucket(store, Tables(("a",), 2, "key"), 0).schema.metadata is None


def test_a_table_without_counts_carries_none(store: LocalStore):
    assert counted(keyed((0, 1)), {"none": 0}).schema.metadata is None
    assert (
        write_buckets(store, "a", [keyed((0, 1))], {"key": 2}).counters == {} == describe_buckets(store, "a").counters
    )


def test_a_column_of_nulls_takes_the_type_that_another_file_gives_it(store: LocalStore):
    write_buckets(store, "a", [pa.table({"rule": pa.nulls(1)})], {})
    write_buckets(store, "b", [pa.table({"rule": ["x"]})], {})
    assert read_bucket(store, Tables(("a", "b"), 1, ""), 0).column("rule").to_pylist() == [None, "x"]


def test_the_first_file_of_a_name_stays(store: LocalStore):
    for number in (1, 2):
        write_buckets(store, "a", [keyed((0, number))], {"key": 1})
        write_plain(store, "plain", [keyed((0, number))])
    assert numbers(read_bucket(store, Tables(("a",), 1, "key"), 0)) == [1]
    assert store.list(".") == ["a", "plain"]  # nothing temporary is left


def test_tables_join_only_with_their_like():
    keys, more, shards = Tables(("a",), 4, "key"), Tables(("b",), 4, "key"), Tables(("c",), 4, "shard")
    nothing = Tables(("d",), 1, EMPTY)
    assert keys + more == Tables(("a", "b"), 4, "key")
    assert keys + nothing == keys == nothing + keys
    for other in (shards, Tables(("b",), 5, "key")):
        with pytest.raises(ValueError, match=rf"4 buckets by 'key' and {other.buckets} by '{other.by}' do not join"):
            keys + other


def test_a_plain_file_is_an_arrow_file_that_anybody_reads(store: LocalStore, tmp_path: Path):
    written = write_plain(store, "index/a", [keyed((1, 1)), keyed((2, 2))])
    assert (written.path, written.kind, written.counters) == ("index/a", "", {})
    with pa.memory_map(str(tmp_path / "index" / "a")) as source:
        assert numbers(pa.ipc.open_file(source).read_all()) == [1, 2]
    write_plain(store, "index/none", [])
    with pa.memory_map(str(tmp_path / "index" / "none")) as source:
        assert pa.ipc.open_file(source).read_all().num_columns == 0
