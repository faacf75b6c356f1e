"""Intervals against published values, and by how often they hold the truth."""

import numpy as np
import pytest

from stages.l4_verify.people.estimates import Stratum, corrected, weighted, wilson


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"), [(0, 100, 0, 0.037), (0, 300, 0, 0.013), (5, 300, 0.007, 0.038), (10, 10, 0.722, 1)]
)
def test_wilson_of_published_values(hits, of, low, high):
    found = wilson(hits, of)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-4)


def test_nothing_judged_is_no_estimate():
    assert wilson(0, 0) is None
    assert weighted({"a": Stratum(100, 0, 0)}) is None


def test_a_rare_stratum_that_is_looked_at_more_counts_by_its_rows():
    strata = {"common": Stratum(900, 90, 0), "rare": Stratum(100, 50, 10)}
    found, size = weighted(strata)
    assert found.rate == pytest.approx(0.02)  # 20 % of the 10 % of rows; of the sample it is 7 %
    assert found.low < 0.02 < found.high
    assert 0 < size <= 140


def test_one_stratum_is_a_simple_sample():
    found, size = weighted({"all": Stratum(1000, 100, 3)})
    assert size == 100
    assert found == wilson(3, 100)


def test_weighted_intervals_hold_the_truth():
    generator = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        a, b = generator.binomial(80, 0.02), generator.binomial(40, 0.15)
        found, _ = weighted({"a": Stratum(800, 80, int(a)), "b": Stratum(200, 40, int(b))})
        held += found.low <= 0.8 * 0.02 + 0.2 * 0.15 <= found.high
    assert held / 400 >= 0.93


def test_reviewers_without_error_need_no_correction():
    found = corrected(0.04, 250, (50, 50), (50, 50))
    assert found.rate == pytest.approx(0.04)
    assert found.low < 0.04 < found.high


def test_missed_defects_raise_the_rate_and_false_ones_lower_it():
    assert corrected(0.05, 200, (8, 10), (100, 100)).rate == pytest.approx(0.0625)
    assert corrected(0.05, 200, (10, 10), (98, 100)).rate == pytest.approx(0.03 / 0.98)


def test_gold_that_says_nothing_gives_no_correction():
    assert corrected(0.05, 200, (0, 0), (10, 10)) is None
    assert corrected(0.05, 200, (3, 10), (7, 10)) is None  # no better than chance


def test_corrected_intervals_hold_the_truth():
    generator = np.random.default_rng(11)
    held = 0
    true, sensitivity, specificity = 0.10, 0.85, 0.97
    for trial in range(200):
        apparent = true * sensitivity + (1 - true) * (1 - specificity)
        rate = generator.binomial(300, apparent) / 300
        caught, cleared = generator.binomial(40, sensitivity), generator.binomial(40, specificity)
        found = corrected(rate, 300, (int(caught), 40), (int(cleared), 40), trial)
        held += found.low <= true <= found.high
    assert held / 200 >= 0.92
