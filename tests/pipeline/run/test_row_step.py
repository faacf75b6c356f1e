"""One step over a batch: what it drops, what makes it raise, what it adds."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA, to_schema
from pipeline.run.rowpass import run_row_task
from pipeline.steps import (
    Judgement,
    Outcome,
    RowStep,
    Unit,
)
from pipeline.store.local import LocalStore
from pipeline.store.shard import ShardWriter
from tests.pipeline.helpers import MinWords
from tests.pipeline.run.tasks import (
    Careful,
    Length,
    decided,
    read,
    stored,
    task,
)


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


def test_a_step_that_nothing_reaches_still_adds_its_columns(store: LocalStore):
    wanted = task(store, stored(store, "short"), MinWords(), Length())
    record = run_row_task(wanted)
    assert pq.read_schema(store.shown("level/data/part-00000.parquet")).names == wanted.schema.names
    assert record.counts.rows_out == 0


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
