"""Agreement against published examples and scikit-learn."""

import random

import pytest
from sklearn.metrics import cohen_kappa_score

from stages.l4_verify.people.agreement import (
    cohen_kappa,
    gwet,
    krippendorff_alpha,
    linear,
    pabak,
    raw_agreement,
    summary,
)

# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", four observers, twelve units, gaps.
OBSERVERS = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]
UNITS = [
    {str(number): value for number, value in enumerate(unit) if value != "."}
    for unit in zip(*(row.split() for row in OBSERVERS), strict=True)
]


def test_alpha_of_the_published_example():
    assert krippendorff_alpha(UNITS) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(UNITS, lambda one, other: (int(one) - int(other)) ** 2) == pytest.approx(0.849, abs=5e-4)


def test_gwet_of_the_same_example():
    # Gwet (2014), Handbook of Inter-Rater Reliability: AC1 of this table is 0.77544.
    assert gwet(UNITS, "12345") == pytest.approx(0.77544, abs=5e-5)


def test_kappa_equals_that_of_scikit_learn():
    chance = random.Random(3)
    first = [chance.choice("pfu") for _ in range(60)]
    second = [one if chance.random() < 0.7 else chance.choice("pfu") for one in first]
    items = [{"a": one, "b": other} for one, other in zip(first, second, strict=True)]
    assert cohen_kappa(items) == pytest.approx(cohen_kappa_score(first, second))


def test_where_nearly_all_pass_kappa_falls_and_the_others_do_not():
    items = [{"a": "pass", "b": "pass"}] * 96 + [{"a": "pass", "b": "fail"}] * 2 + [{"a": "fail", "b": "pass"}] * 2
    assert raw_agreement(items) == 0.96
    assert cohen_kappa(items) == pytest.approx(-0.0204, abs=5e-4)
    assert pabak(items, 2) == pytest.approx(0.92)
    assert gwet(items, ("pass", "fail")) > 0.95


def test_with_weights_neighbours_agree_in_part():
    items = [{"a": "pass", "b": "unsure"}, {"a": "pass", "b": "pass"}, {"a": "fail", "b": "fail"}]
    order = ("pass", "unsure", "fail")
    assert gwet(items, order, linear(order)) > gwet(items, order)


def test_verdicts_all_alike_or_all_single_say_nothing():
    assert krippendorff_alpha([{"a": "pass", "b": "pass"}] * 5) is None
    assert cohen_kappa([{"a": "pass", "b": "pass"}] * 5) is None
    assert cohen_kappa([{"a": "pass"}, {"b": "pass"}]) is None
    found = summary([{"a": "pass"}, {"b": "fail"}], ("pass", "fail"))
    assert found["items"] == 0
    assert found["raw"] is None
