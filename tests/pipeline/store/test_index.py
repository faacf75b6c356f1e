"""Index files: columns and batches by themselves, each as it was written."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.store.damage import Damaged
from pipeline.store.index import IndexFile, index_rows, write_index
from pipeline.store.local import LocalStore

ROWS = pa.table({"shard": pa.array([0, 2, 2], pa.int32()), "word": ["a", "b", "c"]})


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_an_index_gives_columns_and_batches(store: LocalStore, tmp_path: Path):
    first = ROWS.replace_schema_metadata({"parts": "1"})
    write_index(store, "l1_x/y/index/words", [first, ROWS.slice(0, 0), ROWS.slice(1)])
    with IndexFile(store, "l1_x/y/index/words") as index:
        assert index.schema.metadata == {b"parts": b"1"}
        assert index.columns(["word"])["word"].to_pylist() == ["a", "b", "c", "b", "c"]
        assert [index.read(batch, ["shard"]).column(0).to_pylist() for batch in (0, 1)] == [[0, 2, 2], [2, 2]]
    assert index_rows(store, "l1_x/y/index/words") == 5
    data = (tmp_path / "l1_x/y/index/words").read_bytes()
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
        (tmp_path / "l1_x/y/index/words").write_bytes(changed)
        with pytest.raises(Damaged, match="restore it, or remove the folder l1_x/y of the store"):
            read_all(store)


def read_all(store: LocalStore) -> None:
    with IndexFile(store, "l1_x/y/index/words") as index:
        index.columns(index.schema.names)


def test_an_index_without_tables_or_rows(store: LocalStore):
    write_index(store, "nothing", [])
    write_index(store, "no_rows", [ROWS.slice(0, 0)])
    for path, names in (("nothing", []), ("no_rows", ["shard", "word"])):
        with IndexFile(store, path) as index:
            assert (index.schema.names, index.batches) == (names, 0)
        assert index_rows(store, path) == 0


def test_columns_keep_their_types_and_the_order_in_which_they_are_asked_for(store: LocalStore):
    write_index(store, "index", [ROWS, ROWS])
    with IndexFile(store, "index") as index:
        assert index.batches == 2
        assert index.columns(["word", "shard"]).schema == pa.schema([("word", pa.string()), ("shard", pa.int32())])
        assert index.read(1, ["word", "shard"]).to_pydict() == {"word": ["a", "b", "c"], "shard": [0, 2, 2]}
        assert index.columns(["shard"]).column(0).to_pylist() == [0, 2, 2, 0, 2, 2]


def test_a_batch_in_pieces_is_one_batch(store: LocalStore):
    write_index(store, "index", [pa.concat_tables([ROWS, ROWS.slice(2)])])
    with IndexFile(store, "index") as index:
        assert index.batches == 1
        assert index.read(0, ["word"]).column(0).to_pylist() == ["a", "b", "c", "c"]


def test_a_reader_of_one_column_pays_for_no_other(store: LocalStore, tmp_path: Path):
    write_index(store, "index", [ROWS])
    data = (tmp_path / "index").read_bytes()
    place = data.rindex(b"abc")
    (tmp_path / "index").write_bytes(data[:place] + b"aBc" + data[place + 3 :])
    with IndexFile(store, "index") as index:
        assert index.read(0, ["shard"]).num_rows == 3
        with pytest.raises(Damaged, match="stream 2 has another checksum"):
            index.read(0, ["word"])


def test_a_closed_index_lets_go_of_its_file(store: LocalStore):
    write_index(store, "index", [ROWS])
    with IndexFile(store, "index") as index:
        pass
    with pytest.raises(ValueError, match="closed"):
        index.read(0, ["word"])
