"""A file of tasks: a question with placeholders, a range of whole numbers for each, and the answer as an expression.

    name: train
    version: 1
    license: CC0-1.0
    parameters:
      speed: [40, 160, 10]      # from, to (included), step if not 1
      hours: [2, 9]
    require: speed * hours < 1000
    question: A train goes {speed} km/h for {hours} hours. How many kilometres is that?
    answer: speed * hours

Nothing in it is run: `pipeline.steps.expression` says what an expression may hold.
"""

from __future__ import annotations

import functools
import random
import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.steps.expression import PLACEHOLDER, ExpressionError, evaluate, fill, names_in
from pipeline.steps.safe_yaml import read_yaml

TRIES = 1_000
"""Draws of parameters until `require` holds."""
LARGEST = 10**12
Bound = Annotated[int, Field(ge=-LARGEST, le=LARGEST, strict=True)]


class TaskFile(BaseModel):
    """One template with its parameters and its verifier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    version: int = Field(1, ge=1)
    license: str = ""
    parameters: dict[str, tuple[Bound, Bound] | tuple[Bound, Bound, Annotated[Bound, Field(ge=1)]]]
    require: str = "1"
    question: str = Field(min_length=1, max_length=10_000)
    answer: str

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, (low, high, *_) in self.parameters.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
                raise ValueError(f"parameter '{name}' is no name; use a to z, 0 to 9 and _")
            if low > high:
                raise ValueError(f"parameter {name}: {low} is above {high}; give the lower end first")
        asked = set(PLACEHOLDER.findall(self.question))
        used = names_in(self.answer) | names_in(self.require)
        if unknown := (asked | used) - self.parameters.keys():
            raise ValueError(f"{sorted(unknown)} are no parameters; there are {sorted(self.parameters)}")
        if hidden := names_in(self.answer) - asked:
            raise ValueError(
                f"the answer needs {sorted(hidden)}, which the question does not tell; write {{name}} there"
            )
        self.draw(random.Random(0))
        return self

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"

    def draw(self, chance: random.Random) -> dict[str, int]:
        """Values of the parameters for which `require` holds. Raises ExpressionError."""
        for _ in range(TRIES):
            values = {
                name: chance.randrange(low, high + 1, *step) for name, (low, high, *step) in self.parameters.items()
            }
            if evaluate(self.require, values):
                return values
        raise ExpressionError(f"`require: {self.require}` held for none of {TRIES} draws; widen the ranges")

    def make(self, chance: random.Random) -> dict[str, Any]:
        """A task as the column `task` holds it."""
        values = self.draw(chance)
        return {
            "verifier": f"file:{self.id}",
            "question": fill(self.question, values),
            "answer": str(evaluate(self.answer, values)),
            "template": self.question,
            "expression": self.answer,
            "parameters": values,
        }


@functools.lru_cache(maxsize=64)
def read_task_file(path: str) -> TaskFile:
    """The file. Raises ValueError with path and rule, or OSError."""
    try:
        return TaskFile.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"task file '{path}': {place + ': ' if place else ''}{first['msg']}") from None
    except ValueError as error:
        raise ValueError(f"task file '{path}': {error}") from None
