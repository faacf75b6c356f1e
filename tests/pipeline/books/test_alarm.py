"""A step that drops nearly all of one source stops the level; what is done stays done."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.books.accounting import MAXIMUM_GROUPS, OTHERS, Counts, Passage, total
from pipeline.books.alarm import Alarm, explain, losses
from pipeline.books.manifest import ShardRecord
from pipeline.rows.batch import Batch
from pipeline.run.failures import LevelError
from pipeline.run.level import Finished, level_id, run_level
from pipeline.run.passes import Level
from pipeline.run.runners import InlineRunner
from pipeline.steps import Outcome, RowStep, Source, SourceBatch, Unit
from pipeline.store.local import LocalStore
from pipeline.store.shard import FileEntry
from tests.pipeline.helpers import MinWords, SameFirstWord, Shout, silent, write_lines

ALARM = Alarm(share=0.5, rows=3)
FORUM = ["forum|de|hello", "forum|de|hello", "forum|de|banana split", "forum|de|"]
NEWS = ["news|en|one two three", "news|en|four five six", "news|en|seven eight"]


class Sourced(Source):
    """Lines of `source|language|text`."""

    kind: Literal["sourced"] = "sourced"

    def units(self, path: str, sha256: str) -> list[Unit]:
        return [Unit(path, sha256)]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        rows = [line.split("|") for line in Path(unit.path).read_text(encoding="utf-8").splitlines()]
        names = ["source", "date", "text"]
        yield SourceBatch(pa.RecordBatch.from_pylist([dict(zip(names, row, strict=True)) for row in rows]))


class DateAsLanguage(RowStep):
    """Calls the date the language, and drops what has no text."""

    kind: Literal["date_as_language"] = "date_as_language"

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("language", pa.string()),)

    def process(self, batch: Batch) -> Outcome:
        outcome = MinWords(minimum=1).process(batch)
        return replace(outcome, batch=batch.with_column(self.columns()[0], batch.column("date")))


STEPS = (DateAsLanguage(), MinWords())


def run(folder: Path, alarm: Alarm | None, files=(FORUM, NEWS), steps=STEPS) -> Finished:
    """Both levels; the second with the alarm."""
    store = LocalStore(folder / "store")
    source = Level("l0_collect", "toy", (), Sourced())
    collected = run_level(source, store, InlineRunner(), silent, write_lines(folder / "input", *files))
    level = Level("l1_filter", "toy", steps, alarm=alarm)
    return run_level(level, store, InlineRunner(), silent, parent=collected)


def test_the_error_says_what_to_look_at_and_the_way_out(tmp_path: Path):
    with pytest.raises(LevelError) as stopped:
        run(tmp_path, ALARM)
    message = str(stopped.value)
    # Of four rows of the forum the first step drops one.
    assert "step 2, min_words, dropped 2 of 3 rows (66.7%) of source 'forum' (1 more such)" in message
    assert "more than the alarm's 50.0%" in message
    assert "min_words.too_few_words 2" in message
    assert "l1_filter.alarm=null" in message
    assert "add min_words to l1_filter.alarm.ignore" in message
    (file,) = (word.rstrip(".") for word in message.split() if "/dropped/" in word)
    assert pq.read_table(file).column("reason").to_pylist().count("min_words.too_few_words") == 2
    assert not list((tmp_path / "store").glob("l1_filter/*/manifest.json"))


@pytest.mark.parametrize(
    "alarm",
    [None, Alarm(share=0.7, rows=3), Alarm(share=0.5, rows=4), Alarm(share=0.5, rows=3, ignore=("min_words",)),
     Alarm(share=0.5, rows=3, ignore=("min_words.too_few_words",))],
)  # fmt: skip
def test_it_goes_on_without_running_a_shard_again(tmp_path: Path, alarm: Alarm | None):
    with pytest.raises(LevelError):
        run(tmp_path, ALARM)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("part-*")}
    finished = run(tmp_path, alarm)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("part-*")}
    assert finished.manifest.rows_out == 4
    with pytest.raises(LevelError, match="of source 'forum'"):  # a level that is there is held to the same limit
        run(tmp_path, ALARM)


def groups(**sources: Passage) -> dict:
    return {"source": {name: {"03 min_words": passage} for name, passage in sources.items()}}


def test_a_loss_is_one_above_the_share_of_enough_rows():
    alarm = Alarm(share=0.5, rows=4)
    found = losses(
        groups(
            equal=Passage(rows_in=4, dropped={"a": 2}),
            few=Passage(rows_in=3, dropped={"a": 3}),
            more=Passage(rows_in=4, dropped={"a": 2, "b": 1}),
            most=Passage(rows_in=100, dropped={"a": 60}),
        )
        | {"language": {"de": {"03 min_words": Passage(rows_in=4, dropped={"a": 3})}}},
        alarm,
    )
    # Most rows first; of as many, the source before the language.
    assert [(loss.value, loss.rows, loss.share) for loss in found] == [
        ("most", 60, 0.6),
        ("more", 3, 0.75),
        ("de", 3, 0.75),
    ]
    assert losses(groups(**{OTHERS: Passage(rows_in=9, dropped={"a": 9})}), alarm) == []


def test_without_a_word_it_rings_where_nine_of_ten_of_a_thousand_rows_go():
    def rings(rows_in: int, dropped: int) -> bool:
        return bool(losses(groups(a=Passage(rows_in=rows_in, dropped={"x": dropped})), Alarm()))

    assert [rings(1000, 901), rings(1000, 900), rings(999, 999)] == [True, False, False]
    assert Alarm().ignore == ("language.other_language",)  # who keeps one language means to lose the others


def test_what_is_meant_is_not_counted_beside_what_is_not():
    passage = Passage(rows_in=10, dropped={"meant": 6, "other": 5})
    assert losses(groups(a=passage), Alarm(share=0.5, rows=1, ignore=("min_words.meant",))) == []
    (loss,) = losses(groups(a=passage), Alarm(share=0.4, rows=1, ignore=("min_words.meant",)))
    assert loss.dropped == {"other": 5}


def test_the_explanation_points_at_the_file_with_most_of_such_rows():
    def record(shard: int, rows: int) -> ShardRecord:
        counts = Counts(groups=groups(a=Passage(rows_in=9, dropped={"x": rows})))
        files = [
            FileEntry(role=role, path=f"{role}/{shard}", rows=1, sha256="", bytes=1) for role in ("data", "dropped")
        ]
        return ShardRecord(shard=shard, input={}, counts=counts, files=files, seconds=0)

    alarm = Alarm(share=0.5, rows=1)
    found = losses(
        {"language": {"": {"03 min_words": Passage(rows_in=2000, dropped={"b": 1, "c": 1500, "a": 1})}}}, alarm
    )
    said = explain(found, "l1", alarm, [record(0, 1)], "s")
    # Two reasons at most, the most frequent first, then by name; and no `1 more such` where there is none.
    assert "Most frequent: min_words.c 1,500, min_words.a 1; look" in said
    assert "step 3, min_words, dropped 1,502 of 2,000 rows (75.1%) of rows without a language, more than" in said
    found = losses(groups(a=Passage(rows_in=9, dropped={"x": 8}), b=Passage(rows_in=9, dropped={"x": 7})), alarm)
    said = explain(found, "l1", alarm, [record(0, 2), record(1, 5), record(2, 1)], "s")
    assert "s/dropped/1." in said
    assert "(1 more such)" in said


def test_drops_of_grouping_steps_count(tmp_path: Path):
    repeats = [f"mirror|en|same page {number}" for number in range(4)]
    with pytest.raises(LevelError, match=r"step 2, same_first_word, dropped 3 of 4 rows \(75.0%\) of source 'mirror'"):
        run(tmp_path, ALARM, files=(repeats, NEWS), steps=(MinWords(), SameFirstWord(), DateAsLanguage()))


def test_steps_of_one_kind_are_counted_apart(tmp_path: Path):
    with pytest.raises(LevelError, match=r"step 4, min_words, dropped 3 of 3 rows \(100.0%\) of source 'news'"):
        run(tmp_path, ALARM, files=(NEWS,), steps=(MinWords(), SameFirstWord(), MinWords(), MinWords(minimum=4)))


def test_the_manifest_counts_each_step_by_source_and_language(tmp_path: Path):
    manifest = run(tmp_path, None, steps=(*STEPS, Shout())).manifest
    counted = {
        (column, value): {step: (passage.rows_in, passage.dropped) for step, passage in steps.items()}
        for column, values in manifest.groups.items()
        for value, steps in values.items()
    }
    # The step that makes the language is not held to it.
    assert counted == {
        ("language", "de"): {"02 min_words": (3, {"too_few_words": 2}), "03 shout": (1, {})},
        ("language", "en"): {"02 min_words": (3, {}), "03 shout": (3, {})},
        ("source", "forum"): {
            "01 date_as_language": (3, {}),  # a line without a word is quarantined by L0
            "02 min_words": (3, {"too_few_words": 2}),
            "03 shout": (1, {}),
        },
        ("source", "news"): {"01 date_as_language": (3, {}), "02 min_words": (3, {}), "03 shout": (3, {})},
    }


def test_the_alarm_is_no_part_of_the_recipe_id():
    level = Level("l1_filter", "toy", (MinWords(),), alarm=ALARM)
    assert level_id(level, parent_id="x") == level_id(replace(level, alarm=None), parent_id="x")


def test_only_the_largest_sources_are_counted_by_name():
    sites = [f"site {number}" for number in range(MAXIMUM_GROUPS + 20)] + ["site 7"]
    rows = pa.RecordBatch.from_pydict({"source": sites})
    counts = Counts()
    counts.count_groups("01 step", rows, np.array([0]), ["rule"])
    sources = total([counts, counts]).groups["source"]
    assert len(sources) == MAXIMUM_GROUPS + 1
    assert sources["site 7"]["01 step"].rows_in == 4
    assert sources["site 0"]["01 step"].dropped == {"rule": 2}
    assert sources[OTHERS]["01 step"].rows_in == 40
