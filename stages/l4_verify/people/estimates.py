"""Defect rates with intervals: of a stratified sample, and corrected for the errors of those who judged it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipeline.books import interval

DRAWS = 20_000
"""The ends of the interval then move by about 1 % of its width from seed to seed."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate with its 95 % interval."""

    rate: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        return {name: round(value, 6) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Stratum:
    """Rows of the lot in it, rows of it that were judged, and defects among those."""

    rows: int
    judged: int
    defects: int


def wilson(hits: float, of: float) -> Estimate | None:
    """The rate with Wilson's interval, which stays within 0 and 1 and is not empty without a hit; None of nothing."""
    if of <= 0:
        return None
    return Estimate(hits / of, *interval.wilson(hits, of))


def weighted(strata: Mapping[str, Stratum]) -> tuple[Estimate, float] | None:
    """The lot's defect rate and the size of a simple sample that would know it as well; None where nothing is judged.

    Each judged row stands for rows / judged rows of its stratum (the inverse of its probability to be drawn). Strata
    of which nothing was judged are taken to be like the others together; an honest sample has none.
    """
    judged = [one for one in strata.values() if one.judged]
    total = sum(one.rows for one in judged)
    if not total:
        return None
    rate = sum(one.rows / total * one.defects / one.judged for one in judged)
    # Shrunk towards each other: a stratum without a defect would else claim to know its rate exactly.
    shrunk = [(one.defects + rate + 0.5 / len(judged)) / (one.judged + 1 + 1 / len(judged)) for one in judged]
    spread = sum((one.rows / total) ** 2 * p * (1 - p) / one.judged for one, p in zip(judged, shrunk, strict=True))
    pooled = sum(one.rows / total * p for one, p in zip(judged, shrunk, strict=True))
    size = min(sum(one.judged for one in judged), pooled * (1 - pooled) / spread) if spread > 0 else 1.0
    if len(judged) == 1:
        size = float(judged[0].judged)
    found = wilson(rate * size, size)
    assert found is not None
    return found, size


def corrected(
    rate: float, size: float, caught: tuple[int, int], cleared: tuple[int, int], seed: int = 0
) -> Estimate | None:
    """Rogan and Gladen's rate: what the true rate is if reviewers miss defects and see some that are none.

    caught: (defects that they found, defects planted); cleared: (rows that they passed, rows known to be good).
    None where gold is missing or reviewers did no better than chance, since nothing can then be said.

    The interval carries all three uncertainties: rates are drawn from their Jeffreys posteriors, a seeded draw.
    """
    if not caught[1] or not cleared[1]:
        return None
    sensitivity, specificity = caught[0] / caught[1], cleared[0] / cleared[1]
    if sensitivity + specificity <= 1:
        return None
    generator = np.random.default_rng(seed)

    def draw(hits: float, of: float) -> np.ndarray[Any, Any]:
        return generator.beta(hits + 0.5, of - hits + 0.5, DRAWS)

    apparent, finds, clears = draw(rate * size, size), draw(*caught), draw(*cleared)
    power = finds + clears - 1
    true = np.clip((apparent + clears - 1)[power > 0] / power[power > 0], 0, 1)
    low, high = np.quantile(true, [0.025, 0.975])
    best = min(1.0, max(0.0, (rate + specificity - 1) / (sensitivity + specificity - 1)))
    return Estimate(best, min(float(low), best), max(float(high), best))
