"""Wilson's interval: what a count speaks for. Used where a prompt is stopped and where checks are measured."""

from __future__ import annotations

import math

Z = 1.959964
"""Of 95 %."""


def wilson(count: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; all is possible where nothing was counted."""
    if not of:
        return 0.0, 1.0
    p, z2 = count / of, Z * Z
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = Z * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return max(0.0, middle - half), min(1.0, middle + half)
