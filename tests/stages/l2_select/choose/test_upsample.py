"""Repeats follow the percentile; nothing is copied."""

import collections

import pytest
from pydantic import ValidationError

from stages.l2_select.choose.upsample import Upsample


def rows(count: int) -> list[dict]:
    return [{"id": f"{n:03}", "quality": n / 128} for n in range(count)]


def test_the_dolma3_curve_drops_forty_percent_and_repeats_the_best_seven_times(decide):
    found = decide(Upsample(), rows(100), shards=3)
    assert collections.Counter(row["repeats"] for row in found.values()) == {
        0: 40,
        1: 20,
        2: 15,
        3: 10,
        4: 5,
        5: 5,
        7: 5,
    }
    assert [found[f"{n:03}"]["repeats"] for n in (39, 40, 94, 95)] == [0, 1, 5, 7]
    dropped = found["010"]
    assert (dropped["rule"], dropped["value"], dropped["threshold"]) == ("zero_repeats", 10 / 128, 40 / 128)
    assert found["095"]["rule"] is None


def test_bins_can_be_given_for_each_source(decide):
    step = Upsample(bins=((0, 1), (50, 0), (75, 3)), per="source")
    documents = [row | {"source": name, "id": name + row["id"]} for name in ("a", "b") for row in rows(4)]
    found = decide(step, documents)
    assert [found[name]["repeats"] for name in ("a000", "a001", "a002", "a003")] == [1, 1, 0, 3]
    assert found["b002"]["threshold"] == 3 / 128


def test_a_row_without_a_score_is_dropped(decide):
    found = decide(Upsample(), [{"id": "a", "quality": None}, {"id": "b", "quality": 0.5}])
    assert (found["a"]["rule"], found["a"]["repeats"]) == ("no_score", 0)
    assert (found["b"]["rule"], found["b"]["repeats"]) == (None, 1)  # the only row is at percentile 50


def test_bins_must_rise_from_zero():
    for bins in (((10, 1),), ((0, 1), (0, 2)), ((0, 1), (100, 2)), ((0, -1),)):
        with pytest.raises(ValidationError):
            Upsample(bins=bins)
