"""Pairs from buckets and components of pairs, against plain Python."""

import random

import numpy as np

from pipeline.kernels.duplicates.components import candidate_pairs, components, spanning_forest


def pairs(key, content, order, cap, old=1000):
    node = np.arange(len(key)) + 100
    columns = (np.array(key, np.uint64), np.array(content, np.uint64), np.array(order, np.uint64))
    a, b, copy, _ = candidate_pairs(*columns, node, cap, old + 100)
    return sorted(zip((a - 100).tolist(), (b - 100).tolist(), copy.tolist(), strict=True))


def test_small_buckets_give_all_pairs_in_order():
    assert pairs(key=[5, 7, 5, 5, 8], content=[1, 2, 3, 4, 5], order=[2, 0, 1, 0, 0], cap=3) == [
        (2, 0, False),
        (3, 0, False),
        (3, 2, False),
    ]


def test_beyond_the_cap_a_document_pairs_with_the_first_and_the_one_before():
    small = [(0, 1, False), (0, 2, False), (1, 2, False)]
    large = [(0, 3, False), (0, 4, False), (2, 3, False), (3, 4, False)]
    assert pairs(key=[5] * 5, content=[1, 2, 3, 4, 5], order=[0, 1, 2, 3, 4], cap=3) == sorted(small + large)
    assert pairs(key=[5] * 3, content=[1, 2, 3], order=[0, 1, 2], cap=1) == small


def test_copies_pair_with_their_best_only():
    assert pairs(key=[5] * 4, content=[1, 1, 1, 2], order=[1, 0, 2, 3], cap=3) == [
        (1, 0, True),
        (1, 2, True),
        (1, 3, False),
    ]


def test_old_documents_come_first_and_do_not_pair_with_each_other():
    assert pairs(key=[5] * 4, content=[1, 2, 3, 4], order=[0, 1, 2, 3], cap=9, old=2) == [
        (0, 1, False),
        (2, 0, False),
        (2, 1, False),
        (3, 0, False),
        (3, 1, False),
    ]
    # the best new copy of an old document stands for the other new ones
    assert pairs(key=[5] * 3, content=[1] * 3, order=[1, 0, 2], cap=9, old=2) == [(1, 0, True), (2, 1, False)]


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


def test_a_spanning_forest_connects_the_same_with_the_fewest_edges():
    draw = random.Random(2)
    first, second = (np.array([draw.randrange(60) for _ in range(90)]) for _ in range(2))
    joins = spanning_forest(first, second, 60)
    whole, part = components(first, second, 60), components(first[joins], second[joins], 60)
    assert part.tolist() == whole.tolist()
    assert joins.sum() == 60 - len(set(whole.tolist()))
