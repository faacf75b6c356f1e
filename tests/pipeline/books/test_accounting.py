"""The conservation law."""

import pytest

from pipeline.books.accounting import AccountingError, Counts, chain, total


def test_a_lost_row_is_an_error_that_shows_the_sum():
    Counts(rows_in=5, rows_out=2, dropped={"a.b": 2}, quarantined=1).check("here")
    with pytest.raises(
        AccountingError, match=r"here: 5 rows in and 0 made, but 2 kept, 2 dropped and 0 quarantined make 4"
    ):
        Counts(rows_in=5, rows_out=2, dropped={"a.b": 2}).check("here")


def test_rows_made_count_as_rows_in():
    Counts(rows_in=2, rows_made=2, rows_out=3, dropped={"rewrite.truncated": 1}).check("l3")


def test_sums_over_shards_and_passes():
    first = Counts(rows_in=5, rows_out=3, dropped={"b": 2}, bytes_in=50, bytes_out=30)
    second = Counts(rows_in=3, rows_out=1, dropped={"a": 1, "b": 1}, bytes_in=30, bytes_out=10)
    assert total([first, second]).dropped == {"a": 1, "b": 3}
    through = chain([first, second])
    assert (through.rows_in, through.rows_out, through.bytes_in, through.bytes_out) == (5, 1, 50, 10)
    through.check("both passes")
