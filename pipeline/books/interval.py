"""Wilson's interval: what a count speaks for. Used where a prompt is stopped, and wherever a rate is stated."""

from __future__ import annotations

import math
from collections.abc import Sequence

Z = 1.959964
"""Of 95 %."""


def wilson(count: float, of: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; all is possible where nothing was counted."""
    if not of:
        return 0.0, 1.0
    p, z2 = count / of, Z * Z
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = Z * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    # At the ends both terms are equal but for rounding.
    return 0.0 if count == 0 else middle - half, 1.0 if count == of else middle + half


def rounded(count: float, of: float) -> list[float]:
    """The interval as JSON and tables hold it."""
    return [round(end, 4) for end in wilson(count, of)]


def paired_difference(pairs: Sequence[tuple[bool, bool]]) -> tuple[float, float]:
    """95 % interval of the first's share less the second's, both counted on the same items (Newcombe 1998, method 10).

    Wilson's intervals of the two, put together with the correlation of the items; unlike the plain interval it has a
    width where the two never differed.
    """
    n = len(pairs)
    if not n:
        return -1.0, 1.0
    both = sum(one and other for one, other in pairs)
    first, second = sum(one for one, _ in pairs), sum(other for _, other in pairs)
    p, q = first / n, second / n
    (low1, high1), (low2, high2) = wilson(first, n), wilson(second, n)
    spread = first * (n - first) * second * (n - second)
    phi = (both * n - first * second) / math.sqrt(spread) if spread else 0.0
    below = (p - low1) ** 2 - 2 * phi * (p - low1) * (high2 - q) + (high2 - q) ** 2
    above = (q - low2) ** 2 - 2 * phi * (high1 - p) * (q - low2) + (high1 - p) ** 2
    return p - q - math.sqrt(max(below, 0.0)), p - q + math.sqrt(max(above, 0.0))
