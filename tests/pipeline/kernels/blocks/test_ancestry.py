"""Loops over elements, held to plain ones that climb from each element to the root."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.blocks import ancestry


@st.composite
def trees(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """(parent of each element, holder of each row)"""
    count = draw(st.integers(1, 12))
    parent = [0] + [draw(st.integers(0, number - 1)) for number in range(1, count)]
    holder = draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=10))
    return np.array(parent, np.int64), np.array(holder, np.int64)


def path(parent: np.ndarray, element: int) -> list[int]:
    """From the element to the root."""
    found = [element]
    while element:
        element = int(parent[element])
        found.append(element)
    return found


@settings(max_examples=100, deadline=None)
@given(trees())
def test_sums_and_first_rows(tree: tuple[np.ndarray, np.ndarray]) -> None:
    parent, holder = tree
    values = np.arange(1, 2 * len(holder) + 1, dtype=np.float32).reshape(len(holder), 2)
    sums = ancestry.held(holder, values, len(parent)).astype(np.float64)
    ancestry.add_up(sums, parent)
    first = ancestry.first_below(holder, parent)
    for element in range(len(parent)):
        below = [row for row, its in enumerate(holder.tolist()) if element in path(parent, its)]
        assert sums[element].tolist() == values[below].sum(0).tolist()
        assert first[element] == min(below, default=len(holder))


@settings(max_examples=100, deadline=None)
@given(trees(), st.data())
def test_along_the_path(tree: tuple[np.ndarray, np.ndarray], data: st.DataObject) -> None:
    parent, holder = tree
    count = len(parent)
    look = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)), np.int64)
    low, high = np.array([-5, 0, 3], np.int64), np.array([-2, 7, 3], np.int64)
    alike = np.arange(1, count + 1)[::-1].copy()
    found, depth = ancestry.along_paths(parent, look, low, high, alike)
    for element in range(count):
        way = path(parent, element)
        looks = look[way]
        own = int(low[look[element]] + high[look[element]])
        assert found[element].tolist() == [
            own, (low[looks] + high[looks]).sum(), low[looks].min(), high[looks].max(), alike[element],
            max([alike[above] for above in way[1:]], default=0),
        ]  # fmt: skip
        assert depth[element] == len(way) - 1
    best = data.draw(st.integers(0, count - 1))
    chain = path(parent, best)
    steps = ancestry.steps_to_path(holder, parent, best)
    expected = [chain.index(next(one for one in path(parent, its) if one in chain)) for its in holder.tolist()]
    assert steps.tolist() == expected
