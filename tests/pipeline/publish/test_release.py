"""Releases: whole or not there, made of copies that are what the level wrote."""

from pathlib import Path

import pytest

from pipeline.publish import release as module
from pipeline.publish.release import load_release, publish, resolve
from pipeline.publish.verify import verify_release
from pipeline.store.damage import Damaged
from tests.pipeline.publish.helpers import levels, release, write


def test_a_release_is_found_by_its_ref_and_lists_its_files(tmp_path: Path):
    store, directory, published = release(tmp_path)
    assert resolve(store, "toy") == directory
    assert load_release(store, directory) == published
    assert [(file.role, file.path, file.rows) for file in published.files] == [
        ("data", "data/train-00000-of-00002.parquet", 2),
        ("data", "data/train-00001-of-00002.parquet", 2),
        ("card", "README.md", 0),
    ]


def test_a_reader_by_glob_sees_all_files_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, made = levels(tmp_path)

    def card(*_: object) -> str:  # all data files are written by now
        assert not list(Path(store.root).glob("releases/*/*/data/*.parquet"))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "dataset_card", card)
        with pytest.raises(KeyboardInterrupt):
            publish(store, made)
    assert store.list("tmp") == store.list("releases") == []
    publish(store, made)
    assert len(list(Path(store.root).glob("releases/*/*/data/*.parquet"))) == 2


def test_writing_to_a_release_changes_no_level(tmp_path: Path):
    store, directory, published = release(tmp_path)
    level = published.levels[-1].manifest.rpartition("/")[0]
    before = store.read(f"{level}/data/part-00000.parquet")
    Path(store.shown(f"{directory}/{published.files[0].path}")).write_bytes(b"x")
    assert store.read(f"{level}/data/part-00000.parquet") == before


def test_a_damaged_level_is_not_published(tmp_path: Path):
    store, made = levels(tmp_path)
    path = f"{made[-1].directory}/data/part-00001.parquet"
    data = store.read(path)
    write(store, path, data[:100] + bytes([data[100] ^ 1]) + data[101:])
    with pytest.raises(
        Damaged, match=r"l1_filter/toy-.*part-00001\.parquet is damaged: its copy .* folder l1_filter/t"
    ):
        publish(store, made)
    assert store.list("releases") == store.list("refs") == store.list("tmp") == []


def test_a_folder_without_its_manifest_is_filled_up(tmp_path: Path):
    store, directory, published = release(tmp_path)
    Path(store.shown(f"{directory}/manifest.json")).unlink()
    _, made = levels(tmp_path)
    assert publish(store, made) == published
    assert verify_release(store, directory) == []
