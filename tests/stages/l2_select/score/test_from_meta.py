"""A number of the input as a column."""

import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.rows.batch import Batch
from stages.l2_select.choose.threshold import Threshold
from stages.l2_select.score.from_meta import FromMeta

METAS = ['{"score": 0.25, "other": 1}', '{"score": 3}', '{"score": null}', "{}", "", None]
NO_NUMBERS = ['{"score": "0.9"}', '{"score": true}', '{"score": [1]}', '{"score": 1' + "0" * 400 + "}"]


def batch(*metas: str | None) -> Batch:
    return Batch(pa.RecordBatch.from_arrays([pa.array(metas, pa.string())], ["meta"]))


def test_the_number_is_taken_and_where_there_is_none_nothing():
    outcome = FromMeta(name="score").process(batch(*METAS))
    assert outcome.batch.column("score").to_pylist() == [0.25, 3.0, None, None, None, None]
    assert (outcome.errors, outcome.judgement) == ({}, None)


def test_what_is_no_number_is_said_of_its_row_alone():
    outcome = FromMeta(name="score").process(batch(METAS[0], *NO_NUMBERS))
    assert outcome.batch.column("score").to_pylist() == [0.25, None, None, None, None]
    assert list(outcome.errors) == [1, 2, 3, 4]
    assert outcome.errors[1] == "'score' of meta is \"0.9\", which is no number"


def test_it_may_be_called_otherwise_and_is_what_the_next_step_selects_by():
    step = FromMeta(name="int_score", column="edu")
    assert step.columns() == (pa.field("edu", pa.float64()),)
    scored = step.process(batch('{"int_score": 2}', '{"int_score": 4}')).batch
    assert Threshold(column="edu", minimum=3).process(scored).judgement.kept.tolist() == [False, True]


def test_an_empty_name_is_none():
    with pytest.raises(ValidationError, match="at least 1 character"):
        FromMeta(name="")
