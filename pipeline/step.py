"""The shapes of a step: frozen parameters plus one pure method.

A step knows neither Ray, nor Prefect, nor where files lie. Counting, writing and resuming is the level's work.

| shape          | you write                                            | for                                   |
|----------------|------------------------------------------------------|---------------------------------------|
| Source         | `units(path)`, `read(unit)`                          | L0: files to rows                     |
| DocumentFilter | `reason_to_drop(document) -> str \\| None`            | ten lines of plain Python             |
| Filter         | `judge(batch) -> Judgement`                          | a hot filter over columns             |
| Transform      | `transform(batch) -> Transformed`                    | changing text or columns              |
| Scorer         | `score(batch) -> dict[column, array]`                | adding columns, perhaps with a model  |
| GroupingStep   | `group(grouping)`                                    | decisions that need several documents |
| Generator      | `requests(batch)`, `accept(request, reply)`          | new rows through a model (L3)         |
| Checker        | `check(batch) -> Verdicts`                           | pass, fail or abstain (L4)            |
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from pipeline.batch import Batch, BoolArray
from pipeline.document import Document
from pipeline.faults import is_fault

if TYPE_CHECKING:
    from pipeline.grouping import Grouping

FloatArray = np.ndarray[tuple[int], np.dtype[np.float64]]


class Reason(str):
    """A rule's name that also carries the measured value and the threshold it broke."""

    value: float | None
    threshold: float | None

    def __new__(cls, rule: str, value: float | None = None, threshold: float | None = None) -> Reason:
        reason = super().__new__(cls, rule)
        reason.value, reason.threshold = value, threshold
        return reason


class Judgement:
    """Per row: kept, or the first rule it broke with the measured value and the threshold."""

    def __init__(self, rows: int) -> None:
        self.rules: list[str] = []
        self.rule = np.full(rows, -1, np.int32)
        """Index into `rules`; -1 for a row that is kept."""
        self.value: FloatArray = np.full(rows, np.nan)
        self.threshold: FloatArray = np.full(rows, np.nan)

    @property
    def kept(self) -> BoolArray:
        return self.rule < 0

    def drop(
        self,
        where: BoolArray,
        rule: str,
        value: FloatArray | Sequence[float] | float | None = None,
        threshold: FloatArray | float | None = None,
    ) -> None:
        """Drop the rows in `where` that no earlier rule has dropped: the first reason stands."""
        chosen = where & self.kept
        if rule not in self.rules:
            self.rules.append(rule)
        self.rule[chosen] = self.rules.index(rule)
        if value is not None:
            self.value[chosen] = np.broadcast_to(np.asarray(value, np.float64), chosen.shape)[chosen]
        if threshold is not None:
            self.threshold[chosen] = np.broadcast_to(np.asarray(threshold, np.float64), chosen.shape)[chosen]

    def join(self, part: Judgement, start: int) -> None:
        """Take over the judgement of the rows from `start` on."""
        for row in np.flatnonzero(~part.kept):
            self.drop_row(start + int(row), Reason(part.rules[part.rule[row]], part.value[row], part.threshold[row]))

    def drop_row(self, row: int, reason: str) -> None:
        """Drop one row, for steps written per document. A `Reason` brings its value and threshold."""
        if reason not in self.rules:
            self.rules.append(str(reason))
        self.rule[row] = self.rules.index(reason)
        value, threshold = getattr(reason, "value", None), getattr(reason, "threshold", None)
        self.value[row] = np.nan if value is None else value
        self.threshold[row] = np.nan if threshold is None else threshold


@dataclass(slots=True)
class Outcome:
    """What a row step made of a batch. `batch` still holds every row; the level removes the dropped ones."""

    batch: Batch
    judgement: Judgement | None = None
    errors: dict[int, str] = field(default_factory=dict)
    """Row → why it could not be processed; such rows are quarantined."""
    changed: dict[str, int] = field(default_factory=dict)
    """What a transform changed, counted by kind."""


class Step(BaseModel, ABC):
    """Parameters of a step. Frozen; unknown keys are refused with the path of the wrong field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    libraries: ClassVar[tuple[str, ...]] = ()
    """Packages whose version decides the output, such as an extractor; part of the recipe id."""
    resident: ClassVar[bool] = False
    """True if the step is worth a long-lived process (a language model), not a task per shard."""

    def columns(self) -> tuple[pa.Field, ...]:
        """Columns that this step adds to the level's schema."""
        return ()

    def identity(self) -> dict[str, Any]:
        """The parameters that decide the output; part of the recipe id."""
        return self.model_dump(mode="json")

    def assets(self) -> Mapping[str, str]:
        """Name → sha256 of the files that decide the output, such as a model; part of the recipe id."""
        return {}

    def extras(self) -> tuple[str, ...]:
        """Extras of the package (`pipeline.extras`) that this step needs; looked for before the first row is read."""
        return ()

    def prepare(self) -> None:
        """Load what the step needs, once per process. Errors here stop the run: they are no row's fault."""

    def check_input(self, schema: pa.Schema) -> None:
        """Raise ValueError if the level's input cannot feed this step; called before anything starts."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the input that one task reads: rows `start` to `stop` of one file, named by the file's content."""

    path: str
    sha256: str
    start: int = 0
    stop: int | None = None
    """None: to the end, for formats that do not say how many rows they hold."""


