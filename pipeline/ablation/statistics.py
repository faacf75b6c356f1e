"""A paired difference between two arms, with an interval over both seeds and held-out documents.

Each seed gives both arms a run, and both runs score the same documents. Two things are drawn at random: the seed
(initialisation, order and sample of the training text) and the held-out documents. Their variances are estimated apart
and added: that of the seeds from the spread of the per-seed differences, that of the documents from the spread over
sites, since pages of one site are alike. The interval reaches √Σ t² v to each side, every variance v with the
quantile t of its own degrees of freedom: with three seeds the usual pooling after Satterthwaite covers 93 % where it
claims 95. The interaction of both is in each of the two, so this errs to the safe side. `test_statistics.py` simulates
the coverage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.ablation.data import I64Array
from pipeline.steps import FloatArray

LEVEL = 0.05
"""Chance of calling a difference real that is none, over all candidates together."""
POWER = 0.8
"""The smallest detectable difference is one that so many repetitions would find."""


@dataclass(frozen=True)
class Estimate:
    """A mean difference with its 95 % interval; bits per byte unless said otherwise."""

    per_seed: tuple[float, ...]
    mean: float
    low: float
    high: float
    error: float
    """Standard error: that of the seeds and that of the documents together."""
    seed_error: float
    document_error: float
    detectable: float
    """A true difference of this size would be found in POWER of all repetitions."""
    p: float
    """Two-sided, of no difference."""


def t_quantile(share: float, freedom: float) -> float:
    from scipy import special  # not at import: a quarter of a second

    return float(special.stdtrit(freedom, share))


def paired(differences: Sequence[FloatArray], sizes: Sequence[I64Array], sites: Sequence[I64Array]) -> Estimate:
    """The macro mean over domains of Σ bits / Σ bytes, second arm minus first.

    Of each domain: `differences` in bits, one row a seed and one column a document; the documents' bytes; the number of
    the site that each document is of.
    """
    share = 1 / len(differences)
    per_seed = sum(share * (bits.sum(1) / size.sum()) for bits, size in zip(differences, sizes, strict=True))
    assert isinstance(per_seed, np.ndarray)
    parts = zip(differences, sizes, sites, strict=True)
    documents = [_of_sites(bits.mean(0), size, site) for bits, size, site in parts]
    variances = [float(per_seed.var(ddof=1)) / len(per_seed), *(share**2 * variance for variance, _ in documents)]
    freedoms = [len(per_seed) - 1, *(freedom for _, freedom in documents)]
    return estimate(per_seed, variances, freedoms)


def estimate(per_seed: FloatArray, variances: Sequence[float], freedoms: Sequence[float]) -> Estimate:
    """From the differences of the seeds and the variances of their mean, that of the seeds first."""

    def reach(*shares: float) -> float:
        quantiles = [sum(t_quantile(share, freedom) for share in shares) for freedom in freedoms]
        return math.sqrt(sum(t**2 * variance for t, variance in zip(quantiles, variances, strict=True)))

    mean, half = float(per_seed.mean()), reach(1 - LEVEL / 2)
    error, seed_error, document_error = (math.sqrt(sum(of)) for of in (variances, variances[:1], variances[1:]))
    low, high = 0.0, 1.0  # of p: where the interval's end meets zero
    while error and high - low > 1e-6:
        p = (low + high) / 2
        low, high = (low, p) if reach(1 - p / 2) < abs(mean) else (p, high)
    return Estimate(
        tuple(per_seed.tolist()), mean, mean - half, mean + half, error, seed_error, document_error,
        reach(1 - LEVEL / 2, POWER), high if error or not mean else 0.0,
    )  # fmt: skip


def _of_sites(bits: FloatArray, size: I64Array, site: I64Array) -> tuple[float, float]:
    """Variance of Σ bits / Σ bytes when sites are drawn anew, by linearising the ratio; and its degrees of freedom."""
    ratio = bits.sum() / size.sum()
    residuals = np.bincount(np.unique(site, return_inverse=True)[1], bits - ratio * size)
    clusters = len(residuals)
    if clusters < 2:
        raise ValueError("all held-out documents of a domain are of one site; an interval needs two or more")
    return float(clusters / (clusters - 1) * (residuals**2).sum() / size.sum() ** 2), clusters - 1


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values: below LEVEL they are significant together, by Holm's step-down rule."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, position in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = highest
    return adjusted
