"""The area under the ROC curve: how well a score puts the good before the others."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def roc_auc(truth: Array, scores: Array) -> float:
    """The share of (good, other) pairs in which the good one scores higher; a tie counts half.

    Raises ValueError if one of the two kinds is missing.
    """
    good, others = int(truth.sum()), int((~truth).sum())
    if not good or not others:
        raise ValueError(f"{good} of {len(truth)} rows are good; a ROC curve needs rows of both kinds")
    _, position, ties = np.unique(scores, return_inverse=True, return_counts=True)
    rank = np.cumsum(ties) - (ties - 1) / 2  # the mean rank of equal scores, from 1
    return float((rank[position][truth].sum() - good * (good + 1) / 2) / (good * others))
