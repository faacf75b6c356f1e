"""`orefine run --pilot N`: the levels before the first step that asks a model, then N documents through that step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flows.runs.recipe import Recipe, RecipeError
from flows.runs.run import Run, plan_recipe, run_one_level
from pipeline.books.manifest import read_rows
from pipeline.report.section import render
from pipeline.run.in_order import InOrder
from pipeline.run.ledger import Ledger
from pipeline.run.level import Finished
from pipeline.run.passes import Level
from pipeline.run.pilot import Pilot, lines_of, try_out, whole_lines
from pipeline.run.plan import Plan
from pipeline.steps import Generator


@dataclass(frozen=True)
class Tried:
    """What a pilot found, and where its page lies."""

    pilot: Pilot
    accept: int | None
    page: str
    """Relative to the store."""

    def as_json(self) -> dict[str, Any]:
        return self.pilot.as_json(self.accept)

    def lines(self) -> list[str]:
        return lines_of(self.pilot, self.accept)


def run_pilot(recipe: Recipe, run: Run, documents: int, made: Plan | None = None) -> Tried:
    """Try the step on the first documents by id; the same ones each time, and the first that a target would take."""
    made = made or plan_recipe(recipe, run.store)
    made.check()
    finished: Finished | None = None
    for level in recipe.levels():
        step = next((step for step in level.steps if isinstance(step, Generator)), None)
        if step is not None and finished is not None:
            return _try(step, level, run, documents, finished)
        finished = run_one_level(level, run, made.inputs, finished)
    raise RecipeError("--pilot tries a step that asks a model, and the recipe has none: add `rewrite` to l3_synthesize")


def _try(step: Generator, level: Level, run: Run, documents: int, parent: Finished) -> Tried:
    if level.steps[0] is not step:
        first = level.steps[0].kind
        raise RecipeError(f"--pilot: '{first}' stands before '{step.kind}' in {level.name}; the pilot needs it first")
    rows = InOrder(lambda: read_rows(run.store, parent.directory, parent.manifest, "data"), lambda _: None)
    tried = step.pilot()
    tried.prepare()
    found = try_out(tried, step, rows.take(documents), Ledger(run.store), parent.manifest.rows_out)
    target = step.target()
    accept = None if target is None else target.accept
    page = f"runs/{run.run_id}/pilot.html"
    html = render(
        "pilot.html.j2", title=f"{level.dataset}: pilot of {step.kind}", pilot=found, prompts=found.prompts(),
        not_sent=found.not_sent(), whole=whole_lines(found.whole(accept)),
    )  # fmt: skip
    run.store.replace(page, html.encode())
    return Tried(found, accept, page)
