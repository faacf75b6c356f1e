"""What every store does, on a local folder and in a bucket: written once, seen whole, swapped by comparison."""

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.store.store import Store, UnknownStore, is_location, locate, open_store, store_to_write, temporary_file
from tests.pipeline.store.faulty import install_memory


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return open_store(str(tmp_path / "store"))
    return open_store(f"{request.getfixturevalue('bucket')}/some/prefix")


def committed(store: Store, path: str, data: bytes) -> bool:
    temporary = store.temporary()
    temporary.write_bytes(data)
    done = store.commit(temporary, path)
    assert not temporary.exists()
    return done


def test_the_first_writer_wins(store: Store):
    assert store.create("a/b", b"first")
    assert not store.create("a/b", b"second")
    assert store.read("a/b") == b"first"


@pytest.mark.parametrize("place", ["folder", "memory"])
def test_of_many_writers_at_once_one_wins(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Not with moto: it looks whether a name is free and takes it in two steps, so that now and then two writers win.
    store = open_store(install_memory(monkeypatch) if place == "memory" else str(tmp_path / "store"))
    won: list[int] = []
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        if open_store(store.root).create("a", b"%d" % number):
            won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [b"%d" % number for number in won] == [store.read("a")]


def test_a_late_commit_changes_nothing_and_leaves_nothing(store: Store):
    assert committed(store, "a", b"first")
    assert not committed(store, "a", b"second")
    assert store.read("a") == b"first"
    assert store.list(".") == ["a"]


def test_a_temporary_file_that_is_not_committed_is_removed(store: Store):
    with temporary_file(store) as path:
        path.write_bytes(b"half")
    assert not path.exists()
    assert store.list(".") == []


def test_a_copy_takes_a_name_once(store: Store):
    store.create("a", b"first")
    store.create("b", b"second")
    assert store.copy("a", "c/d")
    assert not store.copy("b", "c/d")
    assert store.read("c/d") == b"first"
    with pytest.raises(FileNotFoundError):
        store.copy("nothing", "e")


def test_compare_and_swap_refuses_what_it_did_not_read(store: Store):
    assert not store.compare_and_swap("ref", b"0", b"1")
    assert store.compare_and_swap("ref", None, b"1")
    assert not store.compare_and_swap("ref", None, b"2")
    assert not store.compare_and_swap("ref", b"0", b"2")
    assert store.compare_and_swap("ref", b"1", b"2")
    assert store.read("ref") == b"2"


def test_replace_writes_over(store: Store):
    store.replace("a", b"1")
    store.replace("a", b"22")
    assert (store.read("a"), store.size("a")) == (b"22", 2)


def test_a_list_is_of_a_folder_not_of_a_beginning(store: Store):
    for path in ("a/b", "a/c/d e", "ab", "a.b/c"):
        store.create(path, b"")
    assert store.list("a") == ["a/b", "a/c/d e"]
    assert store.list(".") == ["a.b/c", "a/b", "a/c/d e", "ab"]
    assert store.exists("a/b")
    assert not store.exists("a")


def test_remove_takes_a_file_or_a_folder(store: Store):
    for path in ("a/b", "a/c", "d", "e"):
        store.create(path, b"")
    store.remove("a")
    store.remove("d")
    assert store.list(".") == ["e"]


def test_what_is_not_there(store: Store):
    assert store.list("nothing") == []
    store.remove("nothing")
    assert not store.exists("nothing")
    for read in (store.read, store.size, store.open, store.map):
        with pytest.raises(FileNotFoundError, match="nothing"):
            read("nothing")


@pytest.mark.parametrize("way", ["open", "map"])
def test_a_file_is_read_in_parts(store: Store, way: str):
    data = bytes(range(256)) * 4096
    store.create("a", data)
    with getattr(store, way)("a") as file:
        assert file.size() == len(data)
        file.seek(len(data) - 10)
        assert file.read(100) == data[-10:]
        assert file.read(1) == b""
        file.seek(1000)
        assert file.read(300_000) == data[1000:301_000]
        assert file.read(5) == data[301_000:301_005]
        assert file.read_at(7, 3) == data[3:10]
    store.create("empty", b"")
    with store.open("empty") as file:
        assert file.read() == b""


def test_arrow_reads_what_it_wrote(store: Store):
    table = pa.table({"text": ["a", "b"] * 100_000})
    with temporary_file(store) as path:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        store.commit(path, "t")
    with store.map("t") as source:
        assert pa.ipc.open_file(source).read_all() == table


def test_a_store_is_opened_again_by_its_root_and_a_file_by_what_is_shown(store: Store):
    store.create("a/b", b"x")
    assert open_store(store.root).read("a/b") == b"x"
    assert is_location(store.shown("a/b"))
    assert not is_location("a/b")
    around, name = locate(store.shown("a/b"))
    assert around.read(name) == b"x"


def test_a_file_is_located_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    around, name = locate("a")
    assert around.read(name) == b"x"
    around, name = locate(f"/{tmp_path.parts[1]}")
    assert (around.root, name) == ("/", tmp_path.parts[1])


@pytest.mark.parametrize(
    ("location", "message"),
    [("gs://bucket/x", "no store is called gs://; give a folder, or s3://bucket/prefix"), ("s3:///x", "no bucket")],
)
def test_a_location_that_is_no_store_is_refused_by_name(location: str, message: str):
    with pytest.raises(UnknownStore, match=f"store '{location}'.*{message}"):
        open_store(location)


def test_a_folder_can_only_lie_where_folders_are(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    for location in (tmp_path / "file", tmp_path / "file" / "below" / "it"):
        with pytest.raises(UnknownStore, match=f"^store '{location}': {tmp_path / 'file'} is a file; give a folder"):
            store_to_write(str(location))
    with pytest.raises(UnknownStore, match="the store is an empty name"):
        open_store("")
    assert store_to_write(str(tmp_path / "new" / "below")).list(".") == []
