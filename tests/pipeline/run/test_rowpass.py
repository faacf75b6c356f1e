"""One shard through one pass: each row's fate and place, what a raising step costs, and what a pass hands on."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.books.accounting import AccountingError
from pipeline.books.manifest import ShardRecord, dump
from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.rowpass import run_row_task
from pipeline.steps import (
    Unit,
)
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import Lines, MinWords, Shout
from tests.pipeline.run.tasks import (
    Full,
    Length,
    Loses,
    Prepared,
    Reads,
    read,
    stored,
    task,
)


def test_each_row_has_one_fate_and_is_counted(store: LocalStore):
    record = run_row_task(task(store, stored(store, "one two", "three", "poison", "four five"), MinWords(), Shout()))
    assert [row["text"] for row in read(store, "data")] == ["ONE TWO", "FOUR FIVE"]
    (short,), (bad,) = read(store, "dropped"), read(store, "quarantine")
    assert (short["id"], short["reason"], short["value"], short["threshold"]) == (
        "1",
        "min_words.too_few_words",
        1.0,
        2.0,
    )
    assert bad == {"id": "2", "url": None, "step": "01 min_words", "error": "ValueError: cannot count poison"}
    counts = record.counts
    assert (counts.rows_in, counts.rows_out, counts.quarantined) == (4, 2, 1)
    assert counts.dropped == {"min_words.too_few_words": 1}
    assert counts.changed == {"shout.shouted": 2}
    assert (counts.bytes_in, counts.bytes_out) == (7 + 5 + 6 + 9, 7 + 9)
    assert (record.input["start"], record.input["stop"]) == (0, 4)


@pytest.mark.parametrize("text", ["a bomb", "short"])
def test_a_generator_finds_the_columns_before_it_even_if_no_row_is_left(store: LocalStore, text: str):
    # The rows end in quarantine where the column is made, or were dropped before.
    counts = run_row_task(task(store, stored(store, text), MinWords(), Length(), Reads())).counts
    assert (counts.rows_in, counts.rows_made, counts.rows_out) == (1, 0, 0)


def test_a_fault_of_the_surroundings_ends_the_attempt_and_leaves_nothing(store: LocalStore):
    with pytest.raises(OSError, match="disk is full"):
        run_row_task(task(store, stored(store, "a", "b"), Full()))
    assert store.list(".") == ["parent"]


def test_a_step_that_cannot_be_prepared_blames_no_row(store: LocalStore):
    with pytest.raises(ValueError, match="no model"):
        run_row_task(task(store, stored(store, "a"), Prepared()))


def test_a_row_lost_without_a_word_is_an_error_and_nothing_is_written(store: LocalStore):
    with pytest.raises(AccountingError, match="level shard 0: 2 rows in"):
        run_row_task(task(store, stored(store, "a", "b"), Loses()))
    assert store.list(".") == ["parent"]


def test_a_task_that_is_done_is_found(store: LocalStore):
    wanted = task(store, stored(store, "one two"), MinWords())
    first = run_row_task(wanted)
    store.remove("parent")  # it is not even read again
    assert run_row_task(wanted) == first


def test_files_and_record_lie_under_the_tasks_folder_by_shard(store: LocalStore):
    record = run_row_task(task(store, stored(store, "one two"), MinWords(), shard=12))
    files = [f"level/{role}/part-00012.parquet" for role in ("data", "dropped", "quarantine")]
    assert [file.path for file in record.files] == files
    assert store.list("level") == [files[0], *files[1:], "level/shards/part-00012.json"]
    assert ShardRecord.model_validate_json(store.read("level/shards/part-00012.json")) == record
    assert record.shard == 12


def test_an_empty_unit_is_written_with_its_schema(store: LocalStore, tmp_path: Path):
    wanted = task(store, Unit(str(tmp_path / "absent"), "hash", 0, 0), MinWords(), source=Lines())
    record = run_row_task(wanted)
    assert (record.counts.rows_in, record.counts.rows_out) == (0, 0)
    assert pq.read_schema(store.shown("level/data/part-00000.parquet")).names == BASE_SCHEMA.names


def test_a_later_pass_carries_on_what_the_one_before_wrote_down(store: LocalStore):
    first = run_row_task(
        task(store, stored(store, "one two", "three", "poison x", "four five six"), MinWords(), directory="work/00")
    )
    data = next(file for file in first.files if file.role == "data")
    unit = Unit(data.path, data.sha256, 0, data.rows)
    record = run_row_task(task(store, unit, MinWords(minimum=3), directory="level", before="work/00", position=2))
    counts = record.counts
    assert (counts.rows_in, counts.rows_out, counts.quarantined) == (4, 1, 1)
    assert counts.dropped == {"min_words.too_few_words": 2}
    assert sorted((row["id"], row["threshold"]) for row in read(store, "dropped")) == [("0", 3.0), ("1", 2.0)]
    assert [row["id"] for row in read(store, "quarantine")] == ["2"]
    assert [row["id"] for row in read(store, "data")] == ["3"]
    assert record.seconds >= first.seconds


def test_a_row_lost_between_passes_is_an_error(store: LocalStore):
    first = run_row_task(task(store, stored(store, "one two", "three four"), MinWords(), directory="work/00"))
    counts = first.counts.model_copy(update={"rows_in": 3, "rows_out": 3})
    store.replace("work/00/shards/part-00000.json", dump(first.model_copy(update={"counts": counts})))
    data = next(file for file in first.files if file.role == "data")
    unit = Unit(data.path, data.sha256, 0, 2)
    with pytest.raises(AccountingError, match="level shard 0: 3 rows in and 0 made, but 2 kept"):
        run_row_task(task(store, unit, MinWords(), before="work/00"))
    assert store.list("level") == []
