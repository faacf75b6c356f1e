"""What a run would do, and everything that would stop it, before the first row is read.

`check_recipe` comes before every run. `plan_run` is `orefine run … --plan`: it also hashes the inputs, since only then
the recipe ids say which levels are there already.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from flows.runs.against import with_earlier
from flows.runs.models import trained
from flows.runs.recipe import Recipe, RecipeError
from flows.runs.run import find_inputs, input_paths
from pipeline.books.manifest import Manifest, load
from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.checks import PlanError, chain_problems
from pipeline.run.level import Finished, InputFile, count_units, find_level, level_id
from pipeline.run.passes import Level, schema_after, split_passes
from pipeline.steps import GroupingStep
from pipeline.steps.extras import is_installed
from pipeline.store.store import Store


@dataclass
class PlannedLevel:
    """One level as it stands in the store."""

    level: str
    state: str
    """`found`, `to make`, or `after training`: its recipe id follows from a model that is not trained yet."""
    recipe_id: str | None
    passes: list[str]
    """The steps of each pass over the shards, each named by place and kind; `|` stands between a pass's steps."""
    columns: list[str]
    """Of its rows."""
    shards: int | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    """Known of a level that is there."""
    trains: list[str] = field(default_factory=list)
    """Steps whose model has to be trained first."""
    core_seconds: float | None = None
    """Working seconds over all tasks, estimated from an earlier run of the level; None where there is none."""


def check_recipe(recipe: Recipe, store: Store) -> None:
    """Raise PlanError with all that is wrong: inputs, earlier versions, packages, models, lists, columns."""
    problems: list[str] = []
    if all(map(is_installed, recipe.l0_collect.source.extras())):  # else that is said below
        try:
            input_paths(recipe)
        except RecipeError as error:
            problems.append(str(error))
    levels = []
    for level in recipe.levels():
        try:
            levels.append(with_earlier(level, store, None))
        except RecipeError as error:
            problems.append(str(error))
            levels.append(_without_earlier(level))
    if problems := problems + chain_problems(levels):
        raise PlanError(problems)


def _without_earlier(level: Level) -> Level:
    """The level with nothing to compare with: that this is missing has been said."""
    steps = (step.model_copy(update={"against": ()}) if hasattr(step, "against") else step for step in level.steps)
    return replace(level, steps=tuple(steps))


def plan_run(recipe: Recipe, store: Store) -> list[PlannedLevel]:
    """Every level of the recipe, first to last. Nothing is written and no row is read."""
    check_recipe(recipe, store)
    inputs = find_inputs(recipe)
    planned: list[PlannedLevel] = []
    schema, parent_id, parent, size = BASE_SCHEMA, None, None, None
    for level in recipe.levels():
        level, trains = trained(level, store, parent_id)
        try:
            level = with_earlier(level, store, parent)
        except RecipeError:  # an earlier version from this very run
            trains = [*trains, "earlier versions"]
        schema = schema_after(schema, level.steps)
        one = PlannedLevel(level.name, "after training", None, _passes(level), schema.names, trains=trains)
        if not trains and (level.source is not None or parent_id is not None):
            one.recipe_id = level_id(level, inputs if level.source else (), parent_id)
            one.state = "to make"
        parent_id = one.recipe_id
        parent = find_level(store, level, parent_id) if parent_id else None
        size = _fill(one, level, store, inputs, parent, size)
        one.shards = one.shards or (planned[-1].shards if planned else None)
        planned.append(one)
    return planned


def _passes(level: Level) -> list[str]:
    return [
        level.place(part) if isinstance(part, GroupingStep) else " | ".join(map(level.place, part)) or "write"
        for part in split_passes(level.steps)
    ]


def _fill(
    one: PlannedLevel, level: Level, store: Store, inputs: list[InputFile], found: Finished | None, size: float | None
) -> float | None:
    """Rows, shards and seconds as far as they are known; returns the bytes that the next level would get."""
    if found is not None:
        one.state, one.core_seconds = "found", 0.0
        one.rows_in, one.rows_out = found.manifest.rows_in, found.manifest.rows_out
        one.shards = len(found.manifest.paths("data"))
        return float(found.manifest.bytes_out)
    if level.source is not None:
        one.shards = count_units(level.source, inputs)
    earlier = _earlier_run(store, level)
    if earlier is None:
        return None
    if level.source is not None:  # how much text files hold is known when they are read: as much per byte as before
        now, before = _bytes([file.path for file in inputs]), _bytes([str(file["path"]) for file in earlier.inputs])
        size = earlier.bytes_in * now / before if now and before else None
    if size is None or not earlier.bytes_in:
        return None
    one.core_seconds = round(earlier.seconds * size / earlier.bytes_in, 1)
    return size * earlier.bytes_out / earlier.bytes_in


def _bytes(paths: list[str]) -> int | None:
    """Of local files that are all there."""
    files = [Path(path) for path in paths]
    return sum(file.stat().st_size for file in files) if all(file.is_file() for file in files) else None


def _earlier_run(store: Store, level: Level) -> Manifest | None:
    """The manifest of this level, of this data set where there is one, with the same kinds of steps."""
    kinds = [step.kind for step in level.all_steps()]
    found: list[Manifest] = []
    for path in store.list(level.name):
        if path.endswith("/manifest.json"):
            manifest = load(Manifest, store, path)
            if [step["kind"] for step in manifest.steps] == kinds:
                found.append(manifest)
    return min(found, key=lambda one: (one.dataset != level.dataset, one.recipe_id), default=None)


def plan_json(planned: list[PlannedLevel]) -> dict[str, Any]:
    """The object of `--plan --json`."""
    return {"plan": [asdict(one) for one in planned], "problems": []}


def plan_lines(planned: list[PlannedLevel]) -> list[str]:
    """The plan for people."""
    lines = []
    for one in planned:
        name = f"{one.recipe_id[:16]}" if one.recipe_id else "id unknown"
        rows = f", {one.rows_in:,} rows in, {one.rows_out:,} out" if one.rows_in is not None else ""
        seconds = "" if one.state == "found" else f", about {_duration(one.core_seconds)} of one core"
        shards = f", {one.shards:,} shards" if one.shards is not None else ""
        lines.append(f"{one.level:<14} {one.state}, {name}{shards}{rows}{seconds}")
        lines += [f"{'':<14} train {step} first" for step in one.trains]
        lines += [f"{'':<14} pass {number}: {part}" for number, part in enumerate(one.passes, 1)]
        lines.append(f"{'':<14} columns: {', '.join(one.columns)}")
    return lines


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown time"
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds:.0f} seconds"
