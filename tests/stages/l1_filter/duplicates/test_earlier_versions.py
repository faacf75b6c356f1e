"""Versions one after the other, each against those before it, leave what one run over all of them leaves."""

import itertools
import random
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.run.level import Finished, InputFile, run_level
from pipeline.run.passes import Level, PlanError
from pipeline.run.runners import InlineRunner, Runner
from pipeline.run.runners.ray import RayRunner
from pipeline.store.local import LocalStore
from pipeline.store.shard import file_sha256
from stages.l0_collect import ParquetSource
from stages.l1_filter.duplicates.exact_duplicates import ExactDuplicates
from stages.l1_filter.duplicates.near_duplicates import NearDuplicates
from tests.pipeline.helpers import silent

WORDS = ["".join(letters) for letters in itertools.product("abcdefghijklmn", repeat=3)]


def versions(count: int, families: int = 50) -> list[list[dict[str, Any]]]:
    """Documents of each version: families of near copies, exact copies and chains, spread over the versions."""
    draw = random.Random(5)
    found: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for _ in range(families):
        text = draw.choices(WORDS, k=150)
        for _ in range(draw.randrange(1, 25)):
            version = draw.randrange(count)
            if draw.random() < 0.7:
                place = draw.randrange(150)
                text = [*text[:place], draw.choice(WORDS), *text[place + 1 :]]
            date = f"20{version + 10}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}"
            name = f"{draw.getrandbits(128):032x}"
            found[version].append({"id": name, "text": " ".join(text), "date": date, "url": "", "source": "crawl"})
    return found


def run(
    folder: Path, rows: list[Any], against: Sequence[Finished] = (), runner: Runner | None = None, **more: Any
) -> tuple[Finished, set[str], dict[str, str]]:
    """(the finished level, ids that stay, kept id of each document of a cluster); shards of 40 rows."""
    folder.mkdir(exist_ok=True)
    store, inputs = LocalStore(folder / "store"), []
    for first in range(0, len(rows), 40):
        path = folder / f"{len(rows)}-{first}.parquet"
        pq.write_table(pa.Table.from_pylist(rows[first : first + 40]), path)
        inputs.append(InputFile(str(path), file_sha256(path)))
    if runner:
        inputs.reverse()
    runner = runner or InlineRunner()
    parent = run_level(Level("l0_collect", "toy", (), ParquetSource()), store, runner, silent, inputs)
    places = tuple(store.shown(one.path) for one in against)
    settings: dict[str, Any] = {"keep": "oldest", "index": True, "against": places} | more
    # few bands and a low cap: many pairs are found only through documents that were dropped
    steps = (ExactDuplicates(**settings), NearDuplicates(**settings, bands=3, rows=4, bucket_cap=6))
    finished = run_level(Level("l1_filter", "toy", steps), store, runner, silent, parent=parent)
    data, clusters = (table_of(store, finished, role) for role in ("data", "clusters"))
    kept = {row["id"]: row["kept_id"] for row in clusters.to_pylist()}
    return finished, set(data["id"].to_pylist()), kept


def table_of(store: LocalStore, level: Finished, role: str) -> pa.Table:
    paths = [store.shown(f"{level.directory}/{path}") for path in level.manifest.paths(role)]
    return pa.concat_tables([pq.read_table(path) for path in paths])


def dropped(kept: dict[str, str]) -> dict[str, str]:
    return {name: stays for name, stays in kept.items() if name != stays}


def test_versions_leave_what_one_run_leaves(tmp_path: Path):
    parts = versions(3)
    first, ids1, kept1 = run(tmp_path, parts[0])
    second, ids2, kept2 = run(tmp_path, parts[1], [first])
    _, ids3, kept3 = run(tmp_path, parts[2], [second, first])
    _, ids, kept = run(tmp_path, [row for part in parts for row in part])
    assert ids1 | ids2 | ids3 == ids
    assert dropped(kept1) | dropped(kept2) | dropped(kept3) == dropped(kept)
    between = {name for name, stays in dropped(kept3).items() if stays in ids1 | ids2}
    assert len(between) > 50  # dropped in favour of a document of an earlier version, named by its real id
    assert len(ids) < 0.6 * sum(map(len, parts))


def test_a_version_alone_does_not_see_what_lies_before(tmp_path: Path):
    """Comparing with the second version only, what was dropped there for a document of the first finds no survivor."""
    parts = versions(3)
    first, ids1, _ = run(tmp_path, parts[0])
    second, _, _ = run(tmp_path, parts[1], [first])
    _, ids3, kept3 = run(tmp_path, parts[2], [second])
    assert not ids1 & set(kept3.values())
    assert len(ids3) > len(run(tmp_path, parts[2], [first, second])[1])


def test_where_an_index_lies_does_not_matter_but_what_it_holds_does(tmp_path: Path):
    parts = versions(2)
    first, _, _ = run(tmp_path, parts[0])
    other, _, _ = run(tmp_path, parts[0][:80])
    shutil.copytree(tmp_path / "store" / first.directory, tmp_path / "copy")
    moved = partial(NearDuplicates, bands=3, rows=4)(against=(str(tmp_path / "copy"),)).assets()
    assert moved == partial(NearDuplicates, bands=3, rows=4)(against=(str(tmp_path / "store" / first.path),)).assets()
    assert moved != partial(NearDuplicates, bands=3, rows=4)(against=(str(tmp_path / "store" / other.path),)).assets()


def test_earlier_text_is_not_read(tmp_path: Path):
    parts = versions(2)
    first, _, _ = run(tmp_path, parts[0])
    expected = run(tmp_path, parts[1], [first])[1:]
    for path in (tmp_path / "store" / first.directory / "data").iterdir():
        path.unlink()
    # `sources` makes another recipe id, so that nothing is found done; the order stays the same
    assert run(tmp_path, parts[1], [first], sources=("crawl",))[1:] == expected


def test_indexes_that_do_not_fit_are_refused(tmp_path: Path):
    rows = versions(1, families=4)[0]
    first, _, _ = run(tmp_path, rows)
    plain, _, _ = run(tmp_path, rows, index=False)
    with pytest.raises(ValueError, match="its index has bands 3, this step 26"):
        NearDuplicates(preset="strict", against=(str(tmp_path / "store" / first.path),)).assets()
    with pytest.raises(PlanError, match="it has no index; run it with"):
        run(tmp_path, rows, [plain])
    with pytest.raises(ValueError, match="no finished level there"):
        NearDuplicates(against=(str(tmp_path / "nowhere"),)).assets()


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")  # Ray's own warnings about its future defaults
def test_one_two_and_eight_workers_give_the_same(tmp_path: Path):
    import ray

    parts = versions(2)
    first, _, _ = run(tmp_path / "inline", parts[0])
    second, _, _ = run(tmp_path / "inline", parts[1], [first])
    for workers in (1, 2, 8):
        folder, runner = tmp_path / str(workers), RayRunner(workers=workers)
        try:
            again, _, _ = run(folder, parts[0], runner=runner)
            other, _, _ = run(folder, parts[1], [again], runner)
        finally:
            ray.shutdown()
        assert described(again) == described(first)
        assert described(other) == described(second)


def described(level: Finished) -> tuple[str, list[tuple[str, str]]]:
    """(content id, hashes of the data, clusters and index files)"""
    return level.manifest.content_id, [(file.path, file.sha256) for file in level.manifest.files]
