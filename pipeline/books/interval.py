"""Wilson's interval: what a count speaks for. Used where a prompt is stopped, and wherever a rate is stated."""

from __future__ import annotations

import math

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
