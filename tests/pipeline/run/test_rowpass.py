"""One shard through one pass: each row's fate and place, what a raising step costs, and what a pass hands on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.books.accounting import AccountingError
from pipeline.books.manifest import ShardRecord, dump
from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA, Document, content_hash, level_schema, to_schema
from pipeline.run.grouping import CLUSTER_COLUMNS, DECISION_SCHEMA, Grouping
from pipeline.run.rowpass import KILLED, Decided, RowTask, document_bytes, identify, run_row_task, text_bytes
from pipeline.steps import (
    Generator,
    GroupingStep,
    Judgement,
    Outcome,
    Reason,
    Reply,
    Request,
    RowStep,
    Scorer,
    Source,
    SourceBatch,
    Transform,
    Transformed,
    Unit,
)
from pipeline.store import shard as shards
from pipeline.store.local import LocalStore
from pipeline.store.partitions import EMPTY, Tables, write_buckets
from pipeline.store.shard import ShardWriter
from tests.pipeline.helpers import Lines, MinWords, Shout, write_lines


class Given(Source):
    """Hands out one batch that holds a bit of everything."""

    kind: Literal["given"] = "given"

    def units(self, path: str, sha256: str) -> list[Unit]:
        return [Unit(path, sha256)]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        rows = pa.RecordBatch.from_pydict({"url": ["u/1", "u/2"], "text": ["one two", "x" * 50]})
        yield SourceBatch(
            rows, [("line 3", "u/3", "not JSON")], [("4", "u/4", "no_page"), ("5", "u/5", Reason("no_page", 0.1, 0.5))]
        )


class Marks(GroupingStep):
    """Sets `mark` as its decisions say, and cuts the texts that they name."""

    kind: Literal["marks"] = "marks"
    writes_clusters = True

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("mark", pa.int32()),)

    def group(self, grouping: Grouping) -> None:
        raise AssertionError("decisions are given")

    def change(self, batch: Batch, rows: np.ndarray[Any, Any], decisions: pa.Table) -> tuple[Batch, dict[str, int]]:
        texts = batch.text.to_pylist()
        for row in rows.tolist():
            texts[row] = texts[row].removesuffix(" tail")
        return batch.with_text(pa.array(texts)), {"cut": len(rows)}


class Length(Scorer):
    """How long the text is; a text with a bomb in it cannot be measured."""

    kind: Literal["length"] = "length"

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("length", pa.int32()),)

    def score(self, batch: Batch) -> Mapping[str, pa.Array]:
        texts = batch.text.to_pylist()
        if any("bomb" in text for text in texts):
            raise RuntimeError("boom")
        return {"length": pa.array([len(text) for text in texts], pa.int32())}


class Careful(Transform):
    """Drops `drop`, changes `change`, and falls over `bomb`."""

    kind: Literal["careful"] = "careful"

    def transform(self, batch: Batch) -> Transformed:
        texts = batch.text.to_pylist()
        if "bomb" in texts:
            raise RuntimeError("boom")
        judgement = Judgement(len(batch))
        judgement.drop(np.array([text == "drop" for text in texts]), "dropped", 1.0, 0.5)
        return Transformed(batch, {"changed": texts.count("change")}, judgement)


class Reads(Generator):
    """Asks for nothing, but looks at a column that a step before it makes."""

    kind: Literal["reads"] = "reads"

    def requests(self, batch: Batch) -> list[Request | tuple[Document, Reason]]:
        assert batch.column("length").to_pylist() == []
        return []

    def generate(self, requests: Sequence[Request]) -> Iterator[Reply]:
        return iter(())

    def judge_reply(self, request: Request, reply: Reply, siblings: Sequence[str]) -> Mapping[str, Any] | Reason:
        raise AssertionError("nothing was asked")


class Loses(RowStep):
    """Loses a row without a word."""

    kind: Literal["loses"] = "loses"

    def process(self, batch: Batch) -> Outcome:
        return Outcome(batch.slice(1, len(batch) - 1))


class Full(RowStep):
    """Meets a full disk."""

    kind: Literal["full"] = "full"

    def process(self, batch: Batch) -> Outcome:
        raise OSError("disk is full")


class Prepared(MinWords):
    """Cannot find its model."""

    def prepare(self) -> None:
        raise ValueError("no model")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def stored(store: LocalStore, *texts: str) -> Unit:
    """A shard of an earlier level; ids are the texts' places."""
    rows = pa.RecordBatch.from_pydict({"id": [str(n) for n in range(len(texts))], "text": list(texts)})
    with ShardWriter(store, "parent", BASE_SCHEMA) as writer:
        writer.write(to_schema(rows, BASE_SCHEMA))
        entry = writer.commit("data")
    return Unit(entry.path, entry.sha256, 0, entry.rows)


