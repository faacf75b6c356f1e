"""Wilson's interval against figures worked out by hand."""

import pytest

from pipeline.books.interval import paired_difference, wilson


def test_intervals_are_wilsons():
    assert [round(end, 3) for end in wilson(0, 100)] == [0.0, 0.037]
    assert [round(end, 3) for end in wilson(5, 300)] == [0.007, 0.038]
    assert wilson(0, 0) == (0.0, 1.0)


def pairs(both: int, first: int, second: int, neither: int) -> list[tuple[bool, bool]]:
    return [(True, True)] * both + [(True, False)] * first + [(False, True)] * second + [(False, False)] * neither


def test_a_paired_difference_lies_in_its_interval_and_turns_with_its_sides():
    low, high = paired_difference(pairs(36, 12, 2, 0))
    assert 0 < low < 0.2 < high < 0.4
    assert paired_difference(pairs(36, 2, 12, 0)) == pytest.approx((-high, -low))
    narrow, wide = paired_difference(pairs(360, 120, 20, 0))
    assert low < narrow < 0.2 < wide < high


def test_items_that_go_together_tell_more():
    together, apart = paired_difference(pairs(20, 4, 0, 16)), paired_difference(pairs(12, 12, 8, 8))
    assert together[1] - together[0] < apart[1] - apart[0]


def test_a_paired_difference_has_a_width_where_the_two_never_differed():
    low, high = paired_difference(pairs(5, 0, 0, 0))
    assert low < 0 < high
    assert paired_difference([]) == (-1.0, 1.0)
