"""The part of a report about the version's ablation: the verdict, differences by domain, controls, how runs learned.

Made from `ablation.json` as `pipeline.ablation.compare` writes it; a report trains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from pipeline.report import svg
from pipeline.report.section import Section, render

CURVES = 6
"""Arms whose learning is drawn, at most: baseline and candidates first, and more lines than these hide each other."""


def ablation_section(found: Mapping[str, Any]) -> Section:
    """The section of a finished ablation."""
    claims = [
        one | {"picture": _by_domain(one, found), "title": f"{one['second']} against {one['first']}"}
        for one in found["comparisons"]
    ]
    return Section(
        "Ablation: does a model learn more from it?",
        Markup(
            render(
                "ablation_section.html.j2",
                setting=found["setting"],
                found=found,
                claims=claims,
                density=_density(found),
                learning=svg.progress(_curves(found), "tokens read", "loss in nats a token"),
            )
        ),
    )


def _by_domain(claim: Mapping[str, Any], found: Mapping[str, Any]) -> Markup:
    rows = {"mean": claim["difference"], **claim["by_domain"]}
    spans = {name: (one["mean"], one["low"], one["high"]) for name, one in rows.items()}
    return svg.intervals(spans, f"{claim['second']} less {claim['first']}, bits per byte; left of zero is better")


def _density(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(candidate, judged by, tokens of the baseline that one of its tokens is worth)"""
    return [
        (name, ruler, one.get("none") or f"{one['rho']:.2f} [{one['low']:.2f}, {one['high']:.2f}]"
         + (", extrapolated" if one["extrapolated"] else ""))
        for name, of in found.get("density", {}).items()
        for ruler, one in of.items()
    ]  # fmt: skip


def _curves(found: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Of each arm the mean loss of its runs; runs of one arm report at the same places."""
    runs: dict[str, list[list[tuple[float, float]]]] = {}
    for run in found["runs"]:
        runs.setdefault(run["arm"], []).append(run["curve"])
    drawn = {}
    for name, curves in list(runs.items())[:CURVES]:
        shortest = min(map(len, curves))
        points = np.array([curve[:shortest] for curve in curves], float).reshape(len(curves), shortest, 2)
        drawn[name] = [(float(x), float(y)) for x, y in points.mean(0)]
    return drawn
