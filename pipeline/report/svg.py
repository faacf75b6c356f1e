"""Pictures as inline SVG: no library, nothing fetched, colours from the page's light or dark theme.

Meaning never hangs on colour alone: what is kept is a full bar, what is dropped a hatched one, a threshold a dashed
line with its number. Each picture has a title, which screen readers speak and pointers show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape

WIDTH, HEIGHT = 300, 120
BINS = 24
ROOM = 80
"""Between two labels under a picture."""
MANY = 5
"""Thresholds drawn at most; with one for each of many sources the lines would hide the bars."""
HATCH = Markup(
    '<svg width="0" height="0" class="defs" aria-hidden="true"><defs><pattern id="hatch" width="5" height="5" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="5" height="5" class="hatch-back"/>'
    '<rect width="2" height="5" class="hatch-line"/></pattern></defs></svg>'
)
"""Once in a page that has pictures."""


def histogram(
    kept: Sequence[float] | np.ndarray[Any, Any],
    dropped: Sequence[float] | np.ndarray[Any, Any],
    thresholds: Sequence[float],
    name: str,
    width: int = WIDTH,
) -> Markup:
    """Values of kept and dropped rows, stacked, linear in both directions, and where the cut is.

    The outermost hundredth on either side is gathered in the first and last bar, unless the cut lies there.
    """
    shown = [values[np.isfinite(values)] for values in (np.asarray(kept, float), np.asarray(dropped, float))]
    both, cuts = np.concatenate(shown), sorted({float(cut) for cut in thresholds if math.isfinite(cut)})[:MANY]
    if not len(both):
        return Markup('<p class="muted">No values.</p>')
    ends = [*np.quantile(both, [0.01, 0.99]), *cuts]
    low, high = float(min(ends)), float(max(ends))
    if low == high:
        low, high = low - 0.5, high + 0.5
    margin = (high - low) * 0.04
    low, high = max(low - margin, min(0.0, low)), high + margin
    edges = np.linspace(low, high, BINS + 1)
    bars = [np.histogram(np.clip(values, low, high), edges)[0] for values in shown]
    most, step = max(1, int((bars[0] + bars[1]).max())), width / BINS
    parts = [_open(width, HEIGHT + 16, f"{name}: {len(shown[0]):,} kept, {len(shown[1]):,} dropped")]
    for place in range(BINS):
        top = float(HEIGHT)
        for rows, style in ((bars[0][place], "kept"), (bars[1][place], "gone")):
            tall = HEIGHT * float(rows) / most
            if tall:
                tall = max(tall, 1.0)
                top -= tall
                parts.append(_rect(place * step + 0.5, top, step - 1, tall, style))
    for cut in cuts:
        x = width * (cut - low) / (high - low)
        parts.append(f'<line class="cut" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}"/>')
    at = width * (cuts[0] - low) / (high - low) if len(cuts) == 1 else width / 2
    if at > ROOM:  # the cut's own label takes the place of an end that lies too near
        parts.append(_label(0, HEIGHT + 13, f"{low:.3g}", "start"))
    if at < width - ROOM:
        parts.append(_label(width, HEIGHT + 13, f"{high:.3g}", "end"))
    if len(cuts) == 1:
        anchor = "start" if at <= ROOM else "end" if at >= width - ROOM else "middle"
        parts.append(_label(min(max(at, 0), width), HEIGHT + 13, f"cut {cuts[0]:.4g}", anchor))
    return _close(parts)


def gauge(value: float, threshold: float, width: int = 160) -> Markup:
    """Where a value lies beside its threshold, on a line from 0 to the larger of both."""
    high = max(abs(value), abs(threshold)) * 1.15 or 1.0
    low = min(0.0, value, threshold)
    at, cut = (width * (one - low) / (high - low) for one in (value, threshold))
    parts = [_open(width, 14, f"{value:.4g} against {threshold:.4g}"), _rect(0, 6, width, 3, "rail")]
    parts.append(f'<line class="cut" x1="{cut:.1f}" x2="{cut:.1f}" y1="0" y2="14"/>')
    parts.append(f'<circle class="dot" cx="{min(max(at, 4), width - 4):.1f}" cy="7.5" r="4"/>')
    return _close(parts)


def bar(part: float, whole: float, width: int = 140) -> Markup:
    """A share as a bar in its frame."""
    filled = width * part / whole if whole else 0
    label = f"{100 * part / whole:.1f} %" if whole else "nothing"
    return _close([_open(width, 10, label), _rect(0, 0, width, 10, "rail"), _rect(0, 0, filled, 10, "kept")])


def curve(lines: Mapping[str, Sequence[tuple[float, float, float]]], x: str, y: str, diagonal: bool = False) -> Markup:
    """Lines of (x, y, weight) between 0 and 1; a dot's area is its weight, what rests on few rows looks small."""
    side = 220
    parts = [
        _open(side + 30, side + 30, f"{y} over {x}"),
        f'<rect class="frame" x="26" y="4" width="{side}" height="{side}"/>',
    ]
    if diagonal:
        parts.append(f'<line class="rail-line" x1="26" y1="{side + 4}" x2="{side + 26}" y2="4"/>')
    for number, (name, points) in enumerate(lines.items()):
        style = ("first", "second")[number % 2]
        known = [(26 + side * px, 4 + side * (1 - py), weight) for px, py, weight in points]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py, _ in known)
        parts.append(f'<polyline class="{style}" points="{path}"><title>{escape(name)}</title></polyline>')
        for px, py, weight in known:
            radius = max(1.5, 9 * math.sqrt(max(weight, 0)))
            parts.append(f'<circle class="{style}-dot" cx="{px:.1f}" cy="{py:.1f}" r="{radius:.1f}"/>')
        if len(lines) > 1:
            parts.append(_label(32, 18 + 14 * number, f"{'solid' if number == 0 else 'dashed'}: {name}", "start"))
    parts += [_label(26, side + 18, "0", "start"), _label(side + 26, side + 18, "1", "end")]
    parts += [_label(26 + side / 2, side + 18, x, "middle")]
    parts.append(
        f'<text class="axis" transform="translate(14 {side / 2}) rotate(-90)" text-anchor="middle">{escape(y)}</text>'
    )
    return _close(parts)


