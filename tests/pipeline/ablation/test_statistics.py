"""The interval of a paired difference: by hand in small cases, and its coverage in simulated ablations."""

import math

import numpy as np
import pytest

from pipeline.ablation.statistics import holm, paired, t_quantile


def test_the_interval_of_three_seeds_by_hand() -> None:
    # Two documents of ten bytes, each of its own site, alike in all but the seed: no variance of documents.
    bits = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    found = paired([bits], [np.full(2, 10)], [np.arange(2)])
    assert found.per_seed == pytest.approx((0.1, 0.2, 0.3))
    assert found.document_error == 0
    assert found.error == found.seed_error == pytest.approx(0.1 / math.sqrt(3))
    assert (found.low, found.high) == pytest.approx((0.2 - 0.2484, 0.2 + 0.2484), abs=1e-4)
    assert found.p == pytest.approx(0.0742, abs=1e-3)
    assert found.detectable == pytest.approx((4.3027 + 1.0607) * found.error, abs=1e-4)


def test_pages_of_one_site_count_once() -> None:
    bits, sizes = np.array([[4.0, 4.0, -1.0, -1.0, 0.0, 0.0]] * 2), [np.full(6, 10)]
    apart = paired([bits], sizes, [np.arange(6)])
    together = paired([bits], sizes, [np.array([0, 0, 1, 1, 2, 2])])
    assert apart.mean == together.mean == pytest.approx(0.1)
    # Six values of sd .226 make an error of .0922, three sites one of .153.
    assert (apart.error, together.error) == pytest.approx((0.0966, 0.1528), abs=1e-3)
    assert (apart.high - apart.mean, together.high - together.mean) == pytest.approx((0.2484, 0.6573), abs=1e-3)


def test_domains_weigh_alike_whatever_their_bytes() -> None:
    domains = [np.array([[10.0, 10.0]] * 2), np.array([[-1.0, -1.0]] * 2)]
    found = paired(domains, [np.full(2, 100), np.full(2, 10)], [np.arange(2)] * 2)
    assert found.mean == found.low == found.high == pytest.approx(0.0)
    assert paired([np.zeros((2, 2))], [np.ones(2)], [np.arange(2)]).p == 1.0


def test_one_site_gives_no_interval() -> None:
    with pytest.raises(ValueError, match="all held-out documents of a domain are of one site"):
        paired([np.ones((2, 3))], [np.ones(3)], [np.zeros(3, np.int64)])


@pytest.mark.parametrize(("share", "freedom", "value"), [(0.975, 2, 4.3027), (0.975, 10, 2.2281), (0.8, 5, 0.9195)])
def test_t_quantiles(share: float, freedom: float, value: float) -> None:
    assert t_quantile(share, freedom) == pytest.approx(value, abs=1e-4)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("seeds", "seed_sd", "interaction_sd", "site_sd", "document_sd"),
    [(3, 0.05, 0.0, 0.0, 0.2), (3, 0.0, 0.1, 0.3, 0.3), (6, 0.03, 0.3, 0.1, 0.2), (3, 0.02, 0.02, 0.0, 0.02)],
)
def test_intervals_cover_the_truth_as_often_as_they_claim(
    seeds: int, seed_sd: float, interaction_sd: float, site_sd: float, document_sd: float
) -> None:
    """800 simulated ablations of a true difference of -.05 on two domains of 40 documents of 20 sites."""
    choice, covered, repetitions = np.random.default_rng(7), 0, 800
    sites = np.arange(40) // 2
    for _ in range(repetitions):
        domains, sizes = [], []
        seed = choice.normal(0, seed_sd, (seeds, 1))  # of a run: on all domains
        for _ in range(2):
            size = choice.integers(50, 150, 40)
            of_document = choice.normal(0, document_sd, 40) + choice.normal(0, site_sd, 20)[sites]
            rate = -0.05 + seed + of_document + choice.normal(0, interaction_sd, (seeds, 40))
            domains.append(rate * size)
            sizes.append(size)
        found = paired(domains, sizes, [sites, sites])
        covered += found.low <= -0.05 <= found.high
    assert covered / repetitions > 0.927  # .95 less three standard errors of .0077
