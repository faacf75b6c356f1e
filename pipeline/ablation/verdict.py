"""From finished runs to answers: which arm is better than which, how sure that is, and what the reader must know.

Runs are records as `runs.py` stores them. Runs of two arms with the same seed are a pair. With A/A, an arm has twice as
many seeds; all of them serve the comparisons, and one half against the other is the noise floor of that arm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from pipeline.ablation.controls import BETTER, EXPECTED
from pipeline.ablation.heldout import Domain
from pipeline.ablation.statistics import LEVEL, Estimate, holm, paired
from pipeline.ablation.tasks import Task
from pipeline.ablation.train import FREE_EPOCHS

Run = Mapping[str, Any]
Ruler = Domain | Task
Scale = Literal["bits", "ngram_bits"]
UNDECIDED = "not distinguishable"


@dataclass(frozen=True)
class Comparison:
    """Second arm minus first, in bits per byte: below zero the second is better."""

    first: str
    second: str
    difference: Estimate
    by_domain: Mapping[str, Estimate]
    second_opinion: Estimate
    """The same by n-grams."""
    at_second_rate: Estimate | None
    """The same by models of a smaller learning rate, where they were asked for."""
    adjusted_p: float
    """After Holm, over all comparisons that are claims."""
    verdict: str
    """`<arm> better`, or UNDECIDED."""

    @property
    def flips(self) -> bool:
        """Whether another learning rate sees the other arm ahead."""
        return self.at_second_rate is not None and self.at_second_rate.mean * self.difference.mean < 0


def compare(
    runs: Mapping[str, Sequence[Run]],
    rulers: Sequence[Ruler],
    pairs: Sequence[tuple[str, str]],
    claims: int,
    slowly: Mapping[str, Sequence[Run]] = MappingProxyType({}),
) -> list[Comparison]:
    """A comparison of each pair; the first `claims` of them share the error level, the others are controls.

    slowly: runs of some of the arms at another learning rate; a claim that they turn round is undecided.
    """
    both = [_pairs(runs[first], runs[second]) for first, second in pairs]
    estimates = [_estimate(one, rulers, "bits") for one in both]
    p_values = [found.p for found in estimates]
    adjusted = holm(p_values[:claims]) + p_values[claims:]  # a control is a check, no claim
    made = []
    for (first, second), pair, found, p in zip(pairs, both, estimates, adjusted, strict=True):
        again = _pairs(slowly.get(first, ()), slowly.get(second, ()))
        one = Comparison(
            first,
            second,
            found,
            {ruler.name: _estimate(pair, [ruler], "bits") for ruler in rulers},
            _estimate(pair, rulers, "ngram_bits"),
            _estimate(again, rulers, "bits") if again else None,
            p,
            _verdict(first, second, found.mean, p),
        )
        made.append(replace(one, verdict=UNDECIDED) if one.flips else one)
    return made


def noise_floor(runs: Sequence[Run], rulers: Sequence[Ruler]) -> Estimate:
    """An arm against itself under other seeds."""
    half = len(runs) // 2
    return _estimate(list(zip(runs[:half], runs[half:], strict=True)), rulers, "bits")


def warnings(
    runs: Mapping[str, Sequence[Run]], main: Comparison, checks: Sequence[Comparison], floors: Mapping[str, Estimate]
) -> list[str]:
    """`checks`: the controls against the baseline."""
    found = [
        f"the budget is blind: the control `{check.second}` must be {EXPECTED[check.second]} than the baseline and is "
        f"{check.difference.mean:+.4f} [{check.difference.low:+.4f}, {check.difference.high:+.4f}]; "
        "use a larger budget, more seeds or more held-out text"
        for check in checks
        if not control_holds(check)
    ]
    found += [
        f"the noise floor of the {arm} does not cover zero: [{floor.low:+.4f}, {floor.high:+.4f}]; "
        "one of twenty does so by chance, else the seeds are too few"
        for arm, floor in floors.items()
        if floor.low > 0 or floor.high < 0
    ]
    for arm, of in runs.items():
        if of[0]["epochs"] > FREE_EPOCHS and arm not in EXPECTED:
            found.append(
                f"the {arm} was repeated {of[0]['epochs']:.1f} times; above {FREE_EPOCHS:.0f} repetition itself costs, "
                "so give it more text or compare at a smaller budget"
            )
    if len({estimate.mean < 0 for estimate in main.by_domain.values()}) > 1:
        found.append("the domains disagree about the winner: the verdict holds for their mean only")
    if main.flips:
        found.append("at another learning rate the other arm is ahead: a verdict that flips is none")
    if main.verdict != UNDECIDED and main.difference.mean * main.second_opinion.mean < 0:
        found.append("n-grams see the opposite; the verdict is that of the proxy models")
    if len(main.difference.per_seed) == 2:
        found.append("two seeds: the t interval is 9 standard deviations wide to each side; 3 seeds make it 2.5")
    return found


def control_holds(check: Comparison) -> bool:
    """Whether the control differs from the baseline as it must, with an interval that excludes zero."""
    difference = check.difference
    return difference.high < 0 if EXPECTED[check.second] == BETTER else difference.low > 0


def _verdict(first: str, second: str, mean: float, p: float) -> str:
    if p >= LEVEL:
        return UNDECIDED
    return f"{second if mean < 0 else first} better"


def _pairs(first: Sequence[Run], second: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Of the seeds that both arms have."""
    return list(zip(first, second, strict=False))


def _estimate(pairs: Sequence[tuple[Run, Run]], rulers: Sequence[Ruler], scale: Scale) -> Estimate:
    differences = [
        np.array([np.subtract(second[scale][ruler.name], first[scale][ruler.name]) for first, second in pairs])
        for ruler in rulers
    ]
    return paired(differences, [ruler.sizes for ruler in rulers], [ruler.sites for ruler in rulers])
