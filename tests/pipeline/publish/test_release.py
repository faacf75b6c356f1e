"""Releases: whole or not there, made of copies that are what the level wrote."""

from pathlib import Path

import pytest

from pipeline.books.manifest import dump
from pipeline.publish import release as module
from pipeline.publish.release import Refs, UnknownRef, _point, datasets, load_release, publish, resolve
from pipeline.publish.verify import verify_release
from pipeline.run.level import run_level
from pipeline.run.runners import InlineRunner
from pipeline.store.damage import Damaged
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import MinWords, l0, l1, silent, write_lines
from tests.pipeline.publish.helpers import levels, release, write


def test_a_release_is_found_by_its_ref_and_lists_its_files(tmp_path: Path):
    store, directory, published = release(tmp_path)
    assert resolve(store, "toy") == directory
    assert load_release(store, directory) == published
    assert [(file.role, file.path, file.rows) for file in published.files] == [
        ("data", "data/train-00000-of-00001.parquet", 4),
        ("croissant", "croissant.json", 0),
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
    assert len(list(Path(store.root).glob("releases/*/*/data/*.parquet"))) == 1


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
        Damaged, match=r"l1_filter/toy-.*part-00001\.parquet is damaged: its sha256 .* folder l1_filter/t"
    ):
        publish(store, made)
    assert store.list("releases") == store.list("refs") == store.list("tmp") == []


def test_a_folder_without_its_manifest_is_filled_up(tmp_path: Path):
    store, directory, published = release(tmp_path)
    Path(store.shown(f"{directory}/manifest.json")).unlink()
    _, made = levels(tmp_path)
    assert publish(store, made) == published
    assert verify_release(store, directory) == []


@pytest.fixture
def refs(tmp_path: Path) -> LocalStore:
    """A data set of three versions, of which two begin alike."""
    store = LocalStore(tmp_path)
    store.create("refs/toy.json", dump(Refs(latest="b1", history=["a12", "a34", "b1"], tags={"good": "a34"})))
    store.create("refs/other.json", dump(Refs(latest="c", history=["c"])))
    return store


@pytest.mark.parametrize(
    ("ref", "version"),
    [
        ("toy", "b1"), ("toy@latest", "b1"), ("toy/latest", "b1"), ("toy@good", "a34"), ("toy@a12", "a12"),
        ("toy/a12", "a12"), ("toy@a3", "a34"), ("toy@b", "b1"),
    ],
)  # fmt: skip
def test_a_ref_names_a_version_by_tag_name_or_beginning(refs: LocalStore, ref: str, version: str):
    assert resolve(refs, ref) == f"releases/toy/{version}"


@pytest.mark.parametrize(("ref", "wanted"), [("toy@x", "x"), ("toy@a", "a"), ("toy@34", "34")])
def test_a_ref_that_names_none_or_several_says_which_there_are(refs: LocalStore, ref: str, wanted: str):
    with pytest.raises(UnknownRef, match=f"no version '{wanted}' of 'toy'; there are: a12, a34, b1"):
        resolve(refs, ref)


def test_an_unknown_data_set_says_which_there_are(refs: LocalStore, tmp_path: Path):
    refs.create("refs/toy.json.lock", b"")
    with pytest.raises(UnknownRef, match=r"no data set 'toys' in .*; there are: other, toy$"):
        resolve(refs, "toys@x")
    with pytest.raises(UnknownRef, match="there are: none"):
        resolve(LocalStore(tmp_path / "empty"), "toy")
    assert {name: found.latest for name, found in datasets(refs).items()} == {"other": "c", "toy": "b1"}


def test_latest_moves_and_history_is_in_the_order_of_last_use(tmp_path: Path):
    store = LocalStore(tmp_path)
    for version in ("a", "b", "a", "a"):
        _point(store, "toy", version)
    assert datasets(store) == {"toy": Refs(latest="a", history=["b", "a"])}


def test_a_ref_that_somebody_else_moves_meanwhile_keeps_both_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = LocalStore(tmp_path)
    swap = store.compare_and_swap

    def late(path: str, before: bytes | None, data: bytes) -> bool:
        monkeypatch.undo()
        _point(store, "toy", "theirs")
        return swap(path, before, data)

    monkeypatch.setattr(store, "compare_and_swap", late)
    _point(store, "toy", "ours")
    assert datasets(store) == {"toy": Refs(latest="ours", history=["theirs", "ours"])}


def test_files_without_rows_are_left_out_but_one_stays(tmp_path: Path):
    store = LocalStore(tmp_path / "store")
    empty = write_lines(tmp_path / "empty", ["one"], ["two"], ["three four"])
    collected = run_level(l0(), store, InlineRunner(), silent, empty)
    one = publish(store, [collected, run_level(l1(MinWords()), store, InlineRunner(), silent, parent=collected)])
    name = "data/train-00000-of-00001.parquet"
    assert [(file.path, file.rows) for file in one.files] == [(name, 1), ("croissant.json", 0), ("README.md", 0)]
    none = run_level(l1(MinWords(minimum=9)), store, InlineRunner(), silent, parent=collected)
    files = publish(store, [collected, none]).files
    assert [(file.path, file.rows) for file in files] == [(name, 0), ("croissant.json", 0), ("README.md", 0)]
