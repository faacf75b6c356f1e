"""Checkers: pass, fail or abstain, with evidence (L4). Abstain never counts as pass.

A checker must show that it works before it judges: it names rows whose verdict is known (`known`), and `prepare` stops
the run where it finds another. Where a row brings its own gold (an answer, a solution), `check` tries that first.

What a verdict costs is counted per step in the shard records: seconds in a row would make two equal runs differ.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Literal

import pyarrow as pa

from pipeline.errors import Fault
from pipeline.rows.batch import Batch
from pipeline.steps.judgement import Judgement
from pipeline.steps.step import Outcome, RowStep

Verdict = Literal["pass", "fail", "abstain"]


@dataclass(slots=True)
class Verdicts:
    """Per row: pass, fail or abstain, with evidence. Abstain never counts as pass."""

    verdict: list[Verdict] = field(default_factory=list)
    defect: list[str] = field(default_factory=list)
    """What is wrong or why it abstains, as a rule's name; empty for pass."""
    evidence: list[Mapping[str, Any]] = field(default_factory=list)
    """What a reader needs to check the verdict by hand."""

    def add(self, verdict: Verdict, defect: str = "", evidence: Mapping[str, Any] | None = None) -> None:
        """The next row's verdict."""
        self.verdict.append(verdict)
        self.defect.append(defect)
        self.evidence.append(evidence or {})


VERDICTS = pa.field("verdicts", pa.string())
"""JSON list of {checker, tool, means, verdict, defect, evidence}, one entry per checker of the policy before and at
which the row was; an abstention also has `cause`. A row of a form that the checker is not for has the verdict `skip`.
"""


class Checker(RowStep):
    """Certifies rows. Only rows that every checker of the level passes stay."""

    means: ClassVar[Literal["formal", "human", "statistical"]] = "formal"
    infrastructure: ClassVar[frozenset[str]] = frozenset()
    """Reasons to abstain that say nothing of the row (`timed_out`); all others mean that the row cannot be judged."""
    known: ClassVar[Sequence[tuple[Mapping[str, Any], Verdict]]] = ()
    """Rows whose verdict is known: at least one that must pass and one that must not."""

    forms: tuple[str, ...] = ()
    """Kinds of form (`prose`, `pairs`, `task`, …) of the rows that this checker is for; all if empty."""
    on_abstain: Literal["refuse", "keep"] = "refuse"
    """keep: a row may stay without this checker's pass, for the step `policy` to decide about."""

    @abstractmethod
    def check(self, batch: Batch) -> Verdicts: ...

    def columns(self) -> tuple[pa.Field, ...]:
        return (VERDICTS,)

    def check_input(self, schema: pa.Schema) -> None:
        if self.forms and "form" not in schema.names:
            raise ValueError(f"{self.kind} is for the forms {', '.join(self.forms)}, but no column 'form' is here")

    def tool(self) -> str:
        """What judges, with its version: the checker's own code counts in the recipe id."""
        return ", ".join(f"{name} {_version(name)}" for name in self.libraries) or self.kind

    def prepare(self) -> None:
        if not self.known:
            return
        rows = [dict(row) for row, _ in self.known]
        found = self.model_copy(update={"forms": ()}).check(Batch(pa.RecordBatch.from_pylist(rows)))
        for row, (_, wanted), verdict, defect in zip(rows, self.known, found.verdict, found.defect, strict=True):
            if verdict != wanted:
                said = f"{verdict} ({defect})" if defect else verdict
                raise Fault(
                    f"{self.kind} ({self.tool()}) says {said} of a row that is known to {wanted}: "
                    f"{json.dumps(row, ensure_ascii=False)[:200]}; it cannot judge others. Reinstall what it uses"
                )

    def process(self, batch: Batch) -> Outcome:
        chosen = self.chosen(batch.rows)
        verdicts = self.check(batch if len(chosen) == len(batch) else Batch(batch.rows.take(pa.array(chosen))))
        judgement = Judgement(len(batch))
        for row, verdict, defect in zip(chosen, verdicts.verdict, verdicts.defect, strict=True):
            if verdict == "fail":
                judgement.drop_row(row, defect)
            elif verdict == "abstain" and self.on_abstain == "refuse":
                judgement.drop_row(row, f"abstained_{defect}")
        kept = verdicts.verdict.count("abstain") if self.on_abstain == "keep" else 0
        changed = {"skipped": len(batch) - len(chosen), "kept_abstained": kept}
        noted = {change: rows for change, rows in changed.items() if rows}
        return Outcome(self._record(batch, chosen, verdicts), judgement, changed=noted)

    def chosen(self, rows: pa.RecordBatch) -> Sequence[int]:
        """The places of the rows that this checker is for."""
        if not self.forms:
            return range(rows.num_rows)
        return [row for row, form in enumerate(rows.column("form").to_pylist()) if form_of(form) in self.forms]

    def entries(self, verdicts: Verdicts) -> Iterable[dict[str, Any]]:
        """What is written into the rows' column `verdicts`."""
        for verdict, defect, evidence in zip(verdicts.verdict, verdicts.defect, verdicts.evidence, strict=True):
            entry = {"checker": self.kind, "tool": self.tool(), "means": self.means, "verdict": verdict}
            if verdict == "abstain":
                entry["cause"] = "infrastructure" if defect in self.infrastructure else "invalid_item"
            yield {**entry, "defect": defect, "evidence": evidence}

    def skipped(self) -> dict[str, Any]:
        """The entry of a row that the checker is not for."""
        return {"checker": self.kind, "tool": self.tool(), "means": self.means, "verdict": "skip"}

    def _record(self, batch: Batch, chosen: Sequence[int], verdicts: Verdicts) -> Batch:
        known = batch.column("verdicts").to_pylist() if "verdicts" in batch.rows.schema.names else [None] * len(batch)
        here = dict(zip(chosen, self.entries(verdicts), strict=True))
        entries = [
            json.dumps([*(json.loads(before) if before else []), here.get(row, self.skipped())], ensure_ascii=False)
            for row, before in enumerate(known)
        ]
        return batch.with_column(VERDICTS, pa.array(entries, pa.string()))


def form_of(form: str | None) -> str:
    """The kind that a row's column `form` names; empty if none."""
    try:
        return str(json.loads(form or "{}").get("kind", ""))
    except (ValueError, AttributeError):
        return ""


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # `extras` has said so before the first row
        return "missing"
