"""Small steps, a source and a task for tests of what one task does to one shard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA, Document, level_schema, to_schema
from pipeline.run.decisions import Decided
from pipeline.run.grouping import CLUSTER_COLUMNS, DECISION_SCHEMA, Grouping
from pipeline.run.rowpass import RowTask
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
from pipeline.store.local import LocalStore
from pipeline.store.partitions import Tables, write_buckets
from pipeline.store.shard import ShardWriter
from tests.pipeline.helpers import MinWords


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
    return RowTask(store=store.root, units=(unit,), first=0, steps=steps, **(settings | options))


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
