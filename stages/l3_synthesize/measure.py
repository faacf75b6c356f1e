"""How many planted defects the output checks catch, and how many good replies they refuse, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from pipeline.books.interval import wilson
from pipeline.steps import Reason, Reply
from stages.l3_synthesize.output_checks import reason_to_refuse
from stages.l3_synthesize.plants import PLANTS, PROSE_ONLY, Case, Plant

SHOWN = 5
"""Missed defects kept as examples."""


def judge(case: Case) -> Reason | None:
    text = case.prompt.read(case.answer, case.source)
    reply = Reply("", case.answer, case.finish_reason)
    return reason_to_refuse(case.prompt, case.source, reply, text, case.siblings)


def measure(good: Sequence[Case], seed: int, plants: Mapping[str, Plant] = PLANTS) -> dict[str, dict[str, Any]]:
    """Check → how many planted defects it caught under its own name, and how many good replies it refused.

    A defect that another check refused first is `otherwise`: no row comes through, but it says nothing of this check.
    Only replies that are accepted as they are get a defect, or the check could not be what refuses them.
    """
    verdicts = [judge(case) for case in good]
    alarms = Counter(str(reason) for reason in verdicts if reason is not None)
    whole = [case for case, reason in zip(good, verdicts, strict=True) if reason is None]
    return {
        name: _recall(name, plant, whole, seed) | _alarms(alarms[name], len(good)) for name, plant in plants.items()
    }


def _recall(name: str, plant: Plant, whole: Iterable[Case], seed: int) -> dict[str, Any]:
    caught = otherwise = planted = 0
    missed: list[str] = []
    for place, case in enumerate(whole):
        if name in PROSE_ONLY and case.prompt.form.stored()["kind"] != "prose":
            continue
        bad = plant(case, Random(f"{seed} {name} {place}"))
        if bad is None:
            continue
        planted += 1
        found = judge(bad)
        caught += found == name
        otherwise += found not in (None, name)
        if found is None and len(missed) < SHOWN:
            missed.append(bad.answer[:80] + " … " + bad.answer[-60:])
    return {
        "planted": planted, "caught": caught, "otherwise": otherwise, "recall": share(caught, planted),
        "recall_interval": wilson(caught, planted), "missed": missed,
    }  # fmt: skip


def _alarms(refused: int, good: int) -> dict[str, Any]:
    return {"good": good, "refused": refused, "alarms": share(refused, good), "alarm_interval": wilson(refused, good)}


def share(count: int, of: int) -> float | None:
    return count / of if of else None
