"""Decisions of grouping steps, applied to the rows that they name."""

from __future__ import annotations

import pytest

from pipeline.run.decisions import Decided
from pipeline.run.rowpass import run_row_task
from pipeline.store import shard as shards
from pipeline.store.local import LocalStore
from pipeline.store.partitions import EMPTY, Tables
from tests.pipeline.helpers import Shout
from tests.pipeline.run.tasks import (
    Marks,
    decided,
    read,
    stored,
    task,
)


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
