"""From what people said to what a lot's decision is: pure functions over records and reviews.

A record is judged when as many people as it wants have judged it and they agree, or a third one has; the third one's
verdict then counts. Unsure is no pass: it counts as a defect for the plan. The decision carries the reviews, under
pseudonyms, so that anybody can compute it again.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stages.l4_verify.people import agreement
from stages.l4_verify.people.estimates import Stratum, corrected, weighted, wilson
from stages.l4_verify.people.plans import Look, judge, next_look

VERDICTS = ("pass", "fail", "unsure")
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Review:
    """What one person said of one record."""

    item: str
    reviewer: str
    verdict: str
    defects: tuple[str, ...] = ()
    note: str = ""
    seconds: float = 0.0


def wanted(record: Record, reviews: Sequence[Review]) -> int:
    """How many people the record needs: one more than it asks for where those disagree."""
    asked = int(record["wanted"])
    return asked + (len(reviews) >= asked and len({one.verdict for one in reviews[:asked]}) > 1)


def verdict_of(record: Record, reviews: Sequence[Review]) -> Review | None:
    """The review that counts; None as long as there is none. `reviews` of this record, oldest first."""
    need = wanted(record, reviews)
    return reviews[need - 1] if len(reviews) >= need else None


def by_item(reviews: Sequence[Review]) -> dict[str, list[Review]]:
    found: dict[str, list[Review]] = {}
    for review in reviews:
        found.setdefault(review.item, []).append(review)
    return found


def looks_of(registration: Mapping[str, Any]) -> tuple[Look, ...]:
    return tuple(Look(**look) for look in registration["looks"])


def served(registration: Mapping[str, Any], records: Sequence[Record], reviews: Sequence[Review]) -> list[Record]:
    """The records that are to be judged now: all up to the plan's next look, and none after the one that decided."""
    until = next_look(looks_of(registration), _prefix(records, by_item(reviews)))
    return [one for one in records if one["rank"] is None or one["rank"] < until]


def _prefix(records: Sequence[Record], given: Mapping[str, list[Review]]) -> list[bool]:
    """Whether each record of the sample is a defect, in the order drawn, up to the first one that is not judged."""
    found = []
    for one in sorted((one for one in records if one["role"] == "sample"), key=lambda one: one["rank"]):
        counts = verdict_of(one, given.get(one["id"], ()))
        if counts is None:
            break
        found.append(counts.verdict != "pass")
    return found


def is_complete(registration: Mapping[str, Any], records: Sequence[Record], reviews: Sequence[Review]) -> bool:
    """Whether the plan has decided and nothing that was asked for is left."""
    given = by_item(reviews)
    verdict, _ = judge(looks_of(registration), _prefix(records, given))
    return verdict != "continue" and all(
        verdict_of(one, given.get(one["id"], ())) for one in served(registration, records, reviews)
    )


def decide(registration: Mapping[str, Any], records: Sequence[Record], reviews: Sequence[Review]) -> dict[str, Any]:
    """The decision of a complete lot, with all that a certificate says of the people."""
    given = by_item(reviews)
    looks = looks_of(registration)
    prefix = _prefix(records, given)
    verdict, rows = judge(looks, prefix)
    if not is_complete(registration, records, reviews):
        raise ValueError(
            f"lot {registration['lot']}: {len(prefix)} records of the sample are judged, and more are to be"
        )
    judged = {
        one["id"]: counts
        for one in records
        if one["role"] != "gold" and (counts := verdict_of(one, given.get(one["id"], ()))) is not None
    }
    names = {name: f"r{number}" for number, name in enumerate(sorted({one.reviewer for one in reviews}), 1)}
    look = next(look for look in looks if look.rows == rows)
    return {
        "lot": registration["lot"],
        "registration": registration["registration"],
        "outcome": "accepted" if verdict == "accept" else "rejected",
        "each": registration["plan"]["kind"] == "all",
        "inspected": rows,
        "defects": sum(prefix[:rows]),
        "accept": look.accept,
        "rows": {name: {"verdict": one.verdict, "defects": list(one.defects)} for name, one in sorted(judged.items())},
        "statistics": statistics_of(registration, records, given, judged),
        "reviews": [
            {"item": one.item, "reviewer": names[one.reviewer], "verdict": one.verdict, "defects": list(one.defects),
             "seconds": round(one.seconds, 1)}
            for one in reviews
        ],
    }  # fmt: skip


def statistics_of(
    registration: Mapping[str, Any],
    records: Sequence[Record],
    given: Mapping[str, list[Review]],
    judged: Mapping[str, Review],
) -> dict[str, Any]:
    """Defect rate of the lot, raw and corrected for the reviewers' errors; how far they agree and how they did on gold.

    The rows had passed all checkers before people saw them, so the rate is also the share that those pass wrongly.
    """
    counts: dict[str, list[int]] = {name: [0, 0] for name in registration["strata"]}
    codes: Counter[str] = Counter()
    for one in records:
        review = judged.get(one["id"])
        if review is not None:
            counts[one["stratum"]][0] += 1
            counts[one["stratum"]][1] += review.verdict != "pass"
            codes.update(review.defects if review.verdict != "pass" else ())
    strata = {name: Stratum(registration["strata"][name], *pair) for name, pair in counts.items()}
    found = weighted(strata)
    caught, cleared = gold_counts(records, given)
    rate, size = found if found else (None, 0.0)
    fused = corrected(rate.rate, size, caught, cleared, registration["seed"]) if rate else None
    several = [{one.reviewer: one.verdict for one in some} for some in given.values()]
    seconds = [one.seconds for some in given.values() for one in some]
    return {
        "judged": len(judged),
        "defect_rate": rate.as_json() if rate else None,
        "effective_sample": round(size, 1),
        "defect_rate_corrected": fused.as_json() if fused else None,
        "by_stratum": {name: asdict(one) for name, one in strata.items()},
        "by_defect": dict(sorted(codes.items())),
        "gold": {
            "planted": caught[1], "caught": caught[0], "sensitivity": _interval(*caught),
            "good": cleared[1], "cleared": cleared[0], "specificity": _interval(*cleared),
        },
        "agreement": agreement.summary(several, VERDICTS),
        "reviewers": len({one.reviewer for some in given.values() for one in some}),
        "median_seconds": round(statistics.median(seconds), 1) if seconds else None,
    }  # fmt: skip


def _interval(hits: int, of: int) -> dict[str, float] | None:
    found = wilson(hits, of)
    return found.as_json() if found else None


def gold_counts(
    records: Sequence[Record], given: Mapping[str, list[Review]]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """((planted defects found, planted), (good ones passed, good)), each review by itself: it is about the people."""
    caught, cleared = [0, 0], [0, 0]
    for one in records:
        if one["role"] != "gold":
            continue
        bad = one["gold"]["verdict"] == "fail"
        for review in given.get(one["id"], ()):
            counts = caught if bad else cleared
            counts[0] += (review.verdict != "pass") == bad
            counts[1] += 1
    return (caught[0], caught[1]), (cleared[0], cleared[1])
