"""Rows, seconds, disk and memory of what a plan has to make, and whether disk and machine have the room.

By the rates of finished levels of the store with the same kinds of steps, and by what grouping steps say of themselves
(`GroupingStep.space`). Where nothing is known nothing is estimated, and a run is not refused for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.books.manifest import Manifest, load
from pipeline.run.level import directory_of
from pipeline.run.passes import WORK, Level
from pipeline.run.plan import LevelPlan, Plan
from pipeline.run.space import gigabytes, machine_memory
from pipeline.steps import GroupingStep
from pipeline.store.store import Store


@dataclass(frozen=True, slots=True)
class Rates:
    """Of finished levels, per row that came in."""

    seconds: float
    kept: float
    disk: float
    text: float
    """Bytes of text that stayed, per row that stayed: what the next level gets."""


def with_estimates(made: Plan, levels: Sequence[Level], store: Store) -> Plan:
    """The same plan with what is known of its cost; a problem more for a disk or a memory that cannot hold it."""
    planned: list[LevelPlan] = []
    text = 0.0  # bytes of a text as the level before gives it; 0: unknown
    for level, one in zip(levels, made.levels, strict=True):
        rates = _rates(store, level)
        if one.state != "found":
            rows = one.rows_in if level.source is not None or not planned else planned[-1].rows_out
            one = replace(one, rows_in=rows)
            if rows is not None and rates is not None:
                missing = 1 - one.shards_done / one.shards if one.shards else 1.0
                disk = round(rows * rates.disk * missing)
                one = replace(one, seconds=rows * rates.seconds, rows_out=round(rows * rates.kept), disk=disk)
            one = _with_space(one, level, store, rows or 0, text)
        text = rates.text if rates else text
        planned.append(one)
    made = replace(made, levels=tuple(planned), free_bytes=store.free_bytes())
    return replace(made, problems=tuple(dict.fromkeys([*made.problems, *_without_room(made, store)])))


def _with_space(one: LevelPlan, level: Level, store: Store, rows: int, text: float) -> LevelPlan:
    """With what its grouping steps need for these rows, less what a run that was stopped has written of it.

    Their files stay until the level is done.
    """
    needs = [step.space(rows, text) for step in level.steps if isinstance(step, GroupingStep)]
    disk = sum(disk for disk, _ in needs)
    if disk and one.recipe_id:
        disk -= sum(store.size(path) for path in store.list(f"{directory_of(level, one.recipe_id)}/{WORK}"))
    return replace(one, shuffle_disk=max(0, disk), memory=max((memory for _, memory in needs), default=0))


def _without_room(made: Plan, store: Store) -> list[str]:
    problems = []
    if made.free_bytes is not None:
        # Shuffles go with their level; of the last level's data the release is a second copy.
        kept = most = 0
        for one in made.levels:
            most = max(most, kept + (one.disk or 0) + one.shuffle_disk)
            kept += one.disk or 0
        most = max(most, kept + (made.levels[-1].disk or 0) if made.levels else 0)
        if most > made.free_bytes:
            problems.append(
                f"store {store.root}: the run takes about {gigabytes(most)}, by what earlier runs of its steps took, "
                f"and the disk has {gigabytes(made.free_bytes)} free; make room, give --store on another disk, or run "
                "the data set in parts"
            )
    return problems + [
        f"{one.level}: its shuffles take {gigabytes(one.memory)} of memory at least, and this machine has "
        f"{gigabytes(machine_memory())}; take a larger one, or run the data set in parts, each `against` those before"
        for one in made.levels
        if one.memory > machine_memory()
    ]


def _rates(store: Store, level: Level) -> Rates | None:
    """Over the finished levels of this name with the same kinds of steps."""
    kinds = [step.kind for step in level.all_steps()]
    rows, kept, seconds, disk, text = 0, 0, 0.0, 0, 0
    for path in store.list(level.name):
        if not path.endswith("/manifest.json"):
            continue
        manifest = load(Manifest, store, path)
        if [step["kind"] for step in manifest.steps] == kinds:
            rows, kept, seconds = rows + manifest.rows_in, kept + manifest.rows_out, seconds + manifest.seconds
            disk, text = disk + sum(file.bytes for file in manifest.files), text + manifest.bytes_out
    return Rates(seconds / rows, kept / rows, disk / rows, text / max(1, kept)) if rows else None
