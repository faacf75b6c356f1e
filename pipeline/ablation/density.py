"""Density: how many tokens of the baseline teach what one token of a candidate teaches.

rho = D_A / D_B, where D_A tokens of the baseline reach the held-out loss that D_B tokens of the candidate reach. The
baseline is measured at several sizes, each a run of its own with its own finished decay, since a point in the middle of
a run is not comparable. Between sizes the loss is taken as linear in the logarithm of the tokens; beyond the last one
the nearest line goes on and the figure is marked as extrapolated. Seeds are pairs: each gives a rho, and the interval
is Student's over their logarithms. The figure holds for its ruler and model alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.ablation.statistics import LEVEL, t_quantile


@dataclass(frozen=True)
class Density:
    rho: float
    low: float
    high: float
    per_seed: tuple[float, ...]
    extrapolated: bool
    """Whether a seed's loss lies outside of what the baseline was measured at."""


def density(baseline: Mapping[int, Sequence[float]], candidate: Sequence[float], tokens: int) -> Density:
    """`baseline`: tokens → loss of each seed; `candidate`: loss of each seed at `tokens`.

    ValueError for fewer than two sizes, and for a baseline that does not get better with more tokens: then no number of
    tokens answers the question.
    """
    sizes = sorted(baseline)
    if len(sizes) < 2:
        raise ValueError(f"the baseline was measured at {len(sizes)} size; a density needs two or more")
    logs = np.log(sizes)
    rhos, outside = [], False
    for seed, loss in enumerate(candidate):
        # Noise may turn two sizes around; with more tokens of the same data the loss can only fall.
        losses = np.minimum.accumulate([baseline[size][seed] for size in sizes])
        if losses[-1] >= losses[0]:
            raise ValueError(
                f"the baseline does not learn from {sizes[0]:,} to {sizes[-1]:,} tokens: use a larger budget"
            )
        outside |= not losses[-1] <= loss <= losses[0]
        rhos.append(_tokens_at(logs, losses, loss) - math.log(tokens))
    mean, half = float(np.mean(rhos)), math.inf
    if len(rhos) > 1:
        half = t_quantile(1 - LEVEL / 2, len(rhos) - 1) * float(np.std(rhos, ddof=1)) / math.sqrt(len(rhos))
    low, high = (math.exp(mean - half), math.exp(min(mean + half, 700.0)))
    return Density(math.exp(mean), low, high, tuple(math.exp(rho) for rho in rhos), outside)


def _tokens_at(logs: np.ndarray, losses: np.ndarray, loss: float) -> float:
    """Logarithm of the tokens at which the falling curve reaches `loss`."""
    falls = np.flatnonzero(np.diff(losses) < 0)  # segments that can be inverted
    segment = next((k for k in falls if losses[k + 1] <= loss), falls[-1])
    share = (losses[segment] - loss) / (losses[segment] - losses[segment + 1])
    return float(logs[segment] + share * (logs[segment + 1] - logs[segment]))
