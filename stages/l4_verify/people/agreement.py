"""How far reviewers agree on the items that several of them judged.

Where nearly all rows pass, kappa and alpha fall towards 0 although people agree on nearly everything; raw agreement,
PABAK and Gwet's AC1 do not, so all are reported. Missing verdicts are allowed everywhere but in Cohen's kappa, which
is about the items that both of two people judged.

Formulas: Cohen 1960; Byrt, Bishop and Carlin 1993 (PABAK); Krippendorff 2011 (alpha from the coincidence matrix);
Gwet 2008 and 2014 (AC1, AC2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

Ratings = Sequence[Mapping[str, str]]
"""Per item: reviewer → verdict."""
Weight = Callable[[str, str], float]
"""How far two verdicts agree, from 0 to 1."""


def same(one: str, other: str) -> float:
    """Verdicts are names: they agree or they do not."""
    return float(one == other)


def linear(order: Sequence[str]) -> Weight:
    """Verdicts are steps: neighbours agree in part. For Gwet's AC2."""
    place = {name: number for number, name in enumerate(order)}
    return lambda one, other: 1 - abs(place[one] - place[other]) / max(1, len(order) - 1)


def raw_agreement(items: Ratings, weight: Weight = same) -> float | None:
    """Mean over the items of how far a pair of their reviewers agrees."""
    shares = [_within(item, weight) for item in items if len(item) > 1]
    return sum(shares) / len(shares) if shares else None


def _within(item: Mapping[str, str], weight: Weight) -> float:
    pairs = [weight(one, other) for one, other in combinations(item.values(), 2)]
    return sum(pairs) / len(pairs)


def cohen_kappa(items: Ratings) -> float | None:
    """Of two reviewers, over the items that both judged; None where chance alone explains everything."""
    reviewers = sorted({name for item in items for name in item})
    if len(reviewers) != 2:
        return None
    pairs = [tuple(item[name] for name in reviewers) for item in items if len(item) == 2]
    if not pairs:
        return None
    first, second = (Counter(pair[side] for pair in pairs) for side in (0, 1))
    chance = sum(first[name] * second[name] for name in first) / len(pairs) ** 2
    return _above(sum(one == other for one, other in pairs) / len(pairs), chance)


def pabak(items: Ratings, verdicts: int) -> float | None:
    """Kappa as if all verdicts were equally frequent."""
    raw = raw_agreement(items)
    return None if raw is None else _above(raw, 1 / verdicts)


def krippendorff_alpha(items: Ratings, distance: Weight | None = None) -> float | None:
    """Nominal by default; `distance`: how far two verdicts are apart, squared where it is an interval."""
    apart: Weight = distance or (lambda one, other: float(one != other))
    coincidences: Counter[tuple[str, str]] = Counter()
    for item in items:
        given = list(item.values())
        for place, one in enumerate(given):
            for other in given[:place] + given[place + 1 :]:
                coincidences[one, other] += 1 / (len(given) - 1)  # type: ignore[assignment]  # counts of pairs are shares
    totals: dict[str, float] = {}
    for (one, _), count in coincidences.items():
        totals[one] = totals.get(one, 0) + count
    everything = sum(totals.values())
    if everything < 2:
        return None
    seen = sum(count * apart(*pair) for pair, count in coincidences.items()) / everything
    expected = sum(
        totals[one] * (totals[other] - (one == other)) * apart(one, other) for one in totals for other in totals
    ) / (everything * (everything - 1))
    return None if expected == 0 else 1 - seen / expected


def gwet(items: Ratings, verdicts: Sequence[str], weight: Weight = same) -> float | None:
    """AC1, and with a weight AC2: chance agreement from how undecided the verdicts are, over all that were given."""
    raw = raw_agreement(items, weight)
    judged = [item for item in items if item]
    if raw is None:
        return None
    shares = {
        name: sum(sum(given == name for given in item.values()) / len(item) for item in judged) / len(judged)
        for name in verdicts
    }
    weights = sum(weight(one, other) for one in verdicts for other in verdicts)
    count = len(verdicts)
    chance = weights / (count * (count - 1)) * sum(share * (1 - share) for share in shares.values())
    return _above(raw, chance)


def summary(items: Ratings, verdicts: Sequence[str]) -> dict[str, Any]:
    """All of them, for a certificate; null where too little was judged twice to say."""
    values = {
        "raw": raw_agreement(items),
        "cohen_kappa": cohen_kappa(items),
        "pabak": pabak(items, len(verdicts)),
        "krippendorff_alpha": krippendorff_alpha(items),
        "gwet_ac1": gwet(items, verdicts),
    }
    rounded = {name: None if value is None else round(value, 4) for name, value in values.items()}
    return {"items": sum(len(item) > 1 for item in items), **rounded}


def _above(seen: float, chance: float) -> float | None:
    """Agreement beyond chance; None where chance explains it all."""
    return None if chance >= 1 else (seen - chance) / (1 - chance)
