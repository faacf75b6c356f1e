"""Rows as they come in: counted, identified, without poison and without what is no document."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.rows.document import content_hash
from pipeline.run.incoming import KILLED, document_bytes, identify, text_bytes
from pipeline.run.rowpass import run_row_task
from pipeline.steps import (
    Unit,
)
from pipeline.store import shard as shards
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import Lines, MinWords, Shout, write_lines
from tests.pipeline.run.tasks import (
    Given,
    decided,
    read,
    stored,
    task,
)


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
