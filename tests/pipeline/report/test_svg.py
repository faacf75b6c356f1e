"""Pictures: what is larger lies further right or higher, and numbers stand where they are read."""

import re

import numpy as np
import pytest

from pipeline.report import svg


def places(picture: str, name: str, value: str) -> list[float]:
    """Of all elements of this kind the value of this attribute."""
    return [float(found) for found in re.findall(rf'<{name} [^>]*?\b{value}="(-?[\d.]+)"', picture)]


@pytest.mark.parametrize(
    ("value", "threshold", "dot", "cut"),
    [(0.5, 1.0, 50.0, 100.0), (1.0, 0.5, 100.0, 50.0), (-1.0, 1.0, 4.0, 107.0), (0.0, 0.0, 4.0, 0.0)],
)
def test_a_gauge_shows_both_on_one_line(value: float, threshold: float, dot: float, cut: float):
    picture = svg.gauge(value, threshold, width=115)
    assert places(picture, "circle", "cx") == [pytest.approx(dot, abs=0.6)]
    assert places(picture, "line", "x1") == [pytest.approx(cut, abs=0.6)]


def test_a_bar_is_filled_by_its_share():
    assert places(svg.bar(1, 4, width=200), "rect", "width") == [200, 50]
    assert "nothing" in svg.bar(0, 0)


def test_a_line_begins_at_the_left_and_its_ends_are_named():
    picture = svg.progress({"one": [(0, 2), (10, 1)], "two": [(5, 3)]}, "steps", "loss")
    assert re.findall(r'points="([^"]*)"', picture) == ["44.0,74.0 344.0,144.0", "194.0,4.0"]
    said = re.findall(r'<text [^>]*?x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<', picture)
    assert [(float(x), float(y), text) for x, y, text in said] == [
        (338, 18, "solid: one"), (338, 31, "dashed: two"), (40, 14, "3"), (40, 144, "1"),
        (44, 158, "0"), (344, 158, "10"), (194, 172, "loss over steps"),
    ]  # fmt: skip
    assert svg.progress({}, "steps", "loss") == '<p class="muted">No values.</p>'


def test_each_line_of_a_curve_has_its_own_look_and_its_dots_that_of_the_line():
    picture = svg.curve({"one": [(0, 0, 1)], "two": [(1, 0.5, 1)], "three": [(1, 1, 1)]}, "expected", "found")
    assert re.findall(r'polyline class="([^"]*)" points="([^"]*)"', picture) == [
        ("first", "26.0,224.0"), ("second", "246.0,114.0"), ("first", "246.0,4.0"),
    ]  # fmt: skip
    assert re.findall(r'circle class="([^"]*)"', picture) == ["first-dot", "second-dot", "first-dot"]


@pytest.mark.parametrize(
    ("cuts", "said"),
    [
        ([], [("start", "0"), ("end", "104")]),
        ([50.0], [("start", "0"), ("end", "104"), ("middle", "cut 50")]),
        ([0.0], [("end", "104"), ("start", "cut 0")]),
        ([100.0], [("start", "0"), ("end", "cut 100")]),
        ([25.0, 75.0], [("start", "0"), ("end", "104")]),
    ],
)
def test_a_cut_is_named_and_takes_the_place_of_an_end_that_lies_too_near(cuts: list[float], said: list):
    values = np.array([0.0] * 50 + [100.0] * 50)
    picture = svg.histogram(values, np.array([]), cuts, "words")
    assert re.findall(r'<text [^>]*?text-anchor="(\w+)"[^>]*>([^<]*)<', picture) == said
    assert len(places(picture, "line", "x1")) == len(cuts)


def test_intervals_lie_below_one_another():
    picture = svg.intervals({"a": (0.0, -1.0, 1.0), "b": (1.0, 0.5, 1.5)}, "differences")
    assert places(picture, "circle", "cy") == [10, 30]


def test_a_line_of_one_step_at_zero_stays_at_the_left():
    picture = svg.progress({"one": [(0, 2)]}, "steps", "loss")
    assert re.findall(r'points="([^"]*)"', picture) == ["44.0,4.0"]
    assert ">1<" in picture, "the axis ends at one step"
