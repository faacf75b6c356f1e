"""Pictures: the same bytes for the same data, and no data that they fall over."""

import base64
import re

import pytest

from pipeline.report import pictures
from pipeline.report.pictures import DOT, MANY, histogram, precision_recall, reliability

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


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are returned as the axes they were drawn on."""
    monkeypatch.setattr(pictures, "_image", lambda figure, alt: figure.axes[0])


@pytest.mark.usefixtures("drawn")
def test_bars_stand_on_each_other_over_fifty_equal_ranges():
    axes = histogram([0.1, 0.1, 0.9], [0.1, float("nan")], [0.5], "q")
    kept, dropped = (container.patches for container in axes.containers)
    assert len(kept) == len(dropped) == 50
    assert [(round(bar.get_x(), 2), bar.get_height()) for bar in kept if bar.get_height()] == [(0.1, 2), (0.9, 1)]
    assert [(round(bar.get_x(), 2), bar.get_y()) for bar in dropped if bar.get_height()] == [(0.1, 2)]
    assert (kept[0].get_x(), kept[-1].get_x() + kept[-1].get_width()) == pytest.approx((0.0, 1.0))
    assert axes.get_yscale() == "symlog"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["kept", "dropped"]
    assert kept[0].get_facecolor() != dropped[0].get_facecolor()
    (cut,) = axes.get_lines()
    assert (list(cut.get_xdata()), cut.get_color(), cut.get_linestyle()) == ([0.5, 0.5], "black", "--")


@pytest.mark.usefixtures("drawn")
def test_scores_beyond_a_probability_widen_the_range():
    bars = histogram([-3.0, 7.0], [], [], "q").containers[0].patches
    assert (bars[0].get_x(), bars[-1].get_x() + bars[-1].get_width()) == (-3.0, 7.0)


@pytest.mark.usefixtures("drawn")
def test_a_dot_is_as_large_as_its_share_of_the_rows():
    bins = [{"mean_score": 0.2, "positive": 0.1, "rows": 3}, {"mean_score": 0.8, "positive": 0.9, "rows": 1}]
    axes = reliability(bins, bins[:1])
    before, after = axes.collections
    assert before.get_sizes().tolist() == [DOT * 0.75, DOT * 0.25]
    assert before.get_offsets().tolist() == [[0.2, 0.1], [0.8, 0.9]]
    assert after.get_sizes().tolist() == [DOT]
    diagonal, *lines = axes.get_lines()
    assert (list(diagonal.get_xdata()), list(diagonal.get_ydata())) == ([0, 1], [0, 1])
    assert [line.get_label() for line in lines] == ["before calibration", "after calibration"]
    assert lines[0].get_color() != lines[1].get_color()
    assert axes.get_legend()


@pytest.mark.usefixtures("drawn")
def test_precision_is_drawn_over_recall_on_the_whole_square():
    axes = precision_recall([{"recall": 0.1, "precision": 1.0}, {"recall": 1.0, "precision": 0.5}])
    (line,) = axes.get_lines()
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0.1, 1.0], [1.0, 0.5])
    assert axes.get_xlim() == axes.get_ylim() == (0, 1.02)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("recall", "precision")
