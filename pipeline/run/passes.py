"""What a level is made of, its passes, the schema after each step, and what is wrong with the steps.

Nothing here reads a row. The plan (`pipeline.run.plan`) asks before a run, the level (`pipeline.run.level`) once more
before it starts, since hours may lie between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipeline.books.alarm import Alarm
from pipeline.errors import UsageError, of_recipe
from pipeline.rows.document import BASE_SCHEMA, level_schema
from pipeline.steps import Generator, GroupingStep, Source, Step, Unit, step_name
from pipeline.steps.extras import missing

WORK = "work"
"""The folder of a level for all its passes but the last; it goes when the level is done."""
TOGETHER = 2_000
"""Documents of small shards in one task of a generator. An engine with 32 places then loses 1 % of its time at a task's
end, where it loses 58 % with 25 documents (benchmarks/l3_throughput.py), and the tasks still keep some GPUs busy."""


class PlanError(UsageError):
    """Input, parameters, models or packages do not fit; found before any row was processed."""

    def __init__(self, problems: Sequence[str]) -> None:
        """`problems`: each in one line with level, step, value, rule and way out."""
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("; ".join(self.problems))


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


def takes_whole(part: Sequence[Step] | GroupingStep) -> bool:
    """Whether the pass goes through the level as one, by its first step: a generator that ends at a target."""
    generator = _generator_of(part)
    return generator is not None and generator.target() is not None


def _generator_of(part: Sequence[Step] | GroupingStep) -> Generator | None:
    """The generator that a pass begins with, if it does."""
    first = None if isinstance(part, GroupingStep) or not part else part[0]
    return first if isinstance(first, Generator) else None


def together(part: Sequence[Step], units: Sequence[Unit], each_alone: bool) -> list[range]:
    """The files that each task of a pass reads, as numbers of `units`.

    One each, but of small files that a model rewrites so many together that it has work: at each task's end its places
    stand empty until the slowest answer has come. Which, follows from the files alone. each_alone: where the number
    of a file counts, as in decisions, or its rows are not known, as in inputs.
    """
    if takes_whole(part):
        return [range(len(units))] if units else []
    gathers = _generator_of(part) is not None and not each_alone
    found: list[range] = []
    rows = 0
    for number, unit in enumerate(units):
        size = (unit.stop or 0) - unit.start
        if gathers and found and rows + size <= TOGETHER:
            found[-1] = range(found[-1].start, number + 1)
            rows += size
        else:
            found.append(range(number, number + 1))
            rows = size
    return found


def makes_other_shards(steps: Sequence[Step]) -> bool:
    """Whether how many shards leave a level depends on how many rows are in those that come."""
    return any(_generator_of(part) is not None for part in split_passes(steps))


def split_passes(steps: Sequence[Step]) -> list[tuple[Step, ...] | GroupingStep]:
    """Row steps gathered between grouping steps; a row pass comes last, since it is what writes the data.

    Row steps that belong to different places (`Resources.place`) are passes of their own: filters hold no GPU.
    """
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
            elsewhere = gathered and gathered[-1].resources().place != step.resources().place
            # A pass over the whole level applies no decisions and comes after no other step.
            if elsewhere or (takes_whole([step]) and (gathered or passes)):
                passes.append(tuple(gathered))
                gathered = []
            gathered.append(step)
    return [*passes, tuple(gathered)]


def schema_after(schema: pa.Schema, steps: Iterable[Step]) -> pa.Schema:
    """The columns of the rows that leave these steps."""
    for step in steps:
        # A generator's rows are new documents: they start from the base columns.
        schema = level_schema(step.columns(), BASE_SCHEMA if isinstance(step, Generator) else schema)
    return schema


def check_steps(steps: Sequence[Step], schema: pa.Schema, source: Step | None = None) -> tuple[list[str], pa.Schema]:
    """All that is wrong with the steps of a level that gets rows of this schema, and the schema that they leave.

    Each problem begins with the step's name. A step that cannot run still adds its columns, so that those after it are
    not blamed for its fault.
    """
    problems = []
    for place, step in enumerate((source, *steps)):
        if step is None:
            continue
        found = missing(step.extras()) or _said(step.resolve)
        if step is not source:
            found += _said(step.check_input, schema)
        try:
            schema = schema_after(schema, [step])
        except ValueError as error:  # a column of two types
            found.append(str(error))
        problems += [f"{step_name(place, step.kind)}: {text.removeprefix(f'{step.kind}: ')}" for text in found]
    indexes = [step.kind for step in steps if getattr(step, "index", False)]
    problems += [
        f"two steps '{kind}' have `index: true`, but a level has one index of a kind; remove one"
        for kind in sorted({kind for kind in indexes if indexes.count(kind) > 1})
    ]
    return problems, schema


def _said(ask: Callable[..., Iterable[str] | None], *arguments: pa.Schema) -> list[str]:
    """What a step says against itself, returned or raised."""
    with of_recipe() as said:
        said += ask(*arguments) or ()
    return said
