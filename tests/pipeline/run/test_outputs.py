"""The files of one shard: what of a dropped row is kept, what names a row, what an earlier pass hands on."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.books.accounting import Counts
from pipeline.books.manifest import ShardRecord
from pipeline.rows.document import DROPPED_SCHEMA, QUARANTINE_SCHEMA
from pipeline.run.outputs import CLUSTER_SCHEMA, Outputs, column_or_null, row_ids
from pipeline.store.local import LocalStore
from pipeline.store.shard import FileEntry

ROWS = pa.RecordBatch.from_pydict(
    {"id": ["a", "b", "c"], "url": ["u/a", "u/b", "u/c"], "text": ["A", "B", "C"], "source": ["s", "s", "s"]}
)
DATA = pa.schema([pa.field("id", pa.string())])


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def outputs(
    store: LocalStore, stack: ExitStack, folder: str = "x", clusters: bool = False, keep_text: bool = False
) -> Outputs:
    return Outputs(store, lambda role: f"{folder}/{role}", DATA, clusters, keep_text, stack)


def read(store: LocalStore, path: str) -> list[dict]:
    return pq.read_table(store.shown(path)).to_pylist()


@pytest.mark.parametrize("keep_text", [False, True])
def test_a_dropped_row_keeps_what_tells_why(store: LocalStore, keep_text: bool):
    with ExitStack() as stack:
        files = outputs(store, stack, keep_text=keep_text)
        files.drop(ROWS, np.array([0, 2]), "01 step", ["long", "short"], np.array([9.0, 1.0]), np.array([5.0, 2.0]))
        files.commit()
    first, second = read(store, "x/dropped")
    assert list(first) == DROPPED_SCHEMA.names
    assert list(first.values()) == ["a", "u/a", "step.long", 9.0, 5.0, "01 step", "A" if keep_text else None]
    assert list(second.values()) == ["c", "u/c", "step.short", 1.0, 2.0, "01 step", "C" if keep_text else None]


def test_one_threshold_serves_all_rows_and_nan_is_null(store: LocalStore):
    with ExitStack() as stack:
        files = outputs(store, stack)
        files.drop(ROWS, np.array([0, 1]), "01 step", ["long"] * 2, np.array([9.0, np.nan]), 5)
        files.drop(ROWS, [2], "01 step", ["odd"], [None], [None])
        files.commit()
    measured = [(row["value"], row["threshold"]) for row in read(store, "x/dropped")]
    assert measured == [(9.0, 5.0), (None, 5.0), (None, None)]


def test_no_row_to_drop_is_no_error(store: LocalStore):
    with ExitStack() as stack:
        files = outputs(store, stack)
        files.drop(ROWS, np.empty(0, np.int64), "01 step", [], np.empty(0), np.empty(0))
        files.commit()
    assert read(store, "x/dropped") == []


def test_a_quarantined_row_is_named_with_step_and_error(store: LocalStore):
    with ExitStack() as stack:
        files = outputs(store, stack)
        files.quarantine("01 step", [("a", "u/a", "ValueError: no"), ("b", None, "KeyError: x")])
        files.commit()
    assert read(store, "x/quarantine") == [
        {"id": "a", "url": "u/a", "step": "01 step", "error": "ValueError: no"},
        {"id": "b", "url": None, "step": "01 step", "error": "KeyError: x"},
    ]


def test_clusters_are_those_columns_alone(store: LocalStore):
    decisions = pa.table(
        {"row": [0], "similarity": pa.array([0.9], pa.float32()), "kept_id": ["b"], "cluster": ["b"], "id": ["a"]}
    )
    with ExitStack() as stack:
        files = outputs(store, stack, clusters=True)
        files.clusters(decisions)
        files.commit()
    (row,) = read(store, "x/clusters")
    assert list(row) == ["id", "cluster", "kept_id", "similarity"]
    assert (row["id"], row["cluster"], row["kept_id"]) == ("a", "b", "b")
    assert row["similarity"] == pytest.approx(0.9)


@pytest.mark.parametrize("clusters", [False, True])
def test_every_role_has_a_file_even_without_rows(store: LocalStore, clusters: bool):
    with ExitStack() as stack:
        files = outputs(store, stack, clusters=clusters)
        files.data.write(ROWS.select(["id"]))
        entries = files.commit()
    schemas = {"data": DATA, "dropped": DROPPED_SCHEMA, "quarantine": QUARANTINE_SCHEMA}
    schemas |= {"clusters": CLUSTER_SCHEMA} if clusters else {}
    assert {entry.role: entry.rows for entry in entries} == {role: 3 if role == "data" else 0 for role in schemas}
    for entry in entries:
        assert pq.read_schema(store.shown(entry.path)).equals(schemas[entry.role])


def test_what_is_not_committed_goes(store: LocalStore):
    with ExitStack() as stack:
        files = outputs(store, stack)
        files.drop(ROWS, [0], "01 step", ["long"], [1.0], [1.0])
        assert store.list(".") == []
    assert store.list(".") == []


def test_what_an_earlier_pass_wrote_of_rows_is_handed_on_but_not_its_data(store: LocalStore):
    with ExitStack() as stack:
        first = outputs(store, stack, "first", clusters=True)
        first.data.write(ROWS.select(["id"]))
        first.drop(ROWS, [0], "01 step", ["long"], [9.0], [5.0])
        first.quarantine("01 step", [("b", "u/b", "error")])
        first.clusters(pa.table({"id": ["a"], "cluster": ["b"], "kept_id": ["b"], "similarity": [1.0]}))
        entries = first.commit()
        record = ShardRecord(shard=0, input={}, counts=Counts(), files=entries, seconds=0)
        second = outputs(store, stack, "second", clusters=True)
        second.carry_on(store, record)
        second.drop(ROWS, [1], "02 later", ["short"], [1.0], [2.0])
        second.commit()
    assert read(store, "second/data") == []
    assert [row["reason"] for row in read(store, "second/dropped")] == ["step.long", "later.short"]
    assert [row["id"] for row in read(store, "second/quarantine")] == ["b"]
    assert [row["kept_id"] for row in read(store, "second/clusters")] == ["b"]


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"id": ["a"], "source_id": ["s"], "url": ["u"]}, ["a"]),
        ({"source_id": [7], "url": ["u"]}, ["7"]),  # a source's own ids may be numbers
        ({"url": ["u"], "text": ["t"]}, ["u"]),
        ({"text": ["t"]}, [None]),
    ],
)
def test_a_row_is_named_by_the_best_that_it_has(columns: dict, names: list):
    found = row_ids(pa.RecordBatch.from_pydict(columns))
    assert found.to_pylist() == names
    assert found.type == pa.string()


def test_a_row_that_L0_drops_is_named_by_its_sources_id(store: LocalStore):
    rows = pa.RecordBatch.from_pydict({"source_id": ["s1", "s2"], "text": ["A", "B"]})
    with ExitStack() as stack:
        files = outputs(store, stack)
        files.drop(rows, [1], "00 read", ["too_large"], [9.0], [5.0])
        files.commit()
    (row,) = read(store, "x/dropped")
    assert (row["id"], row["url"]) == ("s2", None)


def test_a_column_that_is_not_there_is_null():
    assert column_or_null(ROWS, "url").to_pylist() == ["u/a", "u/b", "u/c"]
    assert column_or_null(ROWS, "nothing").to_pylist() == [None] * 3


def test_a_file_that_was_there_first_is_the_one_described(store: LocalStore):
    def write(*ids: str) -> FileEntry:
        with ExitStack() as stack:
            files = outputs(store, stack)
            files.data.write(pa.RecordBatch.from_pydict({"id": list(ids)}))
            return files.commit()[0]

    first, late = write("a"), write("b", "c")
    assert late == first
    assert read(store, "x/data") == [{"id": "a"}]
