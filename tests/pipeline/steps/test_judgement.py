"""The first rule that a row breaks stands, with the value measured and the threshold."""

import numpy as np
import pytest

from pipeline.steps import Judgement, Reason


def mask(*rows: int) -> np.ndarray:
    return np.array(rows, np.bool_)


def reasons(judgement: Judgement) -> list[tuple | None]:
    """(rule, value, threshold) per row, None for one that is kept."""
    measured = zip(judgement.rule, judgement.value.tolist(), judgement.threshold.tolist(), strict=True)
    return [None if rule < 0 else (judgement.rules[rule], value, threshold) for rule, value, threshold in measured]


def test_nothing_is_dropped_at_first():
    judgement = Judgement(2)
    assert judgement.kept.tolist() == [True, True]
    assert np.isnan(judgement.value).all()
    assert np.isnan(judgement.threshold).all()


def test_the_first_reason_stands():
    judgement = Judgement(3)
    judgement.drop(mask(1, 0, 0), "too_short", 3.0, 5.0)
    judgement.drop(mask(1, 1, 0), "too_many_symbols", 0.9, 0.5)
    assert reasons(judgement) == [("too_short", 3.0, 5.0), ("too_many_symbols", 0.9, 0.5), None]
    assert judgement.kept.tolist() == [False, False, True]


def test_values_and_thresholds_are_those_of_their_row():
    judgement = Judgement(3)
    judgement.drop(mask(0, 1, 1), "long", np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]))
    assert reasons(judgement) == [None, ("long", 2.0, 5.0), ("long", 3.0, 6.0)]


def test_a_rule_that_measures_nothing_leaves_nan():
    judgement = Judgement(1)
    judgement.drop(mask(1), "lorem_ipsum")
    assert judgement.rules == ["lorem_ipsum"]
    assert np.isnan([judgement.value[0], judgement.threshold[0]]).all()


def test_a_rule_is_named_once():
    judgement = Judgement(3)
    judgement.drop(mask(1, 0, 0), "short", 1.0, 2.0)
    judgement.drop_row(1, "other")
    judgement.drop(mask(0, 0, 1), "short", 0.0, 2.0)
    judgement.drop_row(1, Reason("short", 1.5, 2.0))
    assert judgement.rules == ["short", "other"]
    assert reasons(judgement) == [("short", 1.0, 2.0), ("short", 1.5, 2.0), ("short", 0.0, 2.0)]


@pytest.mark.parametrize(
    ("reason", "value", "threshold"),
    [("rule", None, None), (Reason("rule", 0, 0.0), 0.0, 0.0), (Reason("rule"), None, None)],
)
def test_a_reason_brings_its_value_and_threshold(reason: str, value: float | None, threshold: float | None):
    judgement = Judgement(1)
    judgement.drop_row(0, reason)
    assert judgement.rules == ["rule"]
    # Zero is a measured value; only nothing at all is nan.
    np.testing.assert_equal(
        [judgement.value[0], judgement.threshold[0]], [value, threshold] if value is not None else [np.nan] * 2
    )


def test_the_names_kept_are_plain_text():
    judgement = Judgement(1)
    judgement.drop_row(0, Reason("rule", 1.0))
    assert type(judgement.rules[0]) is str  # a Reason would keep the first row's value alive in every later message


def test_a_part_is_taken_over_at_its_place():
    whole, part = Judgement(4), Judgement(2)
    whole.drop_row(0, Reason("short", 1.0, 2.0))
    part.drop_row(1, Reason("long", 9.0, 8.0))
    whole.join(part, 2)
    assert reasons(whole) == [("short", 1.0, 2.0), None, None, ("long", 9.0, 8.0)]
    assert whole.rules == ["short", "long"]


def test_a_reason_without_measures_is_still_its_rules_name():
    reason = Reason("rule", threshold=3.0)
    assert (reason, reason.value, reason.threshold) == ("rule", None, 3.0)
