"""How far a classifier's score is a probability, and what makes it one: a line through its log-odds (Platt)."""

from __future__ import annotations

from typing import Any

import numpy as np

BINS = 10
STEPS = 50
EDGE = 1e-6  # log-odds of 0 and 1 would be infinite; fastText's scores are no finer than this
RIDGE = 1e-6  # keeps the slope finite where the classes do not overlap
CURVE_POINTS = 50

Array = np.ndarray[Any, Any]


def apply_platt(scores: Array, slope: float, intercept: float) -> Array:
    """Calibrated scores, in the same order as before if the slope is positive; nan stays nan."""
    return np.asarray(_sigmoid(slope * _log_odds(scores) + intercept))


def fit_platt(truth: Array, scores: Array) -> tuple[float, float]:
    """(slope, intercept) that make the truth most likely, by Newton's method, with Platt's smoothed targets."""
    odds = _log_odds(scores)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design, line = np.stack([odds, np.ones_like(odds)], axis=1), np.array([1.0, 0.0])
    for _ in range(STEPS):
        expected = _sigmoid(design @ line)
        gradient = design.T @ (expected - target) + RIDGE * line
        curvature = (design * (expected * (1 - expected))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        line = line - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    return float(line[0]), float(line[1])


def cross_fitted(truth: Array, scores: Array) -> Array:
    """Each half of the rows calibrated by what the other half teaches, so that the result may be judged by all."""
    calibrated, half = np.empty(len(scores)), np.arange(len(scores)) % 2 == 0
    for fitted, judged in ((half, ~half), (~half, half)):
        calibrated[judged] = apply_platt(scores[judged], *fit_platt(truth[fitted], scores[fitted]))
    return calibrated


def reliability(truth: Array, scores: Array) -> list[dict[str, float]]:
    """Per tenth of the score that has rows: from, rows, mean_score, positive (the share of positives)."""
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    return [
        {
            "from": number / BINS,
            "rows": int((bins == number).sum()),
            "mean_score": round(float(scores[bins == number].mean()), 4),
            "positive": round(float(truth[bins == number].mean()), 4),
        }
        for number in np.unique(bins)
    ]


def calibration_error(bins: list[dict[str, float]]) -> float:
    """The mean distance of score and share of positives, weighted by rows."""
    rows = sum(one["rows"] for one in bins)
    return round(sum(one["rows"] * abs(one["mean_score"] - one["positive"]) for one in bins) / rows, 4)


def precision_recall(truth: Array, scores: Array) -> list[dict[str, float]]:
    """Precision and recall of keeping what reaches each of up to CURVE_POINTS scores, from the lowest."""
    points = np.unique(np.quantile(scores, np.linspace(0, 1, CURVE_POINTS), method="lower"))
    kept = scores[:, None] >= points
    right = (kept & truth[:, None]).sum(axis=0)
    return [
        {"threshold": float(point), "precision": float(hits / rows), "recall": float(hits / truth.sum())}
        for point, hits, rows in zip(points, right, kept.sum(axis=0), strict=True)
    ]


def _log_odds(scores: Array) -> Array:
    clipped = np.clip(scores.astype(np.float64), EDGE, 1 - EDGE)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def _sigmoid(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -700, 700))))
