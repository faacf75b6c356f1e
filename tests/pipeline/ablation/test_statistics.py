import numpy as np
import pytest

from pipeline.ablation.statistics import bootstrap_interval, t_975, t_interval


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [
        *enumerate((12.70620, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.30600, 2.26216, 2.22814), 1),
        (11, 2.20099),
        (15, 2.13145),
        (30, 2.04227),
        (1000, 1.96234),
    ],
)
def test_t_quantiles(freedom: int, quantile: float) -> None:
    assert t_975(freedom) == pytest.approx(quantile, abs=2e-4)


def test_t_interval_of_three_differences() -> None:
    estimate = t_interval([0.1, 0.2, 0.3])
    # Standard deviation 0.1; 2.48 of them to each side, as for any three pairs.
    assert estimate.mean == pytest.approx(0.2)
    assert estimate.half_width == pytest.approx(0.2484, abs=1e-4)


def test_bootstrap_of_equal_documents_is_a_point() -> None:
    low, high = bootstrap_interval([np.array([-8.0] * 9), np.array([4.0] * 5)], [np.full(9, 16), np.full(5, 16)])
    assert (low, high) == pytest.approx((-0.125, -0.125))


def test_bootstrap_agrees_with_the_normal_theory_of_a_mean() -> None:
    difference = np.random.default_rng(1).normal(0.5, 1.0, 400)
    low, high = bootstrap_interval([difference * 10], [np.full(400, 10)])
    half = 1.96 * difference.std() / 20
    assert low == pytest.approx(difference.mean() - half, abs=0.02)
    assert high == pytest.approx(difference.mean() + half, abs=0.02)
