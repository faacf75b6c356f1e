"""Rows with what was derived from them: computed once, filtered alongside, forgotten with the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from pipeline.rows.document import Document


@dataclass
class Lengths:
    """Derived from the text: how long each one is."""

    values: list[int]

    def filter(self, keep: Any) -> Lengths:
        return Lengths([value for value, stays in zip(self.values, keep, strict=True) if stays])


def lengths(texts: pa.StringArray) -> Lengths:
    return Lengths([len(text) for text in texts.to_pylist()])


def never(texts: pa.StringArray) -> Lengths:
    raise AssertionError("computed again")


@pytest.fixture
def batch() -> Batch:
    return Batch(pa.RecordBatch.from_pydict({"text": ["a", "bb", "ccc"], "score": [1, 2, 3]}))


def test_what_was_derived_is_not_derived_again(batch: Batch):
    first = batch.derive("lengths", lengths)
    assert batch.derive("lengths", never) is first
    assert batch.derive("others", lengths) is not first


def test_derived_values_follow_their_rows_through_a_filter(batch: Batch):
    batch.derive("lengths", lengths)
    kept = batch.filter(np.array([True, False, True]))
    assert kept.text.to_pylist() == ["a", "ccc"]
    assert kept.derive("lengths", never).values == [1, 3]


def test_a_filter_that_keeps_all_copies_nothing(batch: Batch):
    assert batch.filter(np.ones(3, np.bool_)) is batch
    assert len(batch.filter(np.zeros(3, np.bool_))) == 0


def test_a_slice_is_a_run_of_rows_without_what_was_derived(batch: Batch):
    batch.derive("lengths", lengths)
    part = batch.slice(1, 2)
    assert part.text.to_pylist() == ["bb", "ccc"]
    # Kept, they would be those of other rows.
    assert part.derive("lengths", lengths).values == [2, 3]


def test_another_text_forgets_what_was_derived_from_the_old_one(batch: Batch):
    batch.derive("lengths", lengths)
    changed = batch.with_text(pa.array(["dddd", "e", "f"]))
    assert changed.derive("lengths", lengths).values == [4, 1, 1]
    assert changed.rows.schema.names == ["text", "score"]
    assert batch.text.to_pylist() == ["a", "bb", "ccc"]


def test_another_column_forgets_nothing(batch: Batch):
    batch.derive("lengths", lengths)
    added = batch.with_column(pa.field("language", pa.string()), pa.array(["en", "de", "fr"]))
    assert added.rows.schema.names == ["text", "score", "language"]
    assert added.derive("lengths", never).values == [1, 2, 3]
    replaced = added.with_column(pa.field("score", pa.float64()), pa.array([0.5, 1.5, 2.5]))
    assert replaced.rows.schema.names == ["text", "score", "language"]
    assert replaced.column("score").to_pylist() == [0.5, 1.5, 2.5]
    assert replaced.derive("lengths", never).values == [1, 2, 3]


def test_the_first_column_can_be_replaced_too(batch: Batch):
    replaced = batch.with_column(pa.field("text", pa.string()), pa.array(["x", "y", "z"]))
    assert replaced.rows.schema.names == ["text", "score"]
    assert replaced.text.to_pylist() == ["x", "y", "z"]


def test_a_missing_column_is_named_with_those_there_are(batch: Batch):
    with pytest.raises(KeyError, match=r"no column 'quality' here; there are text, score\. Does the step"):
        batch.column("quality")


def test_a_row_as_a_document():
    row = {
        "id": "1",
        "text": "t",
        "text_hash": "h",
        "url": "u",
        "source": "s",
        "date": "d",
        "meta": '{"k": 1}',
        "score": 5,
    }
    (document,) = Batch(pa.RecordBatch.from_pylist([row])).documents()
    # The text's hash is not for steps; what is no base column is an earlier step's.
    assert document == Document("1", "t", "u", "s", "d", {"k": 1}, {"score": 5})


def test_a_document_of_a_row_with_nothing_in_it_is_empty_not_none():
    names = ("id", "text", "url", "source", "date", "meta")
    nothing = pa.RecordBatch.from_pydict({name: pa.nulls(1, pa.string()) for name in names})
    assert list(Batch(nothing).documents()) == [Document("", "")]
    assert list(Batch(nothing.select(["text"])).documents()) == [Document("", "")]
