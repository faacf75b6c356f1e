"""What L4 found wrong with what each prompt made of each model write: what a prompt is mended or paused by.

Per `prompt by model`: its rows, those refused by `checker.reason` with their share, and, where a checker of the level
sets a limit, whether the prompt is over it. A row refused for the surroundings' sake (a checker that timed out) says
nothing of its prompt and is counted apart from its defects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from pipeline.books.accounting import WRITTEN_BY, Groups
from pipeline.books.interval import rounded, wilson
from pipeline.steps import Checker

ABSTAINED = "abstained_"


@runtime_checkable
class LimitsDefects(Protocol):
    """A checker that says from which share of refused rows on a prompt is named for pausing."""

    def defect_limit(self) -> float | None: ...


def defects(groups: Groups, checkers: Sequence[Checker]) -> dict[str, dict[str, Any]]:
    """`prompt by model` → rows, refused, share and its interval, and over_limit where there is a limit."""
    limit = next((one.defect_limit() for one in checkers if isinstance(one, LimitsDefects)), None)
    no_defect = {f"{one.kind}.{ABSTAINED}{rule}" for one in checkers for rule in one.infrastructure}
    found = {}
    for written_by, steps in groups.get(WRITTEN_BY, {}).items():
        reasons = {
            f"{step.split(' ', 1)[1]}.{rule}": rows
            for step, passage in sorted(steps.items()) for rule, rows in sorted(passage.dropped.items())
        }  # fmt: skip
        rows_in = max((passage.rows_in for passage in steps.values()), default=0)
        wrong = sum(rows for reason, rows in reasons.items() if reason not in no_defect)
        shares = {reason: {"rows": rows, "share": round(rows / rows_in, 4)} for reason, rows in reasons.items()}
        found[written_by] = {
            "rows": rows_in, "refused": shares, "defective": wrong, "interval": rounded(wrong, rows_in),
        } | ({} if limit is None else {"limit": limit, "over_limit": wilson(wrong, rows_in)[0] > limit})  # fmt: skip
    return found


def over_limit(certificate: dict[str, Any]) -> list[str]:
    """`prompt by model` of those that a certificate names for pausing."""
    return [name for name, one in certificate.get("defects", {}).items() if one.get("over_limit")]
