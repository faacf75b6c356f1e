"""Sums of boosted regression trees, all rows down one tree after the other.

A node's right child stands behind its left one and a leaf is its own child, so a step is three loads without a branch.
The rows do not wait for each other: the processor walks several at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Array = np.ndarray[Any, np.dtype[Any]]
ROWS = 64
"""Walked together, so that their features and one tree's nodes stay in the nearest cache."""


@njit(cache=True, nogil=True)
def sums(rows, feature, threshold, child, value, roots, depth):
    """Of each row, the sum of the values of the leaves it comes to, as whole numbers."""
    found = np.zeros(len(rows), np.int64)
    for start in range(0, len(rows), ROWS):
        stop = min(start + ROWS, len(rows))
        for root in roots:
            for row in range(start, stop):
                at = root
                for _ in range(depth):
                    at = child[at] + np.int32(rows[row, feature[at]] > threshold[at])
                found[row] += value[at]
    return found
