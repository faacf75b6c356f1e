"""Stored Parquet files against their entries: which change is seen by which look."""

from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.store.checked import check_footer, naming, open_checked, read_checked
from pipeline.store.damage import Damaged
from pipeline.store.local import LocalStore
from pipeline.store.shard import FileEntry, ShardWriter
from pipeline.store.store import open_store
from tests.pipeline.store.faulty import install_memory

SCHEMA = pa.schema([pa.field("id", pa.string()), pa.field("text", pa.string())])
PATH = "l1_filter/toy-1/data/part-00000.parquet"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def write(store: LocalStore) -> FileEntry:
    with ShardWriter(store, PATH, SCHEMA) as writer:
        ids = [f"{number:04}" for number in range(50)]
        writer.write(pa.RecordBatch.from_pydict({"id": ids, "text": [f"text {name}" for name in ids]}, schema=SCHEMA))
        return writer.commit("data")


def flip(store: LocalStore, place: int) -> None:
    file = Path(store.shown(PATH))
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def test_every_changed_byte_is_seen_by_who_reads_all(store: LocalStore):
    entry = write(store)
    for place in range(0, entry.bytes, 7):
        flip(store, place)
        with pytest.raises(Damaged, match=r"part-00000\.parquet is damaged: its sha256 .* l1_filter/toy-1 of the"):
            list(read_checked(store, PATH, entry.sha256))
        flip(store, place)
    assert sum(len(rows) for rows in read_checked(store, PATH, entry.sha256)) == 50


def test_a_file_of_a_bucket_is_read_once_and_leaves_nothing(store: LocalStore, tmp_path: Path, monkeypatch):
    entry = write(store)
    bucket = open_store(install_memory(monkeypatch))
    whole = Path(store.shown(PATH)).read_bytes()
    bucket.create(PATH, whole)
    (tmp_path / "tmp").mkdir(exist_ok=True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    opened = []
    monkeypatch.setattr(type(bucket), "open", lambda store, path: opened.append(path) or pa.BufferReader(whole))
    assert sum(len(rows) for rows in read_checked(bucket, PATH, entry.sha256, ["id"])) == 50
    assert opened == [PATH]
    with pytest.raises(Damaged, match=r"^memory://stores/l1_filter.* is damaged: its sha256 is"):
        list(read_checked(bucket, PATH, "0" * 64))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_every_changed_byte_of_the_footer_is_seen_without_reading_the_rows(store: LocalStore):
    entry = write(store)
    length = int.from_bytes(Path(store.shown(PATH)).read_bytes()[-8:-4], "little")
    for place in range(entry.bytes - 8 - length, entry.bytes):
        flip(store, place)
        with pytest.raises(Damaged, match="footer is not the one that was written"):
            check_footer(store, PATH, entry)
        flip(store, place)
    check_footer(store, PATH, entry)


def test_a_file_of_another_size_is_seen(store: LocalStore):
    entry = write(store)
    file = Path(store.shown(PATH))
    for data in (b"", file.read_bytes()[:-1], file.read_bytes() + b"x"):
        file.write_bytes(data)
        with pytest.raises(Damaged, match=f"it has {len(data):,} bytes, and {entry.bytes:,} were written"):
            check_footer(store, PATH, entry)


def test_a_damaged_page_is_named(store: LocalStore):
    entry = write(store)
    flip(store, 60)
    with pytest.raises(Damaged, match=r"part-00000\.parquet is damaged: Parquet says '"):  # noqa: SIM117
        with open_checked(store, PATH, entry) as file:
            file.read()


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), pa.ArrowMemoryError("malloc failed"), Damaged("another file")]
)
def test_a_fault_of_disk_or_memory_is_no_damage(store: LocalStore, error: Exception):
    with pytest.raises(type(error)) as caught, naming(store, PATH):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "", "a\0b", "\\\\server"])
def test_an_entry_names_no_file_outside_of_its_folder(path: str):
    with pytest.raises(ValidationError, match="leads out of its folder"):
        FileEntry(role="data", path=path, rows=0, sha256="", bytes=0)
