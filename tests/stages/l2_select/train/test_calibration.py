"""A score that says too much is brought back to what it is worth."""

import numpy as np
import pytest

from stages.l2_select.train.calibration import (
    apply_platt,
    calibration_error,
    cross_fitted,
    fit_platt,
    precision_recall,
    reliability,
)


def overconfident(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth, and scores whose log-odds are three times those of the truth, plus one."""
    generator = np.random.default_rng(0)
    odds = generator.normal(0, 1.5, rows)
    truth = generator.random(rows) < 1 / (1 + np.exp(-odds))
    return truth, 1 / (1 + np.exp(-(3 * odds + 1)))


def test_platt_finds_the_line_that_the_scores_were_made_with():
    truth, scores = overconfident(20_000)
    slope, intercept = fit_platt(truth, scores)
    assert slope == pytest.approx(1 / 3, abs=0.02)
    assert intercept == pytest.approx(-1 / 3, abs=0.04)
    calibrated = apply_platt(scores, slope, intercept)
    assert (np.diff(calibrated[np.argsort(scores)]) >= 0).all()
    assert np.isnan(apply_platt(np.array([np.nan]), slope, intercept)).all()


def test_the_error_falls_on_rows_that_were_not_fitted():
    truth, scores = overconfident(4000)
    before, after = reliability(truth, scores), reliability(truth, cross_fitted(truth, scores))
    assert sum(one["rows"] for one in before) == sum(one["rows"] for one in after) == 4000
    assert calibration_error(before) > 0.1
    assert calibration_error(after) < 0.03


def test_classes_that_do_not_overlap_and_scores_of_one_value_give_a_finite_line():
    truth = np.array([False] * 20 + [True] * 20)
    for scores in (truth.astype(float), np.full(40, 0.5), np.linspace(0, 1, 40)):
        assert np.isfinite(fit_platt(truth, scores)).all()


def test_bins_and_curve_count_what_reaches_a_score():
    truth, scores = np.array([False, False, True, True]), np.array([0.1, 0.6, 0.6, 1.0])
    assert reliability(truth, scores) == [
        {"from": 0.1, "rows": 1, "mean_score": 0.1, "positive": 0.0},
        {"from": 0.6, "rows": 2, "mean_score": 0.6, "positive": 0.5},
        {"from": 0.9, "rows": 1, "mean_score": 1.0, "positive": 1.0},
    ]
    assert precision_recall(truth, scores) == [
        {"threshold": 0.1, "precision": 0.5, "recall": 1.0},
        {"threshold": 0.6, "precision": 2 / 3, "recall": 1.0},
        {"threshold": 1.0, "precision": 1.0, "recall": 0.5},
    ]
