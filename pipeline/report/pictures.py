"""Small pictures for reports, each an `<img>` that holds its own SVG: nothing is fetched, nothing runs."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

KEPT, DROPPED = "#2f6f9f", "#c9a227"
BINS = 50
DOT = 400
"""Area in points of a dot that stands for all rows."""
MANY = 5
"""Thresholds drawn at most; with one for each of many sources the lines would hide the bars."""


def histogram(kept: Sequence[float], dropped: Sequence[float], thresholds: Sequence[float], name: str) -> str:
    """Scores of kept and dropped rows, stacked, and where the cut was made."""
    figure, axes = _figure()
    shown = [scores[np.isfinite(scores)] for scores in (np.asarray(kept, np.float64), np.asarray(dropped, np.float64))]
    both = np.concatenate(shown)
    edges = np.histogram_bin_edges(both, BINS, (min(0.0, both.min()), max(1.0, both.max()))) if len(both) else BINS
    axes.set_yscale("symlog")
    axes.hist(shown, bins=edges, stacked=True, color=[KEPT, DROPPED], label=["kept", "dropped"])
    for place in sorted(set(thresholds))[:MANY]:
        axes.axvline(place, color="black", linewidth=1, linestyle="--")
    axes.set_xlabel(name)
    axes.set_ylabel("rows")
    axes.legend()
    return _image(figure, f"histogram of {name}")


def reliability(before: Sequence[Mapping[str, float]], after: Sequence[Mapping[str, float]]) -> str:
    """Share of positives over mean score, before and after calibration; the diagonal is a probability.

    A dot's area is its share of the rows: what rests on a few rows looks small.
    """
    figure, axes = _figure()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle=":")
    for bins, colour, label in ((before, DROPPED, "before"), (after, KEPT, "after")):
        scores, shares, rows = ([one[name] for one in bins] for name in ("mean_score", "positive", "rows"))
        axes.plot(scores, shares, color=colour, linewidth=1, label=f"{label} calibration")
        axes.scatter(scores, shares, [DOT * count / sum(rows) for count in rows], color=colour)
    axes.set_xlabel("mean score")
    axes.set_ylabel("share of positives")
    axes.legend()
    return _image(figure, "reliability diagram")


def precision_recall(points: Sequence[Mapping[str, float]]) -> str:
    """Precision over recall."""
    figure, axes = _figure()
    axes.plot([one["recall"] for one in points], [one["precision"] for one in points], color=KEPT, marker=".")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    return _image(figure, "precision and recall")


def _figure() -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # pyplot would choose a window system

    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    return figure, figure.subplots()


def _image(figure: Any, alt: str) -> str:
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": alt, "svg.fonttype": "none"}):  # the same data, the same bytes
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{data}">'
