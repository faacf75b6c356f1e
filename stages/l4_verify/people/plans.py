"""Sampling plans: how many rows of a lot people look at, and how many defects are too many.

A plan is a row of looks. At a look after n rows with d defects the lot is accepted where d <= accept, rejected where
d >= reject, and otherwise the next rows are looked at:

    single       one look
    double       a second look only where the first leaves it open
    sequential   Wald's probability ratio test, looked at after every `every` rows and cut off at the end

The chance to accept a lot is computed exactly, by following the count of defects from look to look: hypergeometric
where the sample is more than 5 % of the lot, else binomial. No normal approximation: limits of a few defects are far
from one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

FINITE_FROM = 0.05
"""Share of the lot from which on drawing without replacement matters."""
MAXIMUM = 20_000
"""Rows; a plan that needs more is refused, since nobody looks at them."""
Verdict = Literal["accept", "reject", "continue"]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """After `rows` rows in all: accept at up to `accept` defects (-1: never), reject from `reject` on."""

    rows: int
    accept: int
    reject: int


class PlanSettings(BaseModel):
    """What a plan has to promise.

    aql: defect rate at which a lot is rejected at most with `producer_risk`; ltpd: rate at which it is accepted at
    most with `consumer_risk`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["single", "double", "sequential", "all"] = "single"
    """`all`: every row is looked at, and each stays or goes by its own verdict."""
    aql: float = Field(0.01, gt=0, lt=1)
    ltpd: float = Field(0.05, gt=0, lt=1)
    producer_risk: float = Field(0.05, gt=0, lt=0.5)
    consumer_risk: float = Field(0.10, gt=0, lt=0.5)
    every: int = Field(10, ge=1)
    """sequential: rows between two looks; reviewers wait for each other at a look."""

    @model_validator(mode="after")
    def _rates_differ(self) -> PlanSettings:
        if self.aql >= self.ltpd:
            raise ValueError(f"aql {self.aql:g} must be below ltpd {self.ltpd:g}: no sample tells a rate from itself")
        return self


def design(settings: PlanSettings, lot: int) -> tuple[Look, ...]:
    """The looks at a lot of so many rows; the same for the same settings and size."""
    if lot < 1:
        raise ValueError("a lot without rows needs no plan")
    if settings.kind == "all":
        return (Look(lot, lot, lot + 1),)
    make = {"single": _single, "double": _double, "sequential": _sequential}[settings.kind]
    for population in (None, lot):
        looks = make(settings, population)
        if looks and (population or looks[-1].rows <= FINITE_FROM * lot):
            return looks
    # Every row is looked at, so the lot's own rate decides.
    return (Look(lot, math.floor(settings.aql * lot), math.floor(settings.aql * lot) + 1),)


def judge(looks: tuple[Look, ...], defects: list[bool]) -> tuple[Verdict, int]:
    """What the plan says of the rows judged so far, in the order in which they were drawn, and after how many."""
    for look in looks:
        if look.rows > len(defects):
            break
        found = sum(defects[: look.rows])
        if found <= look.accept:
            return "accept", look.rows
        if found >= look.reject:
            return "reject", look.rows
    return "continue", len(defects)


def next_look(looks: tuple[Look, ...], defects: list[bool]) -> int:
    """How many of the drawn rows are to be judged before the plan says more."""
    verdict, rows = judge(looks, defects)
    return rows if verdict != "continue" else next(look.rows for look in looks if look.rows > rows)


def acceptance(looks: tuple[Look, ...], rate: float, lot: int | None = None) -> tuple[float, float]:
    """(probability to accept a lot with this defect rate, rows looked at on average).

    `lot`: its size, to draw without replacement; its defects are `rate` of its size, rounded.
    """
    chances = np.ones(1)  # of 0, 1, 2, … defects, as long as nothing is decided
    bad = None if lot is None else round(rate * lot)
    accepted = average = 0.0
    for before, look in pairwise((Look(0, -1, 1), *looks)):
        average += float(chances.sum()) * (look.rows - before.rows)
        chances = _after(chances, before.rows, look.rows - before.rows, rate, lot, bad)
        accepted += float(chances[: look.accept + 1].sum())
        chances = chances[: look.reject].copy()
        chances[: look.accept + 1] = 0
    return accepted, average


def _after(chances: Array, seen: int, more: int, rate: float, lot: int | None, bad: int | None) -> Array:
    """The distribution of the count of defects after `more` rows."""
    from scipy import stats

    added = np.arange(more + 1)
    if lot is None or bad is None:
        return np.convolve(chances, stats.binom.pmf(added, more, rate))
    result = np.zeros(len(chances) + more)
    for found, chance in enumerate(chances):
        if chance > 0 and 0 <= bad - found <= lot - seen:
            result[found : found + more + 1] += chance * stats.hypergeom.pmf(added, lot - seen, bad - found, more)
    return result


