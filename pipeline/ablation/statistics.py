"""Intervals of a paired difference: over seeds (t) and over held-out documents (bootstrap)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.ablation.data import I64Array
from pipeline.steps import FloatArray

# 97.5 % quantiles of Student's t for 1 to 10 degrees of freedom.
T_975 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)
Z_975 = 1.959964
DRAWS = 2_000


@dataclass(frozen=True)
class Estimate:
    """A mean difference with its 95 % t interval."""

    per_seed: tuple[float, ...]
    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Differences smaller than this cannot be told from zero."""
        return (self.high - self.low) / 2


def t_975(freedom: int) -> float:
    if freedom <= len(T_975):
        return T_975[freedom - 1]
    z = Z_975  # expansion in 1/freedom (Abramowitz and Stegun 26.7.5); off by 1e-4 at 11, less above
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


def t_interval(differences: Sequence[float]) -> Estimate:
    """Mean of at least two differences with its 95 % interval."""
    values = np.asarray(differences, np.float64)
    mean = float(values.mean())
    half = t_975(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(tuple(values.tolist()), mean, mean - half, mean + half)


def bootstrap_interval(bits: Sequence[FloatArray], sizes: Sequence[I64Array]) -> tuple[float, float]:
    """95 % interval of the macro mean of Σ bits / Σ bytes, drawing documents anew within each domain.

    `bits` and `sizes` hold one array per domain: each document's difference in bits, and its bytes.
    """
    generator = np.random.default_rng(0)
    macro = np.zeros(DRAWS)
    for difference, size in zip(bits, sizes, strict=True):
        counts = generator.multinomial(len(size), np.full(len(size), 1 / len(size)), DRAWS)
        macro += (counts @ difference) / (counts @ size) / len(bits)
    low, high = np.quantile(macro, [0.025, 0.975])
    return float(low), float(high)
