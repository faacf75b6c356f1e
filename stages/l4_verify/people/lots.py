"""A lot: the rows that one decision is about, what is registered of it, and which of its rows people see.

Rows are drawn by a hash of seed, lot and row, so that the draw is the same whatever the files, their order and the
workers, and anybody can draw it again. Two parts are drawn: a uniform slice, by which alone the plan decides, and from
each stratum so many rows more that it has at least `per_stratum`. Within a stratum both together are a simple sample,
so that a judged row stands for rows / judged rows of it.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.rows.document import content_hash
from stages.l4_verify.people import gold
from stages.l4_verify.people.plans import Look, PlanSettings

NONE = "(none)"
SHOWN = ("url", "prompt", "model", "form")
"""Columns that go with a record where they are there; the page hides what could prejudge before the verdict."""
Registration = dict[str, Any]
Record = dict[str, Any]


def stratum_of(row: Mapping[str, Any], strata: Sequence[str]) -> str:
    """`prompt=faq@3 model=m`; numbers count by tenths."""
    return " ".join(f"{name}={_value(row.get(name))}" for name in strata)


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{int(value * 10) / 10:g}" if value == value else NONE
    return NONE if value in (None, "") else str(value)


def census(batch: Batch, side: pa.Table | None, strata: Sequence[str]) -> pa.Table:
    """Per stratum of the batch its rows, and the sum of the ids that names the lot."""
    rows = batch.rows.select(_there(batch, ("id", *strata))).to_pylist()
    counts: Counter[str] = Counter()
    sums: dict[str, int] = {}
    for row in rows:
        stratum = stratum_of(row, strata)
        counts[stratum] += 1
        sums[stratum] = (sums.get(stratum, 0) + int(content_hash(row["id"]), 16)) % (1 << 128)
    return pa.table(
        {
            "row": pa.array([0] * len(counts), pa.int32()),
            "stratum": pa.array(list(counts), pa.string()),
            "rows": pa.array(list(counts.values()), pa.int64()),
            "ids": pa.array([f"{sums[name]:032x}" for name in counts], pa.string()),
        }
    )


def describe(table: pa.Table) -> tuple[str, dict[str, int]]:
    """The lot's name, which follows from its rows alone, and its rows by stratum."""
    counts: Counter[str] = Counter()
    total = 0
    for row in table.to_pylist():
        counts[row["stratum"]] += row["rows"]
        total = (total + int(row["ids"], 16)) % (1 << 128)
    return content_hash("lot", f"{total:032x}", str(sum(counts.values())))[:16], dict(sorted(counts.items()))


def register(
    lot: str, counts: Mapping[str, int], settings: PlanSettings, looks: Sequence[Look], seed: int, **more: Any
) -> Registration:
    """What is fixed before anything is drawn, with its own hash."""
    body = {
        "lot": lot,
        "rows": sum(counts.values()),
        "strata": dict(counts),
        "plan": settings.model_dump(),
        "looks": [asdict(look) for look in looks],
        "seed": seed,
        **more,
    }
    return {**body, "registration": hashlib.sha256(dump(body)).hexdigest()}


def dump(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1).encode()


def candidates(
    batch: Batch, side: pa.Table | None, registration: Registration, uniform: int, per_stratum: int
) -> pa.Table:
    """The rows of a batch that can be among those drawn of the whole lot."""
    strata = registration["strata_columns"]
    keys = batch.rows.select(_there(batch, ("id", *strata))).to_pylist()
    ranked = [
        (content_hash(str(registration["seed"]), registration["lot"], row["id"]), n) for n, row in enumerate(keys)
    ]
    chosen = {number for _, number in heapq.nsmallest(uniform, ranked)}
    by_stratum: dict[str, list[tuple[str, int]]] = {}
    for rank, number in ranked:
        if number not in chosen:
            by_stratum.setdefault(stratum_of(keys[number], strata), []).append((rank, number))
    chosen |= {number for some in by_stratum.values() for _, number in heapq.nsmallest(per_stratum, some)}
    numbers = sorted(chosen)
    rows = batch.rows.take(pa.array(numbers, pa.int64())).to_pylist()
    return pa.table(
        {
            "row": pa.array(numbers, pa.int32()),
            "rank": pa.array([ranked[number][0] for number in numbers], pa.string()),
            "record": pa.array([json.dumps(_record(row, strata), ensure_ascii=False) for row in rows], pa.string()),
        }
    )