def _rates(settings: PlanSettings, lot: int | None) -> tuple[float, float]:
    """The two rates; in a finite lot those of the nearest whole numbers of defects on the safe side."""
    if lot is None:
        return settings.aql, settings.ltpd
    good = math.floor(settings.aql * lot)
    return good / lot, max(math.ceil(settings.ltpd * lot), good + 1) / lot


def _single(settings: PlanSettings, lot: int | None) -> tuple[Look, ...]:
    """The smallest sample that keeps both risks: for each limit, the first size that keeps the consumer's."""
    good, bad = _rates(settings, lot)
    most, start = lot or MAXIMUM, 1
    for limit in range(most):
        rows = _first(max(start, limit + 1), most, lambda n, c=limit: _tail(n, c, bad, lot) <= settings.consumer_risk)
        if rows is None:
            return ()
        if _tail(rows, limit, good, lot) >= 1 - settings.producer_risk:
            return (Look(rows, limit, limit + 1),)
        start = rows
    return ()


def _tail(rows: int, limit: int, rate: float, lot: int | None) -> float:
    """Probability of at most `limit` defects."""
    from scipy import stats

    if lot is None:
        return float(stats.binom.cdf(limit, rows, rate))
    return float(stats.hypergeom.cdf(limit, lot, round(rate * lot), rows))


def _first(low: int, high: int, holds: Any) -> int | None:
    """The first number for which something holds that goes on holding."""
    if low > high or not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _double(settings: PlanSettings, lot: int | None) -> tuple[Look, ...]:
    """Two samples of one size: of the plans that keep both risks the one with the fewest rows at the aql on average.

    Searched near the single plan: a first sample larger than it would be no gain.
    """
    single = _single(settings, lot)
    if not single:
        return ()
    good, bad = _rates(settings, lot)
    best: tuple[float, tuple[Look, ...]] = (math.inf, ())
    for rows in range(max(2, single[0].rows // 3), single[0].rows + 1, max(1, single[0].rows // 60)):
        if lot is not None and 2 * rows > lot:
            break
        for first in range(single[0].accept + 1):
            for last in range(first + 1, single[0].accept + 4):
                looks = (Look(rows, first, last + 1), Look(2 * rows, last, last + 1))
                if acceptance(looks, bad, lot)[0] > settings.consumer_risk:
                    break  # a higher limit accepts more
                accepted, average = acceptance(looks, good, lot)
                if accepted >= 1 - settings.producer_risk and average < best[0]:
                    best = average, looks
    return best[1] or single


def _sequential(settings: PlanSettings, lot: int | None) -> tuple[Look, ...]:
    """Wald's lines between the two rates, cut off at 1.5 times the single plan, where what is undecided is decided by
    the single plan's share; lengthened until both risks are kept exactly.
    """
    single = _single(settings, lot)
    if not single:
        return ()
    good, bad = _rates(settings, lot)
    if good == 0:
        return single  # no ratio of probabilities: one defect rejects, as the single plan has it
    slope_base = math.log(bad * (1 - good) / (good * (1 - bad))) if bad < 1 else math.inf
    slope = math.log((1 - good) / (1 - bad)) / slope_base if bad < 1 else 1.0
    for stretch in (1.0, 1.15, 1.3, 1.5, 1.75, 2.0):
        accept_at = stretch * math.log((1 - settings.producer_risk) / settings.consumer_risk) / slope_base
        reject_at = stretch * math.log((1 - settings.consumer_risk) / settings.producer_risk) / slope_base
        end = math.ceil(1.5 * stretch * single[0].rows / settings.every) * settings.every
        if lot is not None and end > lot:
            end = lot
        rows = [*range(settings.every, end, settings.every), end]
        looks = [Look(n, math.floor(slope * n - accept_at), math.ceil(slope * n + reject_at)) for n in rows]
        looks = [Look(one.rows, max(one.accept, -1), max(one.reject, one.accept + 1)) for one in looks]
        for limit in (math.floor(slope * end), math.floor(slope * end) + 1):
            whole = (*looks[:-1], Look(end, limit, limit + 1))
            kept = acceptance(whole, bad, lot)[0] <= settings.consumer_risk
            if kept and acceptance(whole, good, lot)[0] >= 1 - settings.producer_risk:
                return whole
    return single
