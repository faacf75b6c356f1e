"""Boosted regression trees as flat arrays.

The children of a node stand side by side, so that one place says where both are; a leaf is its own child. Comparisons
of float32 and sums of whole numbers give the same bytes on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.kernels.blocks import boosted_trees

UNIT = 1 << 20
"""Leaf values are whole numbers of this part of one."""


@dataclass(frozen=True, slots=True)
class Trees:
    """What one sum of trees says of rows of features."""

    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float32]
    child: npt.NDArray[np.int32]
    """The left one: x <= threshold; the right one stands behind it."""
    value: npt.NDArray[np.int32]
    """Of a leaf, in units; 0 elsewhere."""
    roots: npt.NDArray[np.int32]
    base: int
    depth: int
    nodes: npt.NDArray[np.uint32] = field(init=False, repr=False)
    """Feature and child as the loop wants them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", boosted_trees.pack(self.feature, self.child))

    def predict(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """A share between 0 and 1 for each row."""
        found = boosted_trees.sums(
            np.ascontiguousarray(rows, np.float32), self.nodes, self.threshold, self.value, self.roots, self.depth
        )
        shares: npt.NDArray[np.float32] = (np.clip(found + self.base, 0, UNIT) / UNIT).astype(np.float32)
        return shares

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """For np.savez."""
        return {
            f"{name}_feature": self.feature.astype(np.int16),
            f"{name}_threshold": self.threshold,
            f"{name}_child": self.child,
            f"{name}_value": self.value,
            f"{name}_roots": self.roots,
            f"{name}_shape": np.array([self.base, self.depth], np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: Any, name: str) -> Trees:
        base, depth = arrays[f"{name}_shape"].tolist()
        return cls(
            arrays[f"{name}_feature"].astype(np.int32),
            arrays[f"{name}_threshold"],
            arrays[f"{name}_child"],
            arrays[f"{name}_value"],
            arrays[f"{name}_roots"],
            base,
            depth,
        )


def from_scikit_learn(model: Any) -> Trees:
    """A fitted HistGradientBoostingRegressor whose features are all numbers and never missing."""
    feature: list[int] = []
    threshold: list[float] = []
    child: list[int] = []
    value: list[int] = []
    roots: list[int] = []
    deepest = 0
    for (predictor,) in model._predictors:
        nodes = predictor.nodes
        deepest = max(deepest, int(nodes["depth"].max()))
        roots.append(len(feature))
        queue = [0]  # nodes of scikit-learn's in the order in which they get a place here
        start = len(feature)
        for number in queue:
            node = nodes[number]
            if node["is_leaf"]:
                feature.append(0)
                threshold.append(np.inf)
                child.append(len(child))
                value.append(round(float(node["value"]) * UNIT))
                continue
            feature.append(int(node["feature_idx"]))
            threshold.append(_at_most(float(node["num_threshold"])))
            child.append(start + len(queue))
            value.append(0)
            queue += [int(node["left"]), int(node["right"])]
    base = round(float(np.ravel(model._baseline_prediction)[0]) * UNIT)
    return Trees(
        np.array(feature, np.int32), np.array(threshold, np.float32), np.array(child, np.int32),
        np.array(value, np.int32), np.array(roots, np.int32), base, deepest,
    )  # fmt: skip


def _at_most(threshold: float) -> float:
    """The largest float32 that is not above: comparisons of float32 with it decide as those with `threshold` do."""
    rounded = np.float32(threshold)
    return float(rounded if float(rounded) <= threshold else np.nextafter(rounded, np.float32(-np.inf)))
