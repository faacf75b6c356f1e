"""Trees as arrays say what the trees they were made of say, and the same in any company."""

from pathlib import Path

import numpy as np
import pytest

from stages.l0_collect.extract.trees import UNIT, Trees, _at_most, from_scikit_learn

# x0 <= 1 ? 0.25 : (x1 <= -2 ? 0.5 : 0.75), and a second tree of one leaf.
TREES = Trees(
    feature=np.array([0, 0, 1, 0, 0, 0], np.int32),
    threshold=np.array([1, np.inf, -2, np.inf, np.inf, np.inf], np.float32),
    child=np.array([1, 1, 3, 3, 4, 5], np.int32),
    value=np.array([0, UNIT // 4, 0, UNIT // 2, 3 * UNIT // 4, UNIT // 8], np.int32),
    roots=np.array([0, 5], np.int32),
    base=-UNIT // 8,
    depth=2,
)


def test_each_row_gets_the_sum_of_its_leaves() -> None:
    rows = np.array([[1, 0], [1.5, -2], [1.5, 0]], np.float32)
    assert TREES.predict(rows).tolist() == [0.25, 0.5, 0.75]


def test_a_share_is_between_0_and_1() -> None:
    low = Trees(TREES.feature, TREES.threshold, TREES.child, TREES.value, TREES.roots, -2 * UNIT, 2)
    high = Trees(TREES.feature, TREES.threshold, TREES.child, TREES.value, TREES.roots, 2 * UNIT, 2)
    rows = np.zeros((1, 2), np.float32)
    assert (low.predict(rows).tolist(), high.predict(rows).tolist()) == ([0.0], [1.0])


def test_no_rows_and_many() -> None:
    rows = np.random.default_rng(1).normal(size=(700, 2)).astype(np.float32)
    assert TREES.predict(rows[:0]).tolist() == []
    one_by_one = [TREES.predict(rows[number : number + 1])[0] for number in range(700)]
    assert TREES.predict(rows).tolist() == one_by_one


def test_arrays_bring_the_trees_back(tmp_path: Path) -> None:
    np.savez(tmp_path / "trees.npz", **TREES.arrays("first"))  # type: ignore[arg-type]
    again = Trees.from_arrays(np.load(tmp_path / "trees.npz"), "first")
    rows = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    assert again.predict(rows).tolist() == TREES.predict(rows).tolist()


@pytest.mark.parametrize("threshold", [0.1, 1 / 3, 1 + 2**-25, -1e-9, 12345678.9])
def test_thresholds_are_rounded_down(threshold: float) -> None:
    rounded = np.float32(_at_most(threshold))
    assert float(rounded) <= threshold < float(np.nextafter(rounded, np.float32(np.inf)))


def test_the_library_that_trains_says_the_same() -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    rows = np.random.default_rng(2).normal(size=(400, 3)).astype(np.float32)
    model = ensemble.HistGradientBoostingRegressor(max_iter=5, max_depth=3, early_stopping=False)
    model.fit(rows, (rows[:, 0] > rows[:, 1]) * 0.8 + 0.1)
    assert np.abs(from_scikit_learn(model).predict(rows) - model.predict(rows)).max() < 1e-5
