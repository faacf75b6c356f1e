"""Small files of a level together in a release: the same rows in the same order, and what verify makes of others."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.books.manifest import content_id
from pipeline.publish import compact
from pipeline.publish import release as module
from pipeline.publish.compact import LEAST, MOST, SMALL, groups, same_rows
from pipeline.publish.release import Release, load_release, publish
from pipeline.publish.verify import removed_since, verify_release
from pipeline.run.level import Finished, run_level
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from pipeline.store.shard import FileEntry, footer_sha256, stored_sha256
from pipeline.upkeep.diff import difference
from pipeline.upkeep.purge import purge
from pipeline.upkeep.takedown import take_down
from tests.pipeline.helpers import l0, silent, write_lines
from tests.pipeline.publish.helpers import forge

LINES = [[f"page {file} line {line}" for line in range(3)] for file in range(20)]


def made(folder: Path, files: Sequence[Sequence[str]] = LINES) -> tuple[LocalStore, Finished, Release]:
    store = LocalStore(folder / "store")
    level = run_level(l0(), store, InlineRunner(), silent, write_lines(folder / f"in{len(files)}", *files))
    return store, level, publish(store, [level])


def place(release: Release) -> str:
    return f"releases/{release.dataset}/{release.version}"


def texts(store: LocalStore, folder: str, files: Sequence[FileEntry]) -> list[str]:
    data = [file for file in files if file.role == "data"]
    return [text for file in data for text in pq.read_table(store.shown(f"{folder}/{file.path}"))["text"].to_pylist()]


def entries(*sizes: int) -> list[FileEntry]:
    """With hashes that end no file early."""
    return [FileEntry(role="data", path=f"{size}", rows=1, sha256="f" * 64, bytes=size) for size in sizes]


def test_many_small_files_are_one_with_the_same_rows_in_the_same_order(tmp_path: Path):
    store, level, release = made(tmp_path)
    (data,) = (file for file in release.files if file.role == "data")
    assert texts(store, place(release), release.files) == texts(store, level.directory, level.manifest.files)
    assert release.packed == {data.path: [file.sha256 for file in level.manifest.of("data")]}
    assert release.content_id == level.manifest.content_id == content_id(level.manifest.files)
    assert "20 small files of l0_collect" in store.read(f"{place(release)}/README.md").decode()
    assert verify_release(store, place(release)) == []


def test_large_files_are_copies_and_part_the_small_ones():
    small, large = SMALL - 1, SMALL
    sizes = [[file.bytes for file in group] for group in groups(entries(1, small, large, 2, 3, large, large, 4))]
    assert sizes == [[1, small], [large], [2, 3], [large], [large], [4]]
    assert [sum(file.bytes for file in group) <= MOST for group in groups(entries(*[small] * 40))] == [True] * 3


def test_a_file_more_changes_the_group_that_it_comes_to_alone():
    files = [
        FileEntry(
            role="data", path=str(one), rows=1, sha256=f"{one * 2654435761 % 2**32:08x}".ljust(64, "0"), bytes=9 << 20
        )
        for one in range(1, 400)
    ]
    before = {tuple(file.path for file in group) for group in groups(files)}
    more = [*files[:150], FileEntry(role="data", path="new", rows=1, sha256="a" * 64, bytes=5 << 20), *files[150:]]
    after = {tuple(file.path for file in group) for group in groups(more)}
    assert len(before) > 8
    assert len(after - before) <= 3
    assert all(LEAST <= (9 << 20) * len(group) <= MOST for group in before if group[-1] != "399")


def test_what_the_version_before_has_packed_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compact, "LEAST", 12_000)  # some files of this size
    packed: list[str] = []
    pack = compact.pack
    monkeypatch.setattr(compact, "pack", lambda *found: packed.append(found[-1]) or pack(*found))
    _, _, first = made(tmp_path)
    assert len(packed) == len(first.packed) > 3
    packed.clear()
    store, level, second = made(tmp_path, [*LINES, ["a page more"]])
    assert len(packed) <= 2 < len(second.packed)
    assert texts(store, place(second), second.files) == texts(store, level.directory, level.manifest.files)
    assert verify_release(store, place(second)) == []


def test_a_row_of_another_text_is_found_where_all_hashes_are_mended(tmp_path: Path):
    store, _, release = made(tmp_path)
    name = release.files[0].path
    path = Path(store.shown(f"{place(release)}/{name}"))
    table = pq.read_table(path)
    changed = ["other", *table["text"].to_pylist()[1:]]
    path.unlink()
    pq.write_table(table.set_column(table.schema.get_field_index("text"), "text", pa.array(changed)), path)

    def mend(manifest) -> None:
        inside = f"{place(release)}/{name}"
        manifest["files"][0] |= {"sha256": stored_sha256(store, inside), "footer": footer_sha256(store, inside)}
        manifest["files"][0] |= {"bytes": store.size(inside)}

    forge(store, f"{place(release)}/manifest.json", mend)
    finding = f"{place(release)}/{name}: its rows are not those of the files of l0_collect it is made of"
    assert finding in verify_release(store, place(release))


def test_a_purge_takes_a_row_out_of_it_and_verify_and_diff_still_hold(tmp_path: Path):
    store, _, release = made(tmp_path)
    row = pq.read_table(store.shown(f"{place(release)}/{release.files[0].path}")).slice(7, 1).to_pylist()[0]
    take_down(store, [row["id"]], [], [], "asked")
    done = purge(store)
    assert (done.rows, done.left) == (2, [])  # of the level and of the release
    now = load_release(store, place(release))
    assert row["text"] not in texts(store, place(now), now.files)
    assert verify_release(store, place(now)) == []
    assert len(removed_since(store, place(now))) == 2
    assert difference(store, place(now), place(now)).rows == (59, 59)
    assert module._packed_before(store, "toy") == {}


def test_rows_are_compared_however_they_are_cut():
    values = [1.0, float("nan"), None, 3.0]
    rows = pa.RecordBatch.from_pydict({"a": pa.array(values), "b": pa.array(["x", None, "", "yz"])})
    cut = [rows.slice(0, 1), rows.slice(1, 0), rows.slice(1, 3)]
    assert same_rows(iter([rows]), iter(cut))
    assert not same_rows(iter([rows]), iter(cut[:2]))
    assert not same_rows(iter(cut), iter([rows.slice(0, 3), rows.slice(0, 1)]))
