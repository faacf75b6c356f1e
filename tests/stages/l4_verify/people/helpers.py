"""A small lot for tests: records, their registration, and a clock that a test moves."""

from typing import Any

from stages.l4_verify.people.lots import register
from stages.l4_verify.people.plans import Look, PlanSettings


def record(number: int, **more: Any) -> dict[str, Any]:
    """A record of the sample, wanted once."""
    return {
        "id": f"r{number}", "text": f"Text {number} says 12.", "source": f"Text {number} says 12 and more.",
        "stratum": "", "meta": {"url": f"https://a.example/{number}", "model": "m"}, "verdicts": [], "role": "sample",
        "rank": number, "position": number, "wanted": 1, **more,
    }  # fmt: skip


def registration(rows: int, looks: tuple[Look, ...] | None = None, kind: str = "single", **more: Any) -> dict[str, Any]:
    strata = more.pop("strata", {"": 100})
    return register(
        "lot", strata, PlanSettings(kind=kind), looks or (Look(rows, 0, 1),), 0,
        **({"strata_columns": [], "gold_share": 0.0, "double_share": 0.0, "per_stratum": 0} | more),
    )  # fmt: skip


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now
