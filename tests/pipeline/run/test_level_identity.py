"""What is part of a level's name on the store and what is not; what passes hand on to the level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.books.alarm import Alarm
from pipeline.run.grouping import CLUSTER_COLUMNS
from pipeline.run.level import Finished, InputFile, level_id, run_level
from pipeline.run.passes import WORK, Level
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import Lines, MinWords, SameFirstWord, Shout, l0, l1, silent, write_lines

LINES = ["apple pie is good", "apple tart", "banana split", "banana"]


class Clusters(SameFirstWord):
    """Says which rows belong together, too."""

    writes_clusters = True

    def decide(self, members: pa.Table) -> pa.Table:
        decisions = super().decide(members)
        ids = pa.array([f"{shard}-{row}" for shard, row in zip(decisions["shard"], decisions["row"], strict=True)])
        values = {"id": ids, "cluster": ids, "kept_id": ids, "similarity": pa.array([1.0] * len(ids))}
        for column in CLUSTER_COLUMNS:
            decisions = decisions.append_column(column, values[column.name])
        return decisions


def collect(folder: Path, level: Level, *files: list[str]) -> Finished:
    return run_level(level, LocalStore(folder / "store"), InlineRunner(), silent, write_lines(folder / "in", *files))


def refine(folder: Path, level: Level) -> Finished:
    collected = collect(folder, l0(), LINES)
    return run_level(level, LocalStore(folder / "store"), InlineRunner(), silent, parent=collected)


def ids(levels: Sequence[Finished]) -> list[str]:
    return [level.manifest.recipe_id for level in levels]


def test_two_data_sets_of_the_same_files_are_two_levels(tmp_path: Path):
    # A recipe id names a level in releases and certificates, where its folder is not seen.
    levels = [collect(tmp_path, replace(l0(), dataset=name), LINES) for name in ("toy", "other")]
    assert len(set(ids(levels))) == 2
    assert [level.directory.rpartition("/")[2].partition("-")[0] for level in levels] == ["toy", "other"]
    assert levels[0].manifest.content_id == levels[1].manifest.content_id
    later = [refine(tmp_path, replace(l1(MinWords()), dataset=name)) for name in ("toy", "other")]
    assert len(set(ids(later))) == 2


def test_kept_texts_of_dropped_rows_are_another_level(tmp_path: Path):
    levels = [refine(tmp_path, replace(l1(MinWords()), keep_dropped_text=keep)) for keep in (False, True)]
    assert len(set(ids(levels))) == 2
    texts = [
        pq.read_table(tmp_path / "store" / level.directory / level.manifest.paths("dropped")[0])["text"]
        for level in levels
    ]
    assert [text.to_pylist() for text in texts] == [[None], ["banana"]]


def test_an_alarm_is_no_part_of_it(tmp_path: Path):
    levels = [refine(tmp_path, replace(l1(MinWords()), alarm=alarm)) for alarm in (None, Alarm(rows=1000))]
    assert ids(levels)[0] == ids(levels)[1]
    assert [level.reused for level in levels] == [False, True]


def test_files_count_by_content_not_by_order(tmp_path: Path):
    first = write_lines(tmp_path / "in", ["one"], ["two"], ["three"])

    def run(files: list[InputFile]) -> Finished:
        return run_level(l0(), LocalStore(tmp_path / "store"), InlineRunner(), silent, files)

    levels = [run(files) for files in (first, first[::-1], first[1:])]
    assert ids(levels)[0] == ids(levels)[1] != ids(levels)[2]
    assert [level.reused for level in levels] == [False, True, False]


def test_the_level_before_counts(tmp_path: Path):
    store = LocalStore(tmp_path / "store")
    parents = [collect(tmp_path, level, LINES) for level in (l0(), l0(Shout()))]
    levels = [run_level(l1(MinWords()), store, InlineRunner(), silent, parent=parent) for parent in parents]
    assert len(set(ids(levels))) == 2
    assert [[parent.content_id for parent in level.manifest.parents] for level in levels] == [
        [parent.manifest.content_id] for parent in parents
    ]


def clusters(folder: Path, *steps: Any) -> list[str]:
    level = refine(folder, l1(*steps))
    (path,) = level.manifest.paths("clusters") or [""]
    return sorted(pq.read_table(folder / "store" / level.directory / path)["id"].to_pylist()) if path else []


def test_clusters_of_an_early_pass_are_in_the_level(tmp_path: Path):
    # Between the two grouping steps lies a row pass that has no clusters of its own.
    alone = clusters(tmp_path / "a", Clusters())
    assert len(alone) == 4
    assert clusters(tmp_path / "b", Clusters(), Shout(), SameFirstWord()) == alone
    assert clusters(tmp_path / "c", SameFirstWord(), Shout()) == []


def test_files_of_a_pass_do_not_outlive_the_level(tmp_path: Path):
    level = refine(tmp_path, l1(Clusters(), Shout(), SameFirstWord(), MinWords()))
    kept = LocalStore(tmp_path / "store").list(level.directory)
    assert not [path for path in kept if f"/{WORK}/" in path]
    assert sorted(path for path in kept if path.endswith(".parquet")) == sorted(
        f"{level.directory}/{file.path}" for file in level.manifest.files
    )


def test_where_the_inputs_lie_and_their_order_are_no_part_of_the_name():
    here, there = (replace(l0(), source=Lines(paths=(path,))) for path in ("/data/a.txt", "/mnt/b.txt"))
    files = [InputFile("/data/a.txt", "a" * 64), InputFile("/data/b.txt", "b" * 64)]
    moved = [InputFile("/mnt/b.txt", "b" * 64), InputFile("/mnt/a.txt", "a" * 64)]
    assert level_id(here, files) == level_id(there, moved)
    assert level_id(here, files) != level_id(here, files[:1])
    smaller = replace(l0(), source=Lines(max_document_bytes=1000))
    assert level_id(here, files) != level_id(smaller, files)
