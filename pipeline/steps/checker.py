"""Checkers: pass, fail or abstain, with evidence (L4). Abstain never counts as pass."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.steps.judgement import Judgement
from pipeline.steps.step import Outcome, RowStep


@dataclass(slots=True)
class Verdicts:
    """Per row: pass, fail or abstain, with evidence. Abstain never counts as pass."""

    verdict: list[Literal["pass", "fail", "abstain"]]
    defect: list[str]
    """What is wrong or why it abstains, as a rule's name; empty for pass."""
    evidence: list[Mapping[str, Any]]
    """What a reader needs to check the verdict by hand."""


VERDICTS = pa.field("verdicts", pa.string())
"""JSON list of {checker, means, verdict, defect, evidence}, one entry per checker that saw the row."""


class Checker(RowStep):
    """Certifies rows. Only rows that every checker of the level passes stay."""

    means: ClassVar[Literal["formal", "human", "statistical"]] = "formal"

    @abstractmethod
    def check(self, batch: Batch) -> Verdicts: ...

    def columns(self) -> tuple[pa.Field, ...]:
        return (VERDICTS,)

    def process(self, batch: Batch) -> Outcome:
        verdicts = self.check(batch)
        judgement = Judgement(len(batch))
        for row, (verdict, defect) in enumerate(zip(verdicts.verdict, verdicts.defect, strict=True)):
            if verdict != "pass":
                judgement.drop_row(row, defect if verdict == "fail" else f"abstained_{defect}")
        return Outcome(self._record(batch, verdicts), judgement)

    def _record(self, batch: Batch, verdicts: Verdicts) -> Batch:
        known = batch.column("verdicts").to_pylist() if "verdicts" in batch.rows.schema.names else [None] * len(batch)
        entries = []
        for row, before in enumerate(known):
            entry = {
                "checker": self.kind,
                "means": self.means,
                "verdict": verdicts.verdict[row],
                "defect": verdicts.defect[row],
                "evidence": verdicts.evidence[row],
            }
            entries.append(json.dumps([*(json.loads(before) if before else []), entry], ensure_ascii=False))
        return batch.with_column(VERDICTS, pa.array(entries, pa.string()))
