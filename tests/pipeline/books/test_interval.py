"""Wilson's interval against figures worked out by hand."""

from pipeline.books.interval import wilson


def test_intervals_are_wilsons():
    assert [round(end, 3) for end in wilson(0, 100)] == [0.0, 0.037]
    assert [round(end, 3) for end in wilson(5, 300)] == [0.007, 0.038]
    assert wilson(0, 0) == (0.0, 1.0)
