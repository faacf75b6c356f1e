"""What can be known of a level before its first row is read: every step gets the columns that it will find."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pyarrow as pa

from pipeline.errors import UsageError
from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.passes import Level, schema_after
from pipeline.steps import Step, describe
from pipeline.steps.extras import require


class PlanError(UsageError):
    """Input, parameters, models or packages do not fit; found before any row was processed."""

    def __init__(self, problems: Sequence[str]) -> None:
        """`problems`: each in one line with level, step, value, rule and way out."""
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("; ".join(self.problems))


def step_problems(level: Level, schema: pa.Schema) -> list[str]:
    """All that is wrong with the steps of a level whose rows come with these columns."""
    problems = []
    indexes = [step.kind for step in level.steps if getattr(step, "index", False)]
    for kind in sorted({kind for kind in indexes if indexes.count(kind) > 1}):
        problems.append(f"{level.name}: two steps '{kind}' have `index: true`, but a level has one index; remove one")
    for step in level.all_steps():
        if problem := _problem(step, schema):
            problems.append(f"{level.name} {level.place(step)}: {problem.removeprefix(f'{step.kind}: ')}")
        try:
            schema = schema_after(schema, [step])
        except ValueError as error:  # two types for one column
            problems.append(f"{level.name} {level.place(step)}: {error}")
    return problems


def chain_problems(levels: Sequence[Level]) -> list[str]:
    """All that is wrong with the levels of a recipe, each given the columns that the one before it leaves."""
    problems: list[str] = []
    schema = BASE_SCHEMA
    for level in levels:
        problems += step_problems(level, schema)
        with suppress(ValueError):  # two types for one column: said above
            schema = schema_after(schema, level.steps)
    return problems


def _problem(step: Step, schema: pa.Schema) -> str:
    """What is wrong with one step; its packages first, since nothing else can be said without them."""
    try:
        require(step.extras())
        step.check_input(schema)
        step.assets()
    except (ValueError, OSError, ImportError) as error:
        if isinstance(error, FileNotFoundError) and error.filename:
            return f"No such file: '{error.filename}'; correct the path"
        # Ours name the value themselves; what a library raises is told apart by its type.
        return str(error) if type(error) is FileNotFoundError or isinstance(error, ValueError) else describe(error)
    return ""
