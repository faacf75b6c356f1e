"""Stated equations between plain numbers, exactly."""

from fractions import Fraction

import pytest

from stages.l4_verify.arithmetic import equations


def found(text: str) -> list[tuple[str, bool]]:
    return [(one.text, one.holds) for one in equations(text)]


@pytest.mark.parametrize(
    "text",
    [
        "So 48/2 = 24 clips.", "He pays $5 x 3 = $15.", "2 apples + 3 apples = 5 apples", "20% of 50 = 10",
        "1 1/2 * 4 = 6", "(2 + 3) × 4 − 1 = 19", "2^10 = 1,024", "10 ÷ 4 = 2.5", "1/3 + 1/6 = 1/2", "2 / 3 = 0.67",
        "25 / 1/3 = 75", "3/4 * 100 = 75%", "$1 / 2 = 50 cents", "100/3 = 33", "2*pages and 3 x 4 = 12", "-3 + 5 = 2",
        "0.1 + 0.2 = 0.3", "7 * 11 ≈ 77", "That is 2*3=<<2*3=6>>6 in all", "1,000 * 2 = 2,000",
    ],
)  # fmt: skip
def test_right_ones_hold(text: str):
    assert found(text)
    assert all(holds for _, holds in found(text))


@pytest.mark.parametrize(
    "text",
    [
        "So 48/2 = 25 clips.", "He pays $5 x 3 = $16.", "2 apples + 3 apples = 6 apples", "20% of 50 = 11",
        "(2 + 3) × 4 − 1 = 20", "2^10 = 1,023", "10 ÷ 4 = 2.4", "1/3 + 1/6 = 1/3", "2*3 = 6 = 12/3", "<<48/2=23>>24",
        "0.1 + 0.2 = 0.31", "1,000 * 2 = 2,001", "100/3 = 35", "9999999999999999 + 1 = 10000000000000001",
    ],
)  # fmt: skip
def test_wrong_ones_do_not(text: str):
    assert False in [holds for _, holds in found(text)]


@pytest.mark.parametrize(
    "text",
    ["S + 30 = 143", "2x + 5 = 9", "x = 3", "20 minutes = 1/3 hour", "5/0 = 1", "9^9^9 = 1", "2 ^ 999999 = 1", "a = b",
     "0900-0130 = 0730", "(" * 500 + "1 + 1 = 2", "4S + 3 = 12", "no numbers", "1 + = 2", "== = ="],
)  # fmt: skip
def test_what_is_no_equation_between_numbers_is_left_out(text: str):
    assert [pair for pair in found(text) if not pair[1]] == []


def test_each_says_where_it_stands_and_what_both_sides_are():
    text = "First.\nThen 2 + 2 = 5 of them."
    (one,) = equations(text)
    assert (one.left, one.right, text[one.start :][: len(one.text)]) == (Fraction(4), Fraction(5), "2 + 2 = 5")