def task(store: LocalStore, unit: Unit, *steps: Any, **options: Any) -> RowTask:
    columns = [
        column
        for one in (*(decided.step for decided in options.get("decided", ())), *steps)
        for column in one.columns()
    ]
    settings = {"directory": "level", "shard": 0, "source": None, "decided": (), "schema": level_schema(columns)}
    return RowTask(store=store.root, unit=unit, steps=steps, **(settings | options))


def read(store: LocalStore, role: str, folder: str = "level") -> list[dict]:
    return pq.read_table(store.shown(f"{folder}/{role}/part-00000.parquet")).to_pylist()


def decided(store: LocalStore, *rows: tuple, step: GroupingStep | None = None) -> Decided:
    """Decisions: (row, rule, value, threshold, mark)."""
    table = pa.table(
        {
            **{
                name: [row[place] for row in rows]
                for place, name in enumerate(("row", "rule", "value", "threshold", "mark"))
            },
            "shard": [0] * len(rows),
            "id": [str(row[0]) for row in rows],
            "cluster": ["c"] * len(rows),
            "kept_id": ["k"] * len(rows),
            "similarity": [0.5] * len(rows),
        },
        schema=pa.schema([*DECISION_SCHEMA, *CLUSTER_COLUMNS, pa.field("mark", pa.int32())]),
    )
    write_buckets(store, "decisions", [table], {"shard": 1})
    return Decided(step or Marks(), Tables(("decisions",), 1, "shard"))


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


def test_a_row_whose_step_was_in_error_is_not_dropped_too(store: LocalStore):
    class Both(RowStep):
        kind: Literal["both"] = "both"

        def process(self, batch: Batch) -> Outcome:
            judgement = Judgement(len(batch))
            judgement.drop(np.ones(len(batch), np.bool_), "all")
            return Outcome(batch, judgement, {2: "late", 1: "error"})

    record = run_row_task(task(store, stored(store, "a", "b", "c", "d"), Both()))
    assert (record.counts.dropped, record.counts.quarantined, record.counts.rows_out) == ({"both.all": 2}, 2, 0)
    assert [row["id"] for row in read(store, "dropped")] == ["0", "3"]
    # In row order, whatever order the step found them in: the same rows, the same bytes.
    assert [(row["id"], row["error"]) for row in read(store, "quarantine")] == [("1", "error"), ("2", "late")]


@pytest.mark.parametrize("bad", [(0,), (2,), (6,), (0, 6), (3, 4)])
def test_a_step_that_raises_costs_the_rows_that_make_it_raise(store: LocalStore, bad: tuple[int, ...]):
    texts = ["bomb" if row in bad else ("drop", "change", "keep")[row % 3] for row in range(7)]
    record = run_row_task(task(store, stored(store, *texts), Careful()))
    places = {
        word: [str(row) for row, text in enumerate(texts) if text == word]
        for word in ("bomb", "drop", "change", "keep")
    }
    assert [row["id"] for row in read(store, "quarantine")] == places["bomb"]
    assert {row["error"] for row in read(store, "quarantine")} == {"RuntimeError: boom"}
    assert [(row["id"], row["value"], row["threshold"]) for row in read(store, "dropped")] == [
        (name, 1.0, 0.5) for name in places["drop"]
    ]
    assert [row["text"] for row in read(store, "data")] == [text for text in texts if text in ("change", "keep")]
    assert record.counts.changed == {"careful.changed": len(places["change"])}


@pytest.mark.parametrize("texts", [("bomb", "four"), ("four", "bomb"), ("bomb", "bomb"), ("bomb",)])
def test_what_a_raising_step_declares_is_there_nonetheless(store: LocalStore, texts: tuple[str, ...]):
    run_row_task(task(store, stored(store, *texts), Length()))
    assert [row["length"] for row in read(store, "data")] == [4] * texts.count("four")
    assert len(read(store, "quarantine")) == texts.count("bomb")


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


def test_a_step_that_nothing_reaches_still_adds_its_columns(store: LocalStore):
    wanted = task(store, stored(store, "short"), MinWords(), Length())
    record = run_row_task(wanted)
    assert pq.read_schema(store.shown("level/data/part-00000.parquet")).names == wanted.schema.names
    assert record.counts.rows_out == 0


