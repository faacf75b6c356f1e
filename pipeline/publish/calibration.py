"""How far a checker can be trusted: what it says of rows that were damaged on purpose, and of harmless changes.

A pass rate means little without it: a checker that passes everything has a high one. Per checker and kind:

| key                                   | meaning                                                            |
|---------------------------------------|--------------------------------------------------------------------|
| mutants, caught, recall, interval     | rows with one seeded defect, those not passed, their share         |
| variants, failed, false_alarms, interval | rows changed without a change of meaning, those that then fail  |

Intervals are Wilson's (1927) at 95 %, lowest and highest share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from pipeline.books.interval import rounded
from pipeline.rows.batch import Batch
from pipeline.steps import Checker


@runtime_checkable
class Calibratable(Protocol):
    """A checker that can damage rows on purpose."""

    def mutants(self, rows: pa.RecordBatch, seed: int) -> Mapping[str, pa.RecordBatch]:
        """Kind of defect → copies of rows with that defect; the same for the same rows and seed."""


@runtime_checkable
class HasVariants(Protocol):
    """A checker that can change rows without harm."""

    def variants(self, rows: pa.RecordBatch, seed: int) -> Mapping[str, pa.RecordBatch]:
        """Kind of change → copies of rows that say the same in another way."""


def calibrate(checker: Calibratable, rows: pa.RecordBatch, seed: int) -> dict[str, dict[str, Any]]:
    """Kind of defect or change → the counts above. `rows` are rows that the checker has passed."""
    assert isinstance(checker, Checker)
    result: dict[str, dict[str, Any]] = {}
    if checker.forms and rows.num_rows:
        rows = rows.take(pa.array(checker.chosen(rows), pa.int64()))
    for defect, mutants in checker.mutants(rows, seed).items():
        verdicts = checker.check(Batch(mutants)).verdict if mutants.num_rows else []
        caught = sum(verdict != "pass" for verdict in verdicts)
        result[defect] = {"mutants": len(verdicts), "caught": caught, **_share("recall", caught, len(verdicts))}
    for change, variants in (checker.variants(rows, seed) if isinstance(checker, HasVariants) else {}).items():
        verdicts = checker.check(Batch(variants)).verdict if variants.num_rows else []
        failed = sum(verdict == "fail" for verdict in verdicts)
        share = _share("false_alarms", failed, len(verdicts))
        result[change] = {"variants": len(verdicts), "failed": failed, **share}
    return result


def _share(name: str, part: int, of: int) -> dict[str, Any]:
    return {name: round(part / of, 4), "interval": rounded(part, of)} if of else {}
