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
| Generator      | `requests(batch)`, `judge_reply(request, reply)`     | new rows through a model (L3)         |
| Producer       | `produce()`                                          | rows that come from no document (L3)  |
| Checker        | `check(batch) -> Verdicts`                           | pass, fail or abstain (L4)            |
"""

from pipeline.errors import Fault, WorkerDied, describe, is_fault
from pipeline.steps.checker import VERDICTS, Checker, Verdicts
from pipeline.steps.generator import Generator, Producer, Reply, Request, Target
from pipeline.steps.grouping import GroupingStep
from pipeline.steps.judgement import FloatArray, Judgement, Measurement, Reason
from pipeline.steps.resources import Resources, joined
from pipeline.steps.source import Source, SourceBatch, Unit, distinct_names, extras_of
from pipeline.steps.step import (
    DocumentFilter,
    Filter,
    Outcome,
    RowStep,
    Scorer,
    Step,
    Transform,
    Transformed,
    step_name,
)

__all__ = [
    "VERDICTS",
    "Checker",
    "DocumentFilter",
    "Fault",
    "Filter",
    "FloatArray",
    "Generator",
    "GroupingStep",
    "Judgement",
    "Measurement",
    "Outcome",
    "Producer",
    "Reason",
    "Reply",
    "Request",
    "Resources",
    "RowStep",
    "Scorer",
    "Source",
    "SourceBatch",
    "Step",
    "Target",
    "Transform",
    "Transformed",
    "Unit",
    "Verdicts",
    "WorkerDied",
    "describe",
    "distinct_names",
    "extras_of",
    "is_fault",
    "joined",
    "step_name",
]