def test_an_empty_unit_is_written_with_its_schema(store: LocalStore, tmp_path: Path):
    wanted = task(store, Unit(str(tmp_path / "absent"), "hash", 0, 0), MinWords(), source=Lines())
    record = run_row_task(wanted)
    assert (record.counts.rows_in, record.counts.rows_out) == (0, 0)
    assert pq.read_schema(store.shown("level/data/part-00000.parquet")).names == BASE_SCHEMA.names


def test_a_source_counts_what_it_could_not_read_and_what_is_no_document(store: LocalStore):
    source = Given(max_document_bytes=49)
    counts = run_row_task(task(store, Unit("file", "hash"), source=source)).counts
    assert (counts.rows_in, counts.rows_out, counts.quarantined) == (5, 1, 1)
    assert counts.dropped == {"given.no_page": 2, "given.too_large": 1}
    assert counts.bytes_in == 7 + 50
    assert read(store, "quarantine") == [{"id": "line 3", "url": "u/3", "step": "00 given", "error": "not JSON"}]
    found = [(row["id"], row["url"], row["reason"], row["value"], row["threshold"]) for row in read(store, "dropped")]
    assert found == [
        ("4", "u/4", "given.no_page", None, None),
        ("5", "u/5", "given.no_page", 0.1, 0.5),
        ("u/2", "u/2", "given.too_large", 50.0, 49.0),
    ]


def test_a_text_in_which_nothing_can_be_seen_is_quarantined_whatever_the_source(store: LocalStore, tmp_path: Path):
    (file,) = write_lines(tmp_path / "input", ["one two", "\u200b", " \u3164", "three"])
    record = run_row_task(task(store, Unit(file.path, file.sha256), source=Lines(), poison=(2,)))
    assert [row["text"] for row in read(store, "data")] == ["one two", "three"]
    assert (record.counts.rows_in, record.counts.quarantined) == (4, 2)
    entries = [(row["id"], row["step"], row["error"]) for row in read(store, "quarantine")]
    assert (content_hash("", "\u200b"), "00 lines", "text is empty") in entries
    assert [error for _, _, error in entries if error != "text is empty"] == [KILLED]


def test_a_document_of_the_largest_size_stays(store: LocalStore):
    counts = run_row_task(task(store, Unit("file", "hash"), source=Given(max_document_bytes=50))).counts
    assert (counts.rows_out, counts.dropped) == (2, {"given.no_page": 2})


def test_only_L0_gives_ids(store: LocalStore):
    run_row_task(task(store, Unit("file", "hash"), source=Given()))
    first = read(store, "data")[0]
    assert (first["id"], first["text_hash"]) == (content_hash("u/1", "one two"), content_hash("one two"))
    run_row_task(task(store, stored(store, "one two"), Shout(), directory="later"))
    assert read(store, "data", "later")[0]["id"] == "0"


def test_an_id_follows_from_where_a_row_came_from_and_its_text():
    def ids(columns: dict) -> list[str]:
        return identify(Batch(pa.RecordBatch.from_pydict(columns))).column("id").to_pylist()

    assert ids({"text": ["t"], "url": ["u"], "source_id": ["s"]}) == [content_hash("u", "t")]
    assert ids({"text": ["t"], "url": [""], "source_id": ["s"]}) == [content_hash("s", "t")]
    assert ids({"text": ["t"], "url": pa.nulls(1, pa.string())}) == [content_hash("", "t")]
    assert ids({"text": ["t", "t"], "url": ["u", "v"]}) == [content_hash("u", "t"), content_hash("v", "t")]


def test_bytes_are_those_of_the_text_else_of_the_page():
    both = pa.RecordBatch.from_pydict({"html": [b"<p>ab</p>", b""], "text": ["zwölf", None]})
    assert document_bytes(both).tolist() == [6, 0]
    assert document_bytes(both.select(["html"])).tolist() == [9, 0]
    assert document_bytes(both.select([])).tolist() == [0] * both.select([]).num_rows
    assert text_bytes(both) == 6


def test_decisions_drop_and_mark_the_rows_that_they_name(store: LocalStore):
    unit = stored(store, "a tail", "b tail", "c", "d")
    decisions = decided(store, (3, None, None, None, 7), (0, "repeat", 0.9, 0.8, 5), (1, None, None, None, 6))
    record = run_row_task(task(store, unit, Shout(), decided=(decisions,), clusters=True))
    # Dropped is only what has a rule; unnamed rows have no mark; the texts of those named are changed.
    assert [(row["id"], row["text"], row["mark"]) for row in read(store, "data")] == [
        ("1", "B", 6),
        ("2", "C", None),
        ("3", "D", 7),
    ]
    (gone,) = read(store, "dropped")
    assert (gone["id"], gone["reason"], gone["value"], gone["threshold"], gone["step"]) == (
        "0",
        "marks.repeat",
        0.9,
        0.8,
        "01 marks",
    )
    assert record.counts.dropped == {"marks.repeat": 1}
    assert record.counts.changed == {"marks.cut": 3, "shout.shouted": 3}
    assert sorted(row["id"] for row in read(store, "clusters")) == ["0", "1", "3"]


