"""Texts of dropped rows: which ones are shown, and how little of a level is read for them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.books.manifest import Manifest, Parent, dump
from pipeline.report.samples import dropped_samples, evenly, texts_before
from pipeline.rows.document import BASE_SCHEMA, DROPPED_SCHEMA, to_schema
from pipeline.store import shard
from pipeline.store.local import LocalStore
from pipeline.store.shard import FileEntry, ShardWriter
from tests.pipeline.report.test_page_parts import manifest


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def written(store: LocalStore, name: str, schema: pa.Schema, rows: list[dict], per_group: int = 100) -> FileEntry:
    role, _, _ = name.partition("/")
    with ShardWriter(store, f"level/{name}", schema) as writer:
        for first in range(0, len(rows), per_group):
            writer.write(to_schema(pa.RecordBatch.from_pylist(rows[first : first + per_group]), schema))
        return writer.commit(role).model_copy(update={"path": name})


def dropped(number: int, reason: str = "words.short", step: str = "01 words") -> dict:
    return {"id": f"{number:032x}", "reason": reason, "step": step, "value": 1.0, "threshold": 2.0}


def test_of_a_common_reason_some_of_the_first_rows_are_shown_and_a_rare_one_is_looked_for(store: LocalStore):
    rows = [*(dropped(1000 - number) for number in range(50)), dropped(7, "words.long"), dropped(1)]
    entry = written(store, "dropped/part-00000.parquet", DROPPED_SCHEMA, rows)
    found = dropped_samples(store, "level", manifest(files=[entry]), wanted=2)
    assert {reason: [int(row["id"], 16) for row in some] for reason, some in found.items()} == {
        "01 words.short": [993, 994], "01 words.long": [7],
    }  # fmt: skip


def test_one_reason_at_two_steps_is_two(store: LocalStore):
    rows = [dropped(1), dropped(2, step="03 words"), dropped(3, step="words")]
    entry = written(store, "dropped/part-00000.parquet", DROPPED_SCHEMA, rows)
    assert [*dropped_samples(store, "level", manifest(files=[entry]))] == [
        "01 words.short", "03 words.short", "words.short",
    ]  # fmt: skip


@pytest.fixture
def before(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """A level whose parent has two files of three and one row groups, of four rows each."""
    monkeypatch.setattr(shard, "ROW_GROUP_BYTES", 1)
    texts = [{"id": f"{number:032x}", "text": f"text {number}"} for number in range(16)]
    files = [
        written(store, "data/part-00000.parquet", BASE_SCHEMA, texts[:12], per_group=4),
        written(store, "data/part-00001.parquet", BASE_SCHEMA, texts[12:], per_group=4),
    ]
    store.create("level/manifest.json", dump(manifest(files=files)))
    return manifest(parents=[Parent(level="l0_collect", recipe_id="r", content_id="c", manifest="level/manifest.json")])


def test_texts_are_read_only_where_one_is_wanted(store: LocalStore, before: Manifest, monkeypatch: pytest.MonkeyPatch):
    read: list[tuple[int, list[str]]] = []
    whole = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group",
        lambda self, group, columns: read.append((group, columns)) or whole(self, group, columns),
    )  # fmt: skip
    ids = [f"{number:032x}" for number in (5, 9)]
    assert texts_before(store, before, ids) == {ids[0]: "text 5", ids[1]: "text 9"}
    assert [group for group, columns in read if "text" in columns] == [1, 2]
    assert len(read) == 5, "the second file is not opened: all are found"


def test_what_is_not_there_any_more_has_no_text(store: LocalStore, before: Manifest):
    there, gone = f"{14:032x}", f"{99:032x}"
    assert texts_before(store, before, [there, gone]) == {there: "text 14"}
    assert texts_before(store, before, []) == {}
    assert texts_before(store, manifest(), [there]) == {}


def test_a_few_files_stand_for_many():
    files = [FileEntry(role="data", path=f"{number}", rows=1, sha256="", bytes=1) for number in range(25)]
    assert [file.path for file in evenly(files)] == ["0", "3", "6", "9", "12", "15", "18", "21", "24"]
    assert evenly(files[:10]) == files[:10]
    assert evenly([]) == []
