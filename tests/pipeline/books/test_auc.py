from itertools import product

import numpy as np
import pytest

from pipeline.books.auc import roc_auc


def test_roc_auc_counts_pairs():
    generator = np.random.default_rng(0)
    truth, scores = generator.random(40) < 0.5, generator.integers(0, 8, 40) / 8
    pairs = [(p > n) + (p == n) / 2 for p, n in product(scores[truth], scores[~truth])]
    assert roc_auc(truth, scores) == pytest.approx(np.mean(pairs))
    with pytest.raises(ValueError, match="3 of 3 rows are good"):
        roc_auc(np.ones(3, bool), np.ones(3))


def test_a_tie_counts_half():
    assert roc_auc(np.array([True, False, True, False]), np.array([3.0, 1.0, 2.0, 2.0])) == (2 + 1.5) / 4