@dataclass(slots=True)
class SourceBatch:
    """What a source read: rows, and the rows that it could not read or that are no documents."""

    rows: pa.RecordBatch
    """Columns as found, mapped to `text` (or `html: binary`), `url`, `source`, `date`; others end in `meta`."""
    quarantined: list[tuple[str, str, str]] = field(default_factory=list)
    """(id or position, url, error)"""
    dropped: list[tuple[str, str, str]] = field(default_factory=list)
    """(id or position, url, rule), such as a WARC record that holds no page"""


class Source(Step):
    """Reads files into rows. Every row of the input comes out as a row, a drop or a quarantine entry."""

    paths: tuple[str, ...] = ()
    max_document_bytes: int = 16 << 20
    """Larger texts or pages are dropped (`too_large`): logs and dumps, of which Gopher's rules would keep none, and one
    of 100 MB takes a worker a gigabyte."""

    def extras(self) -> tuple[str, ...]:
        return ("remote",) if any("://" in path for path in self.paths) else ()

    def identity(self) -> dict[str, Any]:
        """Without the paths: the content of the files counts, not where they lie."""
        return self.model_dump(mode="json", exclude={"paths"})

    @abstractmethod
    def units(self, path: str, sha256: str) -> list[Unit]:
        """The file in parts of bounded size; where the parts lie depends on the file alone."""

    @abstractmethod
    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        """Batches of bounded bytes. An unreadable rest is one quarantine entry, never an exception."""


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


class GroupingStep(Step):
    """Decides about documents by looking at several: duplicates, caps, contamination."""

    writes_clusters: ClassVar[bool] = False
    """True if its decisions say which rows belong together (id, cluster, kept_id, similarity)."""
    changes_text: ClassVar[bool] = False
    """True if `change` changes the text; a pass over the rows then comes before the next grouping step."""

    def change(self, batch: Batch, rows: np.ndarray[Any, Any], decisions: pa.Table) -> tuple[Batch, dict[str, int]]:
        """The batch changed as decided, and how many rows each kind of change touched.

        `rows`: place in the batch of each decision. Rows that are to be dropped stay as they are.
        """
        return batch, {}

    @abstractmethod
    def group(self, grouping: Grouping) -> None:
        """Shuffle with `grouping.map` and `grouping.reduce`, then hand what was decided to `grouping.decide`."""


@dataclass(frozen=True, slots=True)
class Request:
    """One generation to ask of a model: the n-th prompt for one document."""

    key: str
    """Hash of all that decides the reply; the ledger finds finished work by it."""
    parent: Document
    prompt: str
    """The prompt's id, such as `rephrase@1`."""
    messages: tuple[tuple[str, str], ...]
    """(role, content) in order."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """temperature, top_p, max_tokens, seed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model answered, as the engine reports it; stored in the ledger as it came."""

    key: str
    text: str
    finish_reason: str
    """`stop`, `length`, or `error`."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str = ""


class Generator(Step):
    """Makes new rows through a model. Each request ends in exactly one state: a row, a reason, or an error."""

    @abstractmethod
    def requests(self, batch: Batch) -> list[Request | tuple[Document, Reason]]:
        """What to ask for each document, or why this document is not sent, in row order."""

    @abstractmethod
    def generate(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Replies in any order, one for each request, as they finish."""

    @abstractmethod
    def accept(self, request: Request, reply: Reply) -> Mapping[str, Any] | Reason:
        """The new row's columns (`text` and those declared), or why the reply is refused."""


@dataclass(slots=True)
class Verdicts:
    """Per row: pass, fail or abstain, with evidence. Abstain never counts as pass."""

    verdict: list[Literal["pass", "fail", "abstain"]]
    defect: list[str]
    """What is wrong or why it abstains, as a rule's name; empty for pass."""
    evidence: list[Mapping[str, Any]]
    """What a reader needs to check the verdict by hand."""


VERDICTS = pa.field("verdicts", pa.string())
"""JSON list of {checker, means, verdict, defect, evidence}, one entry per checker that saw the row."""


class Checker(RowStep):
    """Certifies rows. Only rows that every checker of the level passes stay."""

    means: ClassVar[Literal["formal", "human", "statistical"]] = "formal"

    @abstractmethod
    def check(self, batch: Batch) -> Verdicts: ...

    def columns(self) -> tuple[pa.Field, ...]:
        return (VERDICTS,)

    def process(self, batch: Batch) -> Outcome:
        verdicts = self.check(batch)
        judgement = Judgement(len(batch))
        for row, (verdict, defect) in enumerate(zip(verdicts.verdict, verdicts.defect, strict=True)):
            if verdict != "pass":
                judgement.drop_row(row, defect if verdict == "fail" else f"abstained_{defect}")
        return Outcome(self._record(batch, verdicts), judgement)

    def _record(self, batch: Batch, verdicts: Verdicts) -> Batch:
        known = batch.column("verdicts").to_pylist() if "verdicts" in batch.rows.schema.names else [None] * len(batch)
        entries = []
        for row, before in enumerate(known):
            entry = {
                "checker": self.kind,
                "means": self.means,
                "verdict": verdicts.verdict[row],
                "defect": verdicts.defect[row],
                "evidence": verdicts.evidence[row],
            }
            entries.append(json.dumps([*(json.loads(before) if before else []), entry], ensure_ascii=False))
        return batch.with_column(VERDICTS, pa.array(entries, pa.string()))


def describe(error: BaseException) -> str:
    """An exception as one line for a quarantine row."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500]
