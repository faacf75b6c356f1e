"""Months in dates, in four languages and in figures."""

import pytest

from stages.l4_verify.dates_in_text import dated, months_in


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("on 3 May 1999 and on March 5, 2001", [5, 3]),
        ("the 3rd May", [5]),
        ("am 3. Mai und im März 2010", [5, 3]),
        ("le 8 avril 1934, le 1er août 1940", [4, 8]),
        ("2021年5月14日, 五月, 十一月", [5, 5, 11]),
        ("They may 5 times march 3 miles. Mars is far.", []),
        ("3个月, 三个月", []),
    ],
)
def test_months_with_a_number_beside_them(text: str, months: list[int]):
    assert sorted(month for month, _, _ in dated(text)) == sorted(months)


def test_a_source_may_name_its_months_in_any_form():
    assert months_in("1999-05-03") == {5: 0}
    assert set(months_in("5/3/1999")) == {5, 3}
    assert set(months_in("in early May, um Ostern im April")) == {5, 4}
    assert months_in("12.5 percent") == {}
