"""The n-gram model gives probabilities: they sum to one, and to what is known by hand."""

import itertools
import math

import numpy as np
import pytest

from pipeline.ablation.ngram import count, document_bits


def bits(stream: list[int], document: list[int], given: int = 0) -> float:
    ids = [np.array(document, np.uint16)]
    return float(document_bits(count(np.array(stream, np.uint16)), ids, [given], bos=3, vocabulary=4)[0])


def test_one_token_by_hand() -> None:
    # After BOS (3), seen twice: 0 once and 1 once. Alone: 3 3 0 1 of six tokens, four kinds.
    stream = [3, 0, 3, 1, 2, 2]
    alone = (1 + 4 / 4) / (6 + 4)
    assert bits(stream, [0]) == pytest.approx(-math.log2((1 + 2 * alone) / (2 + 2)))
    unseen = (2 + 4 / 4) / (6 + 4)
    assert bits(stream, [2]) == pytest.approx(-math.log2((0 + 2 * unseen) / (2 + 2)))


def test_probabilities_of_all_documents_of_a_length_sum_to_one() -> None:
    stream = np.random.default_rng(0).integers(0, 4, 60).tolist()
    every = itertools.product(range(4), repeat=3)
    assert sum(2 ** -bits(stream, list(document)) for document in every) == pytest.approx(1)


def test_what_is_given_costs_nothing() -> None:
    stream = np.random.default_rng(0).integers(0, 4, 60).tolist()
    assert bits(stream, [0, 1, 2], given=3) == 0
    assert bits(stream, [0, 1, 2], given=2) == pytest.approx(bits(stream, [0, 1, 2]) - bits(stream, [0, 1]))


def test_documents_do_not_reach_into_one_another() -> None:
    levels = count(np.random.default_rng(0).integers(0, 4, 60).astype(np.uint16))
    first, second = np.array([0, 1, 2], np.uint16), np.array([2, 1], np.uint16)
    both = document_bits(levels, [first, second], [0, 0], 3, 4)
    assert both[1] == pytest.approx(document_bits(levels, [second], [0], 3, 4)[0])