def intervals(rows: Mapping[str, tuple[float, float, float]], name: str) -> Markup:
    """(mean, low, high) of each row as a dot on its interval, beside zero; an interval that excludes zero is full."""
    left, plot, step = 130, 240, 20
    ends = [0.0, *(end for _, low, high in rows.values() for end in (low, high))]
    low, high = min(ends), max(ends)
    low, high = low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1)

    def x(value: float) -> float:
        return left + plot * (value - low) / (high - low)

    tall = step * len(rows)
    parts = [_open(left + plot + 10, tall + 18, name)]
    parts.append(f'<line class="cut" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{tall}"/>')
    for number, (label, (mean, start, end)) in enumerate(rows.items()):
        y, style = step * number + step / 2, "second" if start <= 0 <= end else "first"
        parts.append(_label(left - 8, y + 4, label[:20], "end"))
        parts.append(f'<polyline class="{style}" points="{x(start):.1f},{y:.1f} {x(end):.1f},{y:.1f}"/>')
        parts.append(
            f'<circle class="dot" cx="{x(mean):.1f}" cy="{y:.1f}" r="3.5"><title>{escape(label)}: {mean:+.4f} '
            f"[{start:+.4f}, {end:+.4f}]</title></circle>"
        )
    parts += [_label(left, tall + 13, f"{low:+.2g}", "start"), _label(left + plot, tall + 13, f"{high:+.2g}", "end")]
    return _close(
        [*parts, _label(x(0), tall + 13, "0", "middle")] if left + ROOM / 3 < x(0) < left + plot - ROOM / 3 else parts
    )


def progress(lines: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str) -> Markup:
    """Lines of (x, y) from zero on the left, at any height; the first is solid, the others dashed, each named."""
    left, width, tall = 44, 300, 140
    points = [point for line in lines.values() for point in line]
    if not points:
        return Markup('<p class="muted">No values.</p>')
    most, low, high = max(px for px, _ in points) or 1, min(py for _, py in points), max(py for _, py in points)
    span = high - low or 1.0
    parts = [_open(left + width + 6, tall + 36, f"{y} over {x}")]
    parts.append(f'<rect class="frame" x="{left}" y="4" width="{width}" height="{tall}"/>')
    for number, (name, line) in enumerate(lines.items()):
        path = " ".join(f"{left + width * px / most:.1f},{4 + tall * (high - py) / span:.1f}" for px, py in line)
        style = "first" if number == 0 else "second"
        parts.append(f'<polyline class="{style}" points="{path}"><title>{escape(name)}</title></polyline>')
        parts.append(
            _label(left + width - 6, 18 + 13 * number, f"{'solid' if number == 0 else 'dashed'}: {name}", "end")
        )
    parts += [_label(left - 4, 14, f"{high:.3g}", "end"), _label(left - 4, tall + 4, f"{low:.3g}", "end")]
    parts += [_label(left, tall + 18, "0", "start"), _label(left + width, tall + 18, f"{most:,.0f}", "end")]
    return _close([*parts, _label(left + width / 2, tall + 32, f"{y} over {x}", "middle")])


def _open(width: float, height: float, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>'
    )


def _rect(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="axis" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _close(parts: Sequence[str]) -> Markup:
    return Markup("".join(parts) + "</svg>")
