"""Stops a level in which one step drops nearly all of one source or language: seldom the data's fault.

It looks at what a level has counted (`Counts.groups`), so it costs nothing, and it is no part of the recipe id: a run
that it stopped goes on where it was once the limit is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pipeline.books.accounting import GROUPED, OTHERS, Groups, Passage
from pipeline.books.manifest import ShardRecord


class Alarm(BaseModel):
    """When a step's drops stop the run."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    share: Annotated[float, Field(gt=0, le=1)] = 0.9
    """A step may drop at most this part of the rows of one source or language that come to it."""
    rows: Annotated[int, Field(ge=1)] = 1000
    """Sources and languages of which fewer rows come to the step are left alone."""
    ignore: tuple[str, ...] = ("language.other_language",)
    """Steps (`near_duplicates`) and reasons (`language.other_language`) whose drops are meant."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What one step dropped of one source or language."""

    column: str
    value: str
    step: str
    rows_in: int
    dropped: dict[str, int]

    @property
    def rows(self) -> int:
        return sum(self.dropped.values())

    @property
    def share(self) -> float:
        return self.rows / self.rows_in


def losses(groups: Groups, alarm: Alarm) -> list[Loss]:
    """Those above the limit, most rows first."""
    found = [
        Loss(column, value, step, passage.rows_in, _counted(step.split(" ", 1)[1], passage, alarm))
        for column, values in groups.items()
        if column in GROUPED
        for value, steps in values.items()
        for step, passage in steps.items()
        if passage.rows_in >= alarm.rows and value != OTHERS
    ]
    above = (loss for loss in found if loss.share > alarm.share)
    return sorted(above, key=lambda loss: (-loss.rows, loss.step, GROUPED.index(loss.column), loss.value))


def explain(found: list[Loss], level: str, alarm: Alarm, records: Iterable[ShardRecord], location: str) -> str:
    """The first loss in one sentence, and what to do. `location` is the store, which the records' paths start from."""
    worst = found[0]
    number, kind = worst.step.split(" ", 1)
    reasons = sorted(worst.dropped.items(), key=lambda item: (-item[1], item[0]))[:2]
    said = ", ".join(f"{kind}.{rule} {rows:,}" for rule, rows in reasons)
    more = f" ({len(found) - 1} more such)" if len(found) > 1 else ""
    group = f"{worst.column} '{worst.value}'" if worst.value else f"rows without a {worst.column}"
    return (
        f"{level}: step {int(number)}, {kind}, dropped {worst.rows:,} of {worst.rows_in:,} rows ({worst.share:.1%}) of "
        f"{group}{more}, more than the alarm's {alarm.share:.1%}, so the run stopped. Most frequent: {said}; look at "
        f"such rows, their values and thresholds in {location}/{_file(worst, records)}. If they deserve it, raise "
        f"{level}.alarm.share, add {kind} to {level}.alarm.ignore or set {level}.alarm=null: what is done is kept"
    )


def _counted(kind: str, passage: Passage, alarm: Alarm) -> dict[str, int]:
    if kind in alarm.ignore:
        return {}
    return {rule: rows for rule, rows in passage.dropped.items() if f"{kind}.{rule}" not in alarm.ignore}


def _file(loss: Loss, records: Iterable[ShardRecord]) -> str:
    """The file of dropped rows that holds most of the loss."""

    def lost() -> Iterator[tuple[int, str]]:
        for record in records:
            passage = record.counts.groups.get(loss.column, {}).get(loss.value, {}).get(loss.step, Passage())
            path = next(file.path for file in record.files if file.role == "dropped")
            yield -sum(passage.dropped.values()), path

    return min(lost())[1]
