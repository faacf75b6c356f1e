"""What a grouping step knows of sizes: rows, bytes of texts, partitions, and whether disk and memory will do."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.run import grouping as module
from pipeline.run.grouping import MAX_PARTITIONS, Grouping, partitions
from pipeline.run.grouping_tasks import Part, ShardRows
from pipeline.run.runners import InlineRunner
from pipeline.run.space import DoesNotFit, machine_memory
from pipeline.store.index import IndexFile
from pipeline.store.local import LocalStore
from pipeline.store.partitions import Tables, read_bucket
from pipeline.store.shard import ShardWriter

GB = 10**9
MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setattr(LocalStore, "free_bytes", lambda self: 5 * GB)
    monkeypatch.setattr(module, "machine_memory", lambda: 8 * GB)
    return LocalStore(tmp_path)


def group(store: LocalStore, *texts: list[str]) -> Grouping:
    schema = pa.schema([("id", pa.string()), ("text", pa.string())])
    shards = []
    for number, lines in enumerate(texts):
        with ShardWriter(store, f"data/{number}", schema) as writer:
            writer.write(pa.RecordBatch.from_pydict({"id": ["x"] * len(lines), "text": lines}, schema=schema))
            writer.commit("data")
        shards.append(ShardRows(number, f"data/{number}", len(lines)))
    return Grouping(store, InlineRunner(), "work", shards)


@pytest.mark.parametrize(
    ("rows", "bytes_per_row", "expected"),
    [(0, 64, 1), (1, 64, 1), (2 * MIB, 64, 1), (2 * MIB + 1, 64, 2), (4 * MIB, 64, 2), (10**12, 64, MAX_PARTITIONS)],
)
def test_a_partition_holds_128_mib(rows: int, bytes_per_row: int, expected: int):
    assert partitions(rows, bytes_per_row) == expected


def test_what_fits_is_silent_and_what_does_not_says_by_how_much(store: LocalStore):
    grouping = group(store)
    grouping.require("sorting", disk=5 * GB, memory=8 * GB)
    with pytest.raises(DoesNotFit, match=r"^sorting: 5\.1 GB more on disk, but .* has 5\.0 GB free; make room, or"):
        grouping.require("sorting", disk=5 * GB + 10**8)
    with pytest.raises(DoesNotFit, match=r"^sorting: 8\.1 GB of memory, but this machine has 8\.0 GB; take a larger"):
        grouping.require("sorting", memory=8 * GB + 10**8)


def test_what_an_earlier_run_has_written_is_not_asked_for_again(store: LocalStore):
    grouping = group(store)
    store.create("work/part-00000.arrow", b"x" * 100)
    store.create("elsewhere", b"x" * 100)
    grouping.require("sorting", disk=5 * GB + 100)
    with pytest.raises(DoesNotFit):
        grouping.require("sorting", disk=5 * GB + 101)


def test_a_store_that_does_not_know_its_space_is_not_asked(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(LocalStore, "free_bytes", lambda self: None)
    group(store).require("sorting", disk=1000 * GB)


def test_the_memory_is_the_containers_where_it_has_a_limit(monkeypatch: pytest.MonkeyPatch):
    def limited(text: str) -> int:
        monkeypatch.setattr(Path, "is_file", lambda self: True)
        monkeypatch.setattr(Path, "read_text", lambda self, encoding: text)
        return machine_memory()

    physical = limited("max\n")
    assert physical > 1 << 28
    assert limited("4096\n") == 4096
    assert limited(f"{physical * 2}\n") == physical
    monkeypatch.setattr(Path, "is_file", lambda self: False)
    assert machine_memory() == physical


def test_the_mean_text_is_read_from_footers_of_a_sample(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    grouping = group(store, ["a" * 1000, "b" * 1000], ["c" * 3000], ["d" * 9000])
    assert grouping.text_bytes_per_row() == pytest.approx(14_000 / 4, rel=0.03)
    monkeypatch.setattr(module, "SAMPLED_FOOTERS", 2)  # of the three the first and the last
    assert grouping.text_bytes_per_row() == pytest.approx(11_000 / 3, rel=0.03)
    assert group(store).text_bytes_per_row() == 0


def test_parts_are_numbered_after_the_shards(store: LocalStore):
    grouping = group(store, ["a", "b"], ["c"])
    assert grouping.rows == 3
    grouping.add_parts([("/a", 10), ("/b", 20)])
    assert grouping.parts == (Part(2, "/a", 10), Part(3, "/b", 20))
    assert grouping.rows == 33
    assert grouping._buckets() == {"key": 1, "shard": 4, "": 1}
    alone = group(store)
    alone.add_parts([("/a", 10)])
    assert alone.parts == (Part(0, "/a", 10),)
    assert group(store)._buckets()["shard"] == 1


def test_an_index_is_written_once_and_meets_later_shards_as_a_part(store: LocalStore):
    first = group(store, ["a", "b"], [])
    rows = []

    def texts(batch, side):
        rows.append(len(batch))
        return pa.table({"row": pa.array(range(len(batch)), pa.int32()), "text": batch.text})

    for _ in range(2):
        first.index("texts", texts)
    assert rows == [2]  # the second shard has no batch, and the second call finds both
    assert store.list("work/index") == ["work/index/texts-00000.arrow", "work/index/texts-00001.arrow"]
    with IndexFile(store, "work/index/texts-00000.arrow") as index:
        assert index.schema.names == ["row", "text"]  # it will be read under another number than this shard's

    def again(part: Part, index: IndexFile, side: pa.Table | None) -> pa.Table:
        assert side is None
        return index.columns(["row", "text"]).append_column("shard", pa.array([part.shard] * part.rows, pa.int32()))

    later = group(store, ["c"])
    later.add_parts([(store.shown("work/index/texts-00000.arrow"), 2)])
    for _ in range(2):
        tables = later.map_parts("parts", again)
        assert tables == Tables(("work/parts/part-00001.arrow",), 2, "shard")
        assert read_bucket(store, tables, 1)["text"].to_pylist() == ["a", "b"]
        assert read_bucket(store, tables, 0).num_rows == 0
    assert later.read(tables).num_rows == 2
    assert later.size(tables) == store.size("work/parts/part-00001.arrow")


def test_a_level_of_its_own_folder_keeps_its_index_there(store: LocalStore):
    shards = group(store, ["a"]).shards
    grouping = Grouping(store, InlineRunner(), "l1/toy/work/01", shards, "l1/toy")
    grouping.index("texts", lambda batch, side: pa.table({"row": pa.array(range(len(batch)), pa.int32())}))
    assert store.list("l1") == ["l1/toy/index/texts-00000.arrow"]
