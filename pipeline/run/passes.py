"""What a level is made of: its steps, the passes that they need, and the columns that rows have after each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipeline.books.alarm import Alarm
from pipeline.rows.document import BASE_SCHEMA, level_schema
from pipeline.steps import Generator, GroupingStep, Source, Step


@dataclass(frozen=True, slots=True)
class Level:
    """A level of a recipe."""

    name: str
    dataset: str
    steps: tuple[Step, ...]
    source: Source | None = None
    keep_dropped_text: bool = False
    alarm: Alarm | None = None
    allow_empty: bool = True
    """Whether no rows, or an input file of which nothing could be read, is a result."""

    def all_steps(self) -> tuple[Step, ...]:
        return (*((self.source,) if self.source else ()), *self.steps)

    def place(self, step: Step) -> str:
        """How a step of this level is named: `02 threshold`, since two steps of one kind are two. The source is 00."""
        number = next((number for number, one in enumerate(self.steps, 1) if one is step), 0)
        return f"{number:02d} {step.kind}"


def split_passes(steps: Sequence[Step]) -> list[tuple[Step, ...] | GroupingStep]:
    """Row steps gathered between grouping steps; a row pass comes last, since it is what writes the data."""
    passes: list[tuple[Step, ...] | GroupingStep] = []
    gathered: list[Step] = []
    for step in steps:
        if isinstance(step, GroupingStep):
            before = passes[-1] if passes and not gathered else None
            # A grouping step reads files: what one before it has changed or added must be written first.
            if gathered or (isinstance(before, GroupingStep) and (before.changes_text or before.columns())):
                passes.append(tuple(gathered))
            passes.append(step)
            gathered = []
        else:
            gathered.append(step)
    return [*passes, tuple(gathered)]


def schema_after(schema: pa.Schema, steps: Sequence[Step]) -> pa.Schema:
    """The columns after these steps."""
    for step in steps:
        # A generator's rows are new documents: they start from the base columns.
        schema = level_schema(step.columns(), BASE_SCHEMA if isinstance(step, Generator) else schema)
    return schema
