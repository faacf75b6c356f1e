"""Pictures: the same bytes for the same data, and no data that they fall over."""

import base64
import re

import pytest

from pipeline.report.pictures import MANY, histogram, precision_recall, reliability

pytest.importorskip("matplotlib")


def svg(image: str) -> str:
    (alt, data) = re.findall(r'^<img alt="([^"]*)" src="data:image/svg\+xml;base64,([^"]*)">$', image)[0]
    return alt + base64.b64decode(data).decode()


def test_the_same_data_are_the_same_bytes():
    assert histogram([0.1, 0.9], [0.2], [0.5], "q") == histogram([0.1, 0.9], [0.2], [0.5], "q")
    assert "<dc:date>" not in svg(histogram([0.1], [], [], "q"))


def test_a_name_reaches_the_page_escaped():
    assert '<img alt="histogram of a&lt;&quot;b"' in histogram([0.5], [], [], 'a<"b')


@pytest.mark.parametrize("kept", [[], [float("nan")], [float("inf"), 0.5], [-3.0, 7.0]])
def test_any_scores_make_a_picture(kept: list[float]):
    assert "</svg>" in svg(histogram(kept, [], [], "q"))


def test_few_thresholds_are_drawn_and_each_once():
    def dashed(*thresholds: float) -> int:
        return svg(histogram([0.1, 0.9], [], thresholds, "q")).count("stroke-dasharray: 3.7,1.6")

    assert [dashed(), dashed(0.5), dashed(0.5, 0.5), dashed(0.4, 0.5)] == [0, 1, 1, 2]
    assert dashed(*(number / 20 for number in range(20))) == MANY


def test_what_the_axes_and_lines_are_is_written_there():
    bins = [{"mean_score": 0.2, "positive": 0.1, "rows": 3}, {"mean_score": 0.8, "positive": 0.9, "rows": 1}]
    words = ("before calibration", "after calibration", "mean score", "share of positives")
    assert all(word in svg(reliability(bins, bins)) for word in words)
    page = svg(precision_recall([{"recall": 0.1, "precision": 1.0}, {"recall": 1.0, "precision": 0.5}]))
    assert page.startswith("precision and recall")
    words = ("quality", "rows", "kept", "dropped")
    assert all(f">{word}</text>" in svg(histogram([0.1], [0.2], [0.5], "quality")) for word in words)