@pytest.mark.parametrize("rows_at_once", [1, 2, 3])
def test_decisions_find_their_rows_in_whatever_batch(store: LocalStore, monkeypatch, rows_at_once: int):
    monkeypatch.setattr(shards, "BATCH_ROWS", rows_at_once)
    unit = stored(store, *(f"text {row}" for row in range(7)))
    rows = [(row, "repeat" if row % 2 else None, float(row), 0.5, 10 + row) for row in (6, 1, 2, 5)]
    run_row_task(task(store, unit, decided=(decided(store, *rows),), clusters=True))
    assert [(row["id"], row["mark"]) for row in read(store, "data")] == [
        ("0", None),
        ("2", 12),
        ("3", None),
        ("4", None),
        ("6", 16),
    ]
    assert [(row["id"], row["value"]) for row in read(store, "dropped")] == [("1", 1.0), ("5", 5.0)]


def test_no_decision_about_a_shard_still_adds_the_column(store: LocalStore):
    nothing = Decided(Marks(), Tables((), 1, EMPTY))
    record = run_row_task(task(store, stored(store, "a", "b"), decided=(nothing,), clusters=True))
    assert [row["mark"] for row in read(store, "data")] == [None, None]
    assert record.counts.changed == {}
    assert read(store, "clusters") == []


def test_poison_is_quarantined_unprocessed_and_named(store: LocalStore):
    record = run_row_task(task(store, stored(store, "one two", "three", "four five"), MinWords(), poison=(1, 2)))
    assert [row["id"] for row in read(store, "data")] == ["0"]
    assert read(store, "quarantine") == [
        {"id": name, "url": None, "step": "01 min_words", "error": KILLED} for name in ("1", "2")
    ]
    assert (record.counts.rows_in, record.counts.quarantined, record.counts.dropped) == (3, 2, {})
    assert "killed each time, alone" in KILLED  # whoever reads the file must see that it was no exception


def test_poison_is_counted_over_batches_and_before_decisions(store: LocalStore, monkeypatch):
    monkeypatch.setattr(shards, "BATCH_ROWS", 2)
    unit = stored(store, *(f"text {row}" for row in range(5)))
    decisions = decided(store, (2, "repeat", 1.0, 0.5, 1), (4, None, None, None, 9))
    run_row_task(task(store, unit, decided=(decisions,), clusters=True, poison=(3,)))
    assert [(row["id"], row["mark"]) for row in read(store, "data")] == [("0", None), ("1", None), ("4", 9)]
    assert [row["id"] for row in read(store, "dropped")] == ["2"]
    (bad,) = read(store, "quarantine")
    assert (bad["id"], bad["step"]) == ("3", "00 read")  # no row step is there to be blamed


def test_a_source_of_which_a_row_is_poison(store: LocalStore, tmp_path: Path):
    (file,) = write_lines(tmp_path / "input", ["one two", "three four"])
    record = run_row_task(task(store, Unit(file.path, file.sha256), source=Lines(), poison=(0,)))
    assert [row["text"] for row in read(store, "data")] == ["three four"]
    assert (record.counts.rows_in, record.counts.quarantined) == (2, 1)


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


def test_rows_are_counted_by_source_at_each_step(store: LocalStore):
    source = pa.array(["forum", "forum", "news"])
    rows = to_schema(
        pa.RecordBatch.from_pydict(
            {"id": ["0", "1", "2"], "text": ["one", "two three", "four five"], "source": source}
        ),
        BASE_SCHEMA,
    )
    with ShardWriter(store, "parent", BASE_SCHEMA) as writer:
        writer.write(rows)
        entry = writer.commit("data")
    decisions = decided(store, (2, "repeat", 1.0, 0.5, 1))
    counts = run_row_task(
        task(store, Unit("parent", entry.sha256, 0, 3), MinWords(), decided=(decisions,), clusters=True)
    ).counts
    seen = {
        value: [(passage.rows_in, passage.dropped) for passage in steps.values()]
        for value, steps in counts.groups["source"].items()
    }
    assert seen == {"forum": [(2, {}), (2, {"too_few_words": 1})], "news": [(1, {"repeat": 1})]}
