"""Expressions: exact, bounded, and nothing but arithmetic."""

from fractions import Fraction

import pytest

from pipeline.steps.expression import ExpressionError, evaluate, fill, names_in

VALUES = {"a": 7, "b": 2, "zero": 0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a + b * 3", 13), ("(a - b) / 2", Fraction(5, 2)), ("a // b", 3), ("-a % b", 1), ("a ** b", 49),
        ("gcd(12, 18) + lcm(4, 6)", 18), ("max(a, b, 9) - min(a, b)", 7), ("abs(b - a)", 5),
        ("a > b", 1), ("1 < b < 2", 0), ("a > b and b != 2", 0), ("+a", 7), ("-" * 48 + "1", 1),
        ("1 / 3 + 1 / 6", Fraction(1, 2)),
    ],
)  # fmt: skip
def test_values_are_exact(text: str, value: Fraction):
    assert evaluate(text, VALUES) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "a.real", "a[0]", "'x' * 3", "1.5", "True", "lambda: 1", "[a for a in b]",
        "open(a)", "max", "max(a)", "max(a, key=b)", "max(*a)", "f'{a}'", "a if b else a", "a or b", "not a", "~a",
        "a << b", "a in b", "(a := 3)", "", "a b", "a; b", "-" * 499 + "1", "-" * 50 + "1",
        "(" * 250 + "1" + ")" * 240, "a\0", "1" * 501,
    ],
)  # fmt: skip
def test_all_else_is_refused(text: str):
    with pytest.raises(ExpressionError):
        evaluate(text, VALUES)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a / zero", "divides by 0"), ("a // (b - 2)", "divides by 0"), ("a % zero", "divides by 0"),
        ("c + 1", "'c' is no parameter"), ("9 ** 9 ** 9", "too large"), ("a ** -1", "whole number from 0"),
        ("a ** (1 / 2)", "whole number from 0"), ("gcd(a / 2, 3)", "takes whole numbers"),
        ("*".join(["2 ** 4000"] * 3), "too large"), ("lcm(2 ** 4000, 3 ** 2000)", "too large"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_told(text: str, says: str):
    with pytest.raises(ExpressionError, match=says.replace("*", r"\*")):
        evaluate(text, VALUES)


def test_names_are_parameters_and_not_functions():
    assert names_in("max(a, b) + gcd(4, c)") == {"a", "b", "c"}


def test_filling_replaces_names_and_nothing_else():
    assert fill("{a} of {b}: {0} {a.real} {{x} {a!r}", VALUES | {"x": 1}) == "7 of 2: {0} {a.real} {1 {a!r}"
    with pytest.raises(ExpressionError, match="'c'"):
        fill("{c}", VALUES)
