"""The step itself and its row-wise shapes: frozen parameters plus one pure method (see `pipeline.steps`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from pipeline.errors import describe, is_fault
from pipeline.rows.batch import Batch
from pipeline.rows.document import Document
from pipeline.steps.judgement import Judgement
from pipeline.steps.resources import Resources


@dataclass(slots=True)
class Outcome:
    """What a row step made of a batch. `batch` still holds every row; the level removes the dropped ones."""

    batch: Batch
    judgement: Judgement | None = None
    errors: dict[int, str] = field(default_factory=dict)
    """Row → why it could not be processed; such rows are quarantined."""
    changed: dict[str, int] = field(default_factory=dict)
    """What a transform changed, counted by kind."""


def step_name(place: int, kind: str) -> str:
    """`02 threshold`: place in the level and kind, since two steps of one kind are two. A source has place 0."""
    return f"{place:02d} {kind}"


class Step(BaseModel, ABC):
    """Parameters of a step. Frozen; unknown keys are refused with the path of the wrong field."""

    # Of nan no comparison is true, so that a limit of nan would switch its rule off in silence.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: str
    libraries: ClassVar[tuple[str, ...]] = ()
    """Packages whose version decides the output, such as an extractor; part of the recipe id."""

    def columns(self) -> tuple[pa.Field, ...]:
        """Columns that this step adds to the level's schema."""
        return ()

    def identity(self) -> dict[str, Any]:
        """The parameters that decide the output; part of the recipe id."""
        return self.model_dump(mode="json")

    def assets(self) -> Mapping[str, str]:
        """Name → sha256 of the files that decide the output, such as a model; part of the recipe id."""
        return {}

    def shows(self) -> dict[str, Any]:
        """What the report is to show of this step beside its counts; kept in the manifest, no part of the recipe id.

        `{"score": column, "rules": names}`: it drops rows by a score. `{"classifier": sha256}`: it used that model.
        """
        return {}

    def extras(self) -> tuple[str, ...]:
        """Extras (`pipeline.steps.extras`) that this step needs; looked for before the first row is read."""
        return ()

    def resolve(self) -> Iterable[str]:
        """What is wrong with what the step names outside itself: models, lists, tokenizers, earlier versions.

        Asked before the first row of any level is read, so it may read headers and small files, not whole models. What
        it raises as ValueError or OSError counts as well. By default all that `assets` names must be there.
        """
        self.assets()
        return ()

    def pending(self) -> str:
        """What must be made before the step can run, such as a training; empty if nothing."""
        return ""

    def resources(self) -> Resources:
        """What a task of this step needs; a pass over the shards is cut where GPUs or residence change."""
        return Resources()

    def prepare(self) -> None:
        """Load what the step needs, once per process. Errors here stop the run: they are no row's fault."""

    def check_input(self, schema: pa.Schema) -> None:
        """Raise ValueError if rows of this schema cannot feed the step; called before the first row is read."""


class RowStep(Step):
    """A step that looks at each row by itself."""

    @abstractmethod
    def process(self, batch: Batch) -> Outcome: ...


class Filter(RowStep):
    """Keeps or drops each row."""

    @abstractmethod
    def judge(self, batch: Batch) -> Judgement: ...

    def process(self, batch: Batch) -> Outcome:
        return Outcome(batch, self.judge(batch))


class DocumentFilter(RowStep):
    """A filter in plain Python. Return None to keep the document, or the rule it breaks.

    Return a `Reason` instead of a plain string to record the measured value and the threshold with it.
    """

    @abstractmethod
    def reason_to_drop(self, document: Document) -> str | None: ...

    def process(self, batch: Batch) -> Outcome:
        judgement, errors = Judgement(len(batch)), {}
        for row, document in enumerate(batch.documents()):
            try:
                reason = self.reason_to_drop(document)
            except Exception as error:  # one bad document must not cost the others
                if is_fault(error):
                    raise
                errors[row] = describe(error)
                continue
            if reason is not None:
                judgement.drop_row(row, reason)
        return Outcome(batch, judgement, errors)


@dataclass(slots=True)
class Transformed:
    """The batch with its rows changed, how many rows each kind of change touched, and rows to drop if any."""

    batch: Batch
    changed: dict[str, int] = field(default_factory=dict)
    judgement: Judgement | None = None
    errors: dict[int, str] = field(default_factory=dict)


class Transform(RowStep):
    """Changes rows, one for one. It may also drop rows that nothing is left of."""

    @abstractmethod
    def transform(self, batch: Batch) -> Transformed: ...

    def process(self, batch: Batch) -> Outcome:
        result = self.transform(batch)
        return Outcome(result.batch, result.judgement, result.errors, result.changed)


class Scorer(RowStep):
    """Adds the columns it declares; drops nothing."""

    @abstractmethod
    def score(self, batch: Batch) -> Mapping[str, pa.Array]: ...

    def process(self, batch: Batch) -> Outcome:
        scores = self.score(batch)
        for column in self.columns():
            batch = batch.with_column(column, scores[column.name])
        return Outcome(batch)
