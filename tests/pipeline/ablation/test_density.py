"""Tokens to equal loss."""

import math

import pytest

from pipeline.ablation.density import density


def law(tokens: float, shift: float = 0.0) -> float:
    return 5.0 - 0.5 * math.log(tokens) + shift


def test_data_that_needs_half_the_tokens_is_twice_as_dense() -> None:
    sizes = (1_000, 2_000, 4_000, 8_000)
    baseline = {size: [law(size), law(size, 0.1), law(size, -0.1)] for size in sizes}
    found = density(baseline, [law(4_000), law(4_000, 0.1), law(4_000, -0.1)], 2_000)
    assert (found.rho, found.low, found.high) == pytest.approx((2, 2, 2))
    assert not found.extrapolated
    noisy = density(baseline, [law(4_200), law(3_900, 0.1), law(4_000, -0.1)], 2_000)
    assert noisy.low < 2 < noisy.high
    assert noisy.per_seed == pytest.approx((2.1, 1.95, 2.0))


def test_what_lies_outside_of_the_measured_sizes_is_marked() -> None:
    baseline = {size: [law(size), law(size)] for size in (1_000, 2_000)}
    above, below = density(baseline, [law(4_000)] * 2, 2_000), density(baseline, [law(500)] * 2, 2_000)
    assert (above.rho, above.extrapolated) == (pytest.approx(2), True)
    assert (below.rho, below.extrapolated) == (pytest.approx(0.25), True)


def test_a_turned_pair_of_sizes_is_flat() -> None:
    baseline = {1: [4.0], 2: [3.0], 4: [3.5], 8: [2.0]}
    assert density(baseline, [2.5], 1).rho == pytest.approx(math.exp((math.log(4) + math.log(8)) / 2))
    assert density(baseline, [2.5], 1).high > 1e100, "one seed has no interval"


def test_a_curve_that_does_not_fall_has_no_answer() -> None:
    with pytest.raises(ValueError, match="the baseline does not learn from 1,000 to 2,000 tokens"):
        density({1_000: [3.0], 2_000: [3.0]}, [2.0], 1_000)
    with pytest.raises(ValueError, match="measured at 1 size"):
        density({1_000: [3.0]}, [2.0], 1_000)
