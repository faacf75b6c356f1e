"""Loops over elements in an order in which parents come before children; `parent` says where each one's stands."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def held(holder, values, count):
    """Of each element, the sum of the rows of `values` (float32) that it holds itself."""
    found = np.zeros((count, values.shape[1]), np.float32)
    for row, element in enumerate(holder):
        for column in range(values.shape[1]):
            found[element, column] += values[row, column]
    return found


@njit(cache=True, nogil=True)
def add_up(sums, parent):
    """Add to each element's row (float64) those of all elements below it."""
    for element in range(len(parent) - 1, 0, -1):
        for column in range(sums.shape[1]):
            sums[parent[element], column] += sums[element, column]


@njit(cache=True, nogil=True)
def first_below(holder, parent):
    """The first row that each element holds, itself or below; the number of rows if none."""
    first = np.full(len(parent), len(holder), np.int64)
    for row in range(len(holder) - 1, -1, -1):
        first[holder[row]] = row
    for element in range(len(parent) - 1, 0, -1):
        first[parent[element]] = min(first[parent[element]], first[element])
    return first


@njit(cache=True, nogil=True)
def along_paths(parent, look, low, high, alike):
    """(own, path's sum, its lowest and highest, alike, the most alike above; the depth) of each element

    `low` and `high` are of each look, `look` and `alike` of each element.
    """
    found, depth = np.zeros((len(parent), 6), np.float32), np.zeros(len(parent), np.float32)
    sums = np.zeros(len(parent), np.int64)
    lowest, highest, most = np.zeros_like(sums), np.zeros_like(sums), np.zeros_like(sums)
    for element in range(len(parent)):
        above, its = parent[element], look[element]
        own = low[its] + high[its]
        sums[element], lowest[element], highest[element] = own, low[its], high[its]
        if element:
            sums[element] += sums[above]
            lowest[element] = min(low[its], lowest[above])
            highest[element] = max(high[its], highest[above])
            most[element] = max(alike[above], most[above])
            depth[element] = depth[above] + 1
        row = found[element]
        row[0], row[1], row[2], row[3] = own, sums[element], lowest[element], highest[element]
        row[4], row[5] = alike[element], most[element]
    return found, depth


@njit(cache=True, nogil=True)
def steps_to_path(holder, parent, element):
    """Of each row, how many steps above `element` the first element stands that holds the row too."""
    steps = np.full(len(parent), -1, np.int64)
    count, at = 0, element
    steps[at] = 0
    while at:
        at = parent[at]
        count += 1
        steps[at] = count
    for other in range(1, len(parent)):
        if steps[other] < 0:
            steps[other] = steps[parent[other]]
    return steps[holder].astype(np.float32)
