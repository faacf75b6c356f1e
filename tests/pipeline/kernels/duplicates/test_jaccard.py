"""True similarity and greedy clusters, against plain Python."""

import random

import numpy as np
import pyarrow as pa

from pipeline.kernels.duplicates.jaccard import greedy_clusters, jaccard, shingle_sets
from pipeline.kernels.duplicates.shingles import shingles


def test_jaccard_as_by_sets():
    draw = random.Random(1)
    for _ in range(50):
        one, other = ({draw.randrange(40) for _ in range(draw.randrange(1, 30))} for _ in range(2))
        found = jaccard(np.array(sorted(one), np.uint32), np.array(sorted(other), np.uint32))
        assert found == len(one & other) / len(one | other)


def test_empty_sets_share_nothing():
    nothing = np.empty(0, np.uint32)
    assert jaccard(nothing, nothing) == jaccard(nothing, np.array([1], np.uint32)) == 0.0


def test_sets_are_sorted_and_distinct():
    values, offsets = shingle_sets(shingles(pa.array(["a b a b a c", "", "z"]), 2))
    assert offsets.tolist() == [0, 3, 3, 4]  # "a b", "b a", "a c"; nothing; "z"
    assert (np.diff(values[:3].astype(np.int64)) > 0).all()


def test_samples_of_equal_sets_are_equal():
    text = " ".join(f"w{number:x}".translate(LETTERS) for number in range(20_000))
    found = shingles(pa.array([text, "more " + text, text]), 1)
    values, offsets = shingle_sets(found, np.array([8, 8, 1], np.uint32))
    sample, other, whole = (values[offsets[i] : offsets[i + 1]] for i in range(3))
    assert jaccard(sample, other) > 0.999
    assert set(sample) < set(whole)
    assert abs(len(sample) / len(whole) - 1 / 8) < 0.01


LETTERS = str.maketrans("0123456789", "ghijklmnop")


def clusters(sets: list[set[int]], pairs: list[tuple[int, int]], verify: float) -> list[tuple[int, float, int]]:
    values = np.array([value for one in sets for value in sorted(one)], np.uint32)
    offsets = np.cumsum([0, *map(len, sets)])
    found = greedy_clusters(values, offsets[:-1], offsets[1:], *np.array(pairs).T, verify)
    return list(zip(*(column.tolist() for column in found), strict=True))


def test_a_text_joins_the_first_survivor_that_it_matches():
    sets = [set(range(10)), set(range(1, 11)), set(range(2, 12)), set(range(20, 30))]
    near = [(0, 1), (2, 0), (1, 2), (0, 3)]
    assert clusters(sets, near, 0.8) == [(0, 1.0, 0), (0, 9 / 11, 0), (2, 1.0, 0), (3, 1.0, 3)]
    assert clusters(sets, near, 0.6) == [(0, 1.0, 0), (0, 9 / 11, 0), (0, 8 / 12, 0), (3, 1.0, 3)]


def test_survivor_of_a_candidate_is_tried_too():
    sets = [set(range(10)), set(range(10)), set(range(10))]
    assert clusters(sets, [(0, 1), (1, 2)], 0.8) == [(0, 1.0, 0)] * 3
