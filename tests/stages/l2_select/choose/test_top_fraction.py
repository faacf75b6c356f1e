"""The best share stays, and the others say what they scored."""

import pyarrow as pa
import pytest
from pydantic import ValidationError

from stages.l2_select.choose.top_fraction import TopFraction


def rows(*scores: float | None, **columns: str) -> list[dict]:
    return [{"id": f"{number:02}", "quality": score, **columns} for number, score in enumerate(scores)]


def test_dropped_rows_carry_their_score_and_the_lowest_that_stays(decide):
    found = decide(TopFraction(fraction=0.5), rows(0.75, 0.25, 0.5, 0.125))
    assert {name: (row["rule"], row["value"], row["threshold"]) for name, row in found.items()} == {
        "01": ("below_top_fraction", 0.25, 0.5),
        "03": ("below_top_fraction", 0.125, 0.5),
    }


def test_rows_without_a_score_are_dropped_and_not_counted(decide):
    found = decide(TopFraction(fraction=0.5), rows(None, 0.5, float("nan"), 0.25))
    assert {name: (row["rule"], row["value"], row["threshold"]) for name, row in found.items()} == {
        "00": ("no_score", None, None),
        "02": ("no_score", None, None),
        "03": ("below_top_fraction", 0.25, 0.5),
    }
    assert {row["rule"] for row in decide(TopFraction(), rows(None, None)).values()} == {"no_score"}
    assert decide(TopFraction(), rows(0.5), shards=3) == {}


def test_each_language_keeps_its_own_best(decide):
    documents = [
        *rows(0.9, 0.8, 0.7, 0.6, language="en"),
        {"id": "zh1", "quality": 0.25, "language": "zh"},
        {"id": "zh2", "quality": 0.125, "language": "zh"},
        {"id": "none", "quality": 0.01, "language": None},
    ]
    assert sorted(decide(TopFraction(fraction=0.5, per="language"), documents)) == ["02", "03", "zh2"]
    assert sorted(decide(TopFraction(fraction=0.5), documents)) == ["none", "zh1", "zh2"]


def test_the_number_kept_is_that_of_the_decimal_fraction(decide):
    step = TopFraction(fraction=0.1)
    assert len(decide(step, rows(*(n / 64 for n in range(30))))) == 27  # 0.1 * 30 is 3.0000000000000004 in binary


def test_a_missing_or_wrong_column_stops_before_the_run():
    schema = pa.schema([("quality", pa.string()), ("source", pa.string())])
    with pytest.raises(ValueError, match="column 'quality' is string"):
        TopFraction().check_input(schema)
    with pytest.raises(ValueError, match="no column 'edu' here, only quality, source"):
        TopFraction(column="edu").check_input(schema)
    with pytest.raises(ValueError, match="no column 'language'"):
        TopFraction(column="quality", per="language").check_input(schema)
    with pytest.raises(ValidationError):
        TopFraction(fraction=0)
