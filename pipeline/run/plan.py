"""The plan of a run: what each level is, found or to be made, and all that is wrong, before the first row is read.

    steps      what they name is there, and the columns that they read come from a step before them, over all levels
    identity   the recipe id, and by it whether the level is on the store already
    work       passes, shards, rows; what earlier runs of the same steps took is added by `pipeline.run.estimates`

The recipe id hashes the input, so inputs are looked at only when the steps have no fault: a misspelt column costs no
reading of terabytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import pyarrow as pa

from pipeline.errors import is_of_recipe, of_recipe
from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.level import Finished, InputFile, directory_of, find_level, level_id
from pipeline.run.passes import Level, PlanError, check_steps, makes_other_shards, split_passes
from pipeline.run.space import gigabytes
from pipeline.steps import GroupingStep, Resources, Step, Unit, joined, step_name
from pipeline.store.store import Store, UnknownStore

STEP = re.compile(r"\d\d+ \w+: ")
State = Literal["found", "to be made", "to be finished", "after training", "unknown"]
Complete = Callable[[Level, str], Level]
"""(level, recipe id of the level before or empty) → the level with all that is there already, such as its model."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A walk over the shards, or one shuffle."""

    steps: tuple[str, ...]
    columns: tuple[str, ...]
    """That its steps add."""
    resources: Resources
    """Of each of its tasks."""


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """What is known of a level before it runs. None: not known."""

    level: str
    schema: pa.Schema
    passes: tuple[Pass, ...]
    state: State = "unknown"
    recipe_id: str = ""
    """Empty where it depends on what is not there yet."""
    makes: tuple[str, ...] = ()
    """What is made before the level runs: `01 fasttext_quality trains …`."""
    shards: int | None = None
    shards_done: int = 0
    rows_in: int | None = None
    rows_out: int | None = None
    seconds: float | None = None
    """Working seconds of one core, from the rate of earlier runs of the same steps in this store."""
    disk: int | None = None
    """Bytes that its files take, from the same; 0 of a level that is there."""
    shuffle_disk: int = 0
    """Bytes that its shuffles take at least until it is done."""
    memory: int = 0
    """Bytes that one of its shuffles needs at least, on one machine."""

    def as_json(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "recipe_id": self.recipe_id or None,
            "state": self.state,
            "makes": list(self.makes),
            "passes": [asdict(one) for one in self.passes],
            "columns": {column.name: str(column.type) for column in self.schema},
            "shards": self.shards,
            "shards_done": self.shards_done,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "seconds": None if self.seconds is None else round(self.seconds, 1),
            "disk": self.disk,
            "shuffle_disk": self.shuffle_disk,
            "memory": self.memory,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """The levels of a run, and the problems that keep it from starting."""

    levels: tuple[LevelPlan, ...]
    problems: tuple[str, ...] = ()
    inputs: tuple[InputFile, ...] = ()
    free_bytes: int | None = None
    """On the store's disk."""

    def check(self) -> None:
        """Raise PlanError if there are any."""
        if self.problems:
            raise PlanError(self.problems)

    def as_json(self) -> dict[str, Any]:
        return {
            "problems": list(self.problems),
            "inputs": len(self.inputs),
            "free_bytes": self.free_bytes,
            "levels": [level.as_json() for level in self.levels],
        }


def plan(
    levels: Sequence[Level],
    store: Store,
    paths: Sequence[str],
    identify: Callable[[Sequence[str]], Sequence[InputFile]],
    complete: Complete = lambda level, _: level,
    problems: Sequence[str] = (),
) -> Plan:
    """The plan of these levels over the files at `paths`; `identify` hashes them, `problems` are known already."""
    found = list(problems)
    drafts, schema = [], BASE_SCHEMA
    for level in levels:
        level = _completed(level, "", complete, found)
        draft, schema = _draft(level, schema, found)
        drafts.append(draft)
    heads = {} if levels[0].source is None else _heads(levels[0], [path for path in paths if "://" not in path], found)
    if found:
        return Plan(tuple(drafts), tuple(dict.fromkeys(found)))
    inputs = tuple(identify(paths))
    planned: list[LevelPlan] = []
    for level, draft in zip(levels, drafts, strict=True):
        before = planned[-1] if planned else None
        planned.append(_identified(level, draft, store, inputs, before, complete, heads, found))
    return Plan(tuple(planned), tuple(dict.fromkeys(found)), inputs)


def plan_lines(made: Plan) -> list[str]:
    """The plan for a terminal."""
    lines = []
    for one in made.levels:
        name = f"  recipe id {one.recipe_id[:16]}" if one.recipe_id else ""
        lines.append(f"{one.level:<14} {one.state}{name}")
        shards = _or_unknown(one.shards) + (f" ({one.shards_done:,} done)" if one.shards_done else "")
        seconds = "0 s" if one.state == "found" else "unknown" if one.seconds is None else f"about {one.seconds:,.0f} s"
        lines.append(
            f"{'':<14} shards {shards}, rows in {_or_unknown(one.rows_in)}, rows out {_or_unknown(one.rows_out)}, "
            f"work of one core {seconds}{_room(one)}"
        )
        lines += [f"{'':<14} first: {text}" for text in one.makes]
        for number, part in enumerate(one.passes, 1):
            adds = f"  adds {', '.join(part.columns)}" if part.columns else ""
            lines.append(f"{'':<14} pass {number}: {', '.join(part.steps) or 'write'}{adds}{_needs(part.resources)}")
    if made.free_bytes is not None:
        lines.append(f"{'store':<14} {made.free_bytes / 1e9:,.1f} GB free")
    lines.append(f"{len(made.problems)} problems" if made.problems else "nothing stands against this run")
    return lines


def _room(level: LevelPlan) -> str:
    room = [f"files about {gigabytes(level.disk)}"] if level.disk else []
    room += [f"shuffles at least {gigabytes(level.shuffle_disk)}"] if level.shuffle_disk else []
    room += [f"at least {gigabytes(level.memory)} of memory"] if level.memory else []
    return "".join(f", {what}" for what in room)


def _needs(resources: Resources) -> str:
    """What differs from a task of one core, as the end of a line."""
    needs = [f"{resources.gpus:g} GPU where there is one"] if resources.gpus else []
    needs += [f"{resources.memory / 1e9:.1f} GB"] if resources.memory else []
    needs += [f"{resources.cpus:g} cores"] if resources.cpus > 1 else []
    needs += ["processes that stay"] if resources.resident else []
    return f"  needs {', '.join(needs)}" if needs else ""


def _or_unknown(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _completed(level: Level, parent_id: str, complete: Complete, found: list[str]) -> Level:
    try:
        return complete(level, parent_id)
    except UnknownStore:
        raise
    except (ValueError, OSError) as error:
        if not is_of_recipe(error):
            raise
        found.append(_at(level, str(error)))
        return level


def _draft(level: Level, schema: pa.Schema, found: list[str]) -> tuple[LevelPlan, pa.Schema]:
    """What follows from the steps alone, and the columns that the next level gets."""
    problems, after = check_steps(level.steps, schema, level.source)
    found += [_at(level, text) for text in problems]
    makes = tuple(f"{name} {what}" for name, step in _named(level) if (what := step.pending()))
    return LevelPlan(level.name, after, _passes(level), makes=makes), after


def _named(level: Level) -> Iterator[tuple[str, Step]]:
    for place, step in enumerate((level.source, *level.steps)):
        if step is not None:
            yield step_name(place, step.kind), step


def _passes(level: Level) -> tuple[Pass, ...]:
    names = [name for name, _ in _named(level)]
    source = () if level.source is None else (level.source,)
    made: list[Pass] = []
    place = 0
    for part in split_passes(level.steps):
        steps: tuple[Step, ...] = (part,) if isinstance(part, GroupingStep) else part
        if not made:
            steps = (*source, *steps)
        columns = [column.name for step in steps for column in step.columns()]
        made.append(
            Pass(tuple(names[place : place + len(steps)]), tuple(columns), joined(step.resources() for step in steps))
        )
        place += len(steps)
    return tuple(made)


def _heads(level: Level, paths: Sequence[str], found: list[str]) -> dict[str, list[Unit]]:
    """The parts of each file, from its head; a file that does not fit the source is a problem."""
    assert level.source is not None
    heads = {}
    for path in paths:
        with of_recipe() as said:
            heads[path] = level.source.units(path, "")
        found += [_at(level, f"{step_name(0, level.source.kind)}: {text}") for text in said]
    return heads


def _identified(
    level: Level,
    draft: LevelPlan,
    store: Store,
    inputs: Sequence[InputFile],
    before: LevelPlan | None,
    complete: Complete,
    heads: dict[str, list[Unit]],
    found: list[str],
) -> LevelPlan:
    """The draft with its recipe id, what is on the store, and how much there is to do."""
    if level.source is None and before is not None:
        is_known = before.shards == 1 or not makes_other_shards(level.steps)
        draft = replace(draft, shards=before.shards if is_known else None, rows_in=before.rows_out)
        if not before.recipe_id:
            return replace(draft, state="after training")
    parent_id = before.recipe_id if before is not None else ""
    level = _completed(level, parent_id, complete, found)
    if not any(step.pending() for step in level.steps):
        draft = replace(draft, makes=())  # a model that an earlier run has trained
    if draft.makes:
        return replace(draft, state="after training")
    with of_recipe() as said:
        identity = level_id(level, inputs if level.source else (), parent_id or None)
    if said:
        found += [_at(level, text) for text in said]
        return draft
    draft = replace(draft, recipe_id=identity)
    if finished := find_level(store, level, identity):
        return _as_found(draft, finished)
    if level.source is not None:
        heads |= _heads(level, [file.path for file in inputs if file.path not in heads], found)
        units = [unit for file in inputs for unit in heads.get(file.path, ())]
        draft = replace(draft, shards=max(1, len(units)), rows_in=_rows_of(units))
    done = sum(path.endswith(".json") for path in store.list(f"{directory_of(level, identity)}/shards"))
    return replace(draft, state="to be finished" if done else "to be made", shards_done=done)


def _rows_of(units: Sequence[Unit]) -> int | None:
    """Where every part says how many rows it has, as parts of Parquet do."""
    counts = [unit.stop - unit.start for unit in units if unit.stop is not None]
    return sum(counts) if len(counts) == len(units) else None


def _as_found(draft: LevelPlan, finished: Finished) -> LevelPlan:
    manifest = finished.manifest
    shards = len(manifest.paths("data"))
    rows_in, rows_out = manifest.rows_in, manifest.rows_out
    draft = replace(draft, state="found", shards=shards, shards_done=shards)
    return replace(draft, rows_in=rows_in, rows_out=rows_out, seconds=0.0, disk=0)


def _at(level: Level, text: str) -> str:
    """One line that begins with the level's name."""
    text = " ".join(text.split()).removeprefix(f"{level.name}: ")
    return f"{level.name} {text}" if STEP.match(text) else f"{level.name}: {text}"