def _there(batch: Batch, names: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name in batch.rows.schema.names]


def _record(row: Mapping[str, Any], strata: Sequence[str]) -> Record:
    return {
        "id": row["id"],
        "text": row["text"] or "",
        "source": row.get("source_text") or "",
        "stratum": stratum_of(row, strata),
        "meta": {name: row[name] for name in SHOWN if row.get(name)},
        "verdicts": json.loads(row.get("verdicts") or "[]"),
    }


def draw(
    table: pa.Table, registration: Registration, uniform: int, per_stratum: int, but: frozenset[str] = frozenset()
) -> list[Record]:
    """The records for people, in the order in which they see them: sample, strata and hidden gold among each other.

    `rank` is the place in the uniform slice, which the plan follows; null for the others. `but`: rows left out.
    """
    rows = sorted(table.select(["rank", "record"]).to_pylist(), key=lambda row: row["rank"])
    known = [one for row in rows if (one := json.loads(row["record"]))["id"] not in but]
    sample = [one | {"role": "sample", "rank": rank} for rank, one in enumerate(known[:uniform])]
    extra: list[Record] = []
    have = Counter(one["stratum"] for one in sample)
    for one in known[uniform:]:
        if have[one["stratum"]] < per_stratum:
            have[one["stratum"]] += 1
            extra.append(one | {"role": "stratum", "rank": None})
    chance = random.Random(f"{registration['registration']} double")
    for one in (*sample, *extra):
        one["wanted"] = 2 if chance.random() < registration["double_share"] else 1
    drawn = {one["id"] for one in (*sample, *extra)}
    spare = [one for one in known if one["id"] not in drawn] or known
    hidden = list(_gold(spare, known, registration, round(len(sample) * registration["gold_share"])))
    return _mixed(sample, [*extra, *hidden], registration)


def _gold(spare: Sequence[Record], known: Sequence[Record], registration: Registration, count: int) -> Iterator[Record]:
    """Half of it bad, half of it good, from rows that are not drawn where there are some."""
    chance = random.Random(f"{registration['registration']} gold")
    made = 0
    for number in range(3 * count):
        if made == count or not spare:
            return
        base = spare[number % len(spare)]
        is_bad = number % 2 == 0  # by turns, also where a lot without sources yields no good ones
        defect = gold.planted(base, known, chance) if is_bad else None
        text = defect[0] if defect else None if is_bad else gold.extract(base)
        if text is None:
            continue
        truth = {"verdict": "fail", "defect": defect[1]} if defect else {"verdict": "pass", "defect": ""}
        identity = content_hash("gold", registration["registration"], str(made))
        yield base | {
            "id": identity,
            "text": text,
            "role": "gold",
            "rank": None,
            "wanted": 1,
            "gold": truth,
            "verdicts": [],
        }
        made += 1


def _mixed(sample: Sequence[Record], others: Sequence[Record], registration: Registration) -> list[Record]:
    """The sample in its order, the others at seeded places before the first look of the plan."""
    chance = random.Random(f"{registration['registration']} order")
    first = registration["looks"][0]["rows"]
    mixed: list[Record] = list(sample[:first])
    for one in others:
        mixed.insert(chance.randint(0, len(mixed)), one)
    mixed += sample[first:]
    return [one | {"position": position} for position, one in enumerate(mixed)]
