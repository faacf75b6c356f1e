"""Files of a store for libraries that want a local path."""

from pathlib import Path

from pipeline.store.local_copy import local_copy
from pipeline.store.store import open_store


def test_a_local_file_is_itself(tmp_path: Path):
    assert local_copy(str(tmp_path / "model.bin")) == tmp_path / "model.bin"


def test_a_file_in_a_bucket_is_fetched_once_and_named_by_its_content(bucket: str, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    store = open_store(bucket)
    for path, data in (("a", b"one"), ("b", b"two"), ("c", b"one")):
        store.create(path, data)
    copies = {path: local_copy(store.shown(path)) for path in "abc"}
    assert [copies[path].read_bytes() for path in "abc"] == [b"one", b"two", b"one"]
    assert copies["a"] == copies["c"]
    assert sorted(copies["a"].parent.iterdir()) == sorted({copies["a"], copies["b"]})
    store.remove("a")
    assert local_copy(store.shown("a")) == copies["a"]
