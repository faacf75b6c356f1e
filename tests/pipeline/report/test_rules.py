"""What the page says of one rule over a sample: how many rows it drops, and would at another threshold."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.report.rules import moved, view_of
from pipeline.rows.batch import Batch
from pipeline.run.measure import Measured, Rule

VALUES = [40.0, 46.0, 49.0, 52.0, 54.0, 58.0, 70.0, float("nan")]


def rule(breaks: Any, limit: float = 50.0) -> Rule:
    value = np.array(VALUES)
    return Rule("02 words", "short", np.array(breaks), value, np.where(np.isfinite(value), limit, np.nan))


def measured(*rules: Rule) -> tuple[Measured, list[str]]:
    texts = [f"text {number}" for number in range(len(VALUES))]
    rows = pa.RecordBatch.from_pydict({"text": texts, "url": [f"https://a.example/{n}" for n in range(len(VALUES))]})
    return Measured(Batch(rows), list(rules), {}), texts


@pytest.mark.parametrize(
    ("below", "looser", "tighter"),
    [
        (True, 1, 5),  # under 45: 40; under 55: five of them
        (False, 2, 6),  # over 55: 58 and 70; over 45: all but 40
    ],
)
def test_a_threshold_is_moved_by_a_tenth_to_both_sides(below: bool, looser: int, tighter: int):
    breaks = [np.isfinite(value) and (value < 50) == below for value in VALUES]
    view = view_of(*measured(rule(breaks)))
    (shown,) = view.rules
    assert (shown.name, shown.limit) == ("02 words.short", 50.0)
    assert (shown.looser, shown.alone, shown.tighter) == (looser, sum(breaks), tighter)
    assert (view.rows, view.kept) == (8, 8 - sum(breaks))


def test_of_a_rule_that_measures_nothing_no_other_threshold_is_tried():
    nothing = Rule("01 list", "listed", np.array([True] + [False] * 7), np.full(8, np.nan), np.full(8, np.nan))
    assert moved(nothing, 1.0) is None
    (shown,) = view_of(*measured(nothing)).rules
    assert (shown.limit, shown.looser, shown.tighter, shown.quantiles, shown.alone) == (None, None, None, None, 1)


def test_a_sample_without_rows_is_shown_too():
    rows = pa.RecordBatch.from_pydict({"text": pa.array([], pa.string())})
    view = view_of(Measured(Batch(rows), [], {}), [])
    assert (view.rows, view.kept, view.rules, view.repeats) == (0, 0, [], 0)


def test_domains_and_languages_are_counted_with_what_stays_the_most_frequent_first():
    urls = ["https://b.example/1", "https://a.example/1", "https://b.example/2", None]
    rows = pa.RecordBatch.from_pydict({"text": ["x"] * 4, "url": urls, "language": ["en", "de", "en", None]})
    one = Rule("01 list", "listed", np.array([True, False, False, False]), np.full(4, np.nan), np.full(4, np.nan))
    view = view_of(Measured(Batch(rows), [one], {}), ["x"] * 4)
    assert view.domains == [("b.example", 2, 1), ("(none)", 1, 1), ("a.example", 1, 1)]
    assert view.languages == [("en", 2, 1), ("(none)", 1, 1), ("de", 1, 1)]
