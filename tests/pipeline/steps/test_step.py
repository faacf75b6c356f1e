"""The shapes of a step: what each makes of a batch, and what a step says of itself when it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA, Document
from pipeline.steps import (
    DocumentFilter,
    Filter,
    GroupingStep,
    Judgement,
    Outcome,
    Resources,
    Scorer,
    Transform,
    Transformed,
)
from tests.pipeline.helpers import MinWords, SameFirstWord, Shout


class Length(Scorer):
    """How many letters the text has."""

    kind: Literal["length"] = "length"

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("length", pa.int32()),)

    def score(self, batch: Batch) -> Mapping[str, pa.Array]:
        lengths = pa.array([len(text) for text in batch.text.to_pylist()], pa.int32())
        return {"length": lengths, "undeclared": lengths}


class Short(Filter):
    """Drops what is one letter long."""

    kind: Literal["short"] = "short"

    def judge(self, batch: Batch) -> Judgement:
        judgement = Judgement(len(batch))
        judgement.drop(np.array([len(text) < 2 for text in batch.text.to_pylist()]), "short")
        return judgement


class Everything(Transform):
    """Says all that a transform can say."""

    kind: Literal["everything"] = "everything"

    def transform(self, batch: Batch) -> Transformed:
        judgement = Judgement(len(batch))
        judgement.drop_row(0, "nothing_left")
        return Transformed(batch, {"cut": 2}, judgement, {1: "unreadable"})


class NoDisk(DocumentFilter):
    """Fails as the surroundings do."""

    kind: Literal["no_disk"] = "no_disk"

    def reason_to_drop(self, document: Document) -> str | None:
        raise OSError("disk is full")


BATCH = Batch(pa.RecordBatch.from_pydict({"text": ["a", "poison", "two words"]}))


def fates(outcome: Outcome) -> list[str | None]:
    assert outcome.judgement is not None
    return [None if rule < 0 else outcome.judgement.rules[rule] for rule in outcome.judgement.rule]


def test_a_document_that_raises_costs_no_other():
    outcome = MinWords().process(BATCH)
    assert fates(outcome) == ["too_few_words", None, None]
    assert outcome.errors == {1: "ValueError: cannot count poison"}
    assert outcome.batch is BATCH
    assert outcome.judgement is not None
    assert (outcome.judgement.value[0], outcome.judgement.threshold[0]) == (1.0, 2.0)


def test_a_fault_of_the_surroundings_is_no_rows():
    with pytest.raises(OSError, match="disk is full"):
        NoDisk().process(BATCH)


def test_a_filter_judges_and_changes_nothing():
    outcome = Short().process(BATCH)
    assert fates(outcome) == ["short", None, None]
    assert (outcome.batch is BATCH, outcome.errors, outcome.changed) == (True, {}, {})


def test_all_that_a_transform_says_arrives():
    outcome = Everything().process(BATCH)
    assert fates(outcome) == ["nothing_left", None, None]
    assert (outcome.errors, outcome.changed) == ({1: "unreadable"}, {"cut": 2})


def test_a_scorer_adds_what_it_declares_and_nothing_else():
    outcome = Length().process(BATCH)
    assert outcome.batch.rows.schema.names == ["text", "length"]
    assert outcome.batch.column("length").to_pylist() == [1, 6, 9]
    assert outcome.judgement is None


def test_a_step_that_says_nothing_of_itself_needs_and_adds_nothing():
    step = Shout()
    assert (step.columns(), step.assets(), step.shows(), step.extras(), step.libraries) == ((), {}, {}, (), ())
    assert step.resources() == Resources()
    step.prepare()
    step.check_input(BASE_SCHEMA)


def test_parameters_are_the_identity():
    assert MinWords(minimum=7).identity() == {"kind": "min_words", "minimum": 7}


def test_a_misspelt_parameter_is_refused_and_none_can_be_changed():
    with pytest.raises(ValidationError, match="minimal"):
        MinWords(minimal=3)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="frozen"):
        MinWords().minimum = 3


def test_a_grouping_step_changes_no_row_unless_it_says_so():
    step: GroupingStep = SameFirstWord()
    assert (step.writes_clusters, step.changes_text) == (False, False)
    batch, changed = step.change(BATCH, np.array([0]), pa.table({}))
    assert (batch is BATCH, changed) == (True, {})
