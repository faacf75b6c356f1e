"""Pairs from buckets and components of pairs, against plain Python."""

import random

import numpy as np

from pipeline.kernels.components import candidate_pairs, components


def pairs(key, content, order, cap):
    node = np.arange(len(key)) + 100
    columns = (np.array(key, np.uint64), np.array(content, np.uint64), np.array(order, np.uint64))
    a, b, copy = candidate_pairs(*columns, node, cap)
    return sorted(zip((a - 100).tolist(), (b - 100).tolist(), copy.tolist(), strict=True))


def test_small_buckets_give_all_pairs_in_order():
    assert pairs(key=[5, 7, 5, 5, 8], content=[1, 2, 3, 4, 5], order=[2, 0, 1, 0, 0], cap=3) == [
        (2, 0, False),
        (3, 0, False),
        (3, 2, False),
    ]


def test_large_buckets_give_the_first_and_the_one_before():
    assert pairs(key=[5] * 4, content=[1, 2, 3, 4], order=[0, 1, 2, 3], cap=3) == [
        (0, 1, False),
        (0, 2, False),
        (0, 3, False),
        (1, 2, False),
        (2, 3, False),
    ]


def test_copies_pair_with_their_best_only():
    assert pairs(key=[5] * 4, content=[1, 1, 1, 2], order=[1, 0, 2, 3], cap=3) == [
        (1, 0, True),
        (1, 2, True),
        (1, 3, False),
    ]


def test_nothing_shared_gives_nothing():
    assert pairs(key=[1, 2, 3], content=[1, 1, 1], order=[0, 0, 0], cap=3) == []
    assert pairs(key=[], content=[], order=[], cap=3) == []


def test_components_as_by_flooding():
    draw = random.Random(1)
    first, second = (np.array([draw.randrange(300) for _ in range(200)]) for _ in range(2))
    expected = list(range(300))
    for _ in range(300):
        for a, b in zip(first, second, strict=True):
            expected[a] = expected[b] = min(expected[a], expected[b])
    assert components(first, second, 300).tolist() == expected
