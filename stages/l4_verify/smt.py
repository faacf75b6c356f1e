"""Does a claim follow from its premises? Both are formulas of SMT-LIB 2, and z3 looks for a case that breaks the claim.

A row's column `task` holds the commands of the premises, one formula as the claim, and the same in words (`gloss`):

    {"verifier": "smt", "premises": "(declare-const x Int) (assert (> x 2))", "claim": "(> x 1)", "gloss": "…"}

| verdict                     | when                                                                              |
|-----------------------------|-----------------------------------------------------------------------------------|
| pass                        | premises that can hold leave no case in which the claim is false                  |
| fail claim_refuted          | there is such a case; the evidence holds it                                       |
| abstain premises_contradict | no case meets the premises, so that everything would follow from them: asked first |
| abstain undecided           | z3 does not know within `effort`, a count of its own that is the same everywhere  |
| abstain not_readable        | no formulas, or commands other than COMMANDS                                      |
| abstain no_task             | no task of this verifier                                                          |
| abstain timed_out           | (infrastructure) no answer in the time allowed, or the process died               |

It proves the formula, not that the formula says what the text says: that is the weak link, so formula and gloss stand
in the evidence for people to compare.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.steps.asked_process import AskedProcess, NoAnswer, Raised
from stages.l4_verify.tasks import Judged, TaskChecker, task_of

COMMANDS = frozenset(
    {"declare-const", "declare-fun", "declare-sort", "declare-datatypes", "declare-datatype", "define-fun", "assert"}
)
"""Of premises. Options among others could name files that z3 writes."""
MAXIMUM = 20_000
"""Characters of premises or claim."""
DEEPEST = 200
"""Brackets in brackets: z3's parser calls itself for each."""
SHOWN = 500


def _example(claim: str, premises: str = "(declare-const x Int) (assert (> x 2))") -> dict[str, Any]:
    return {"text": "", "task": json.dumps({"verifier": "smt", "premises": premises, "claim": claim})}


class Smt(TaskChecker):
    """Pass rows whose claim follows from their premises. effort: z3's resource limit; seconds: of processor time."""

    kind: Literal["smt"] = "smt"
    effort: int = Field(20_000_000, ge=1)
    seconds: float = Field(20.0, gt=0)
    libraries: ClassVar[tuple[str, ...]] = ("z3-solver",)
    infrastructure: ClassVar[frozenset[str]] = frozenset({"timed_out"})
    known: ClassVar[Any] = (
        (_example("(> x 1)"), "pass"),
        (_example("(> x 3)"), "fail"),
        (_example("(> x 3)", "(declare-const x Int) (assert (and (> x 2) (< x 1)))"), "abstain"),
    )

    def extras(self) -> tuple[str, ...]:
        return ("smt",)

    def judge(self, text: str, task: Mapping[str, Any]) -> Judged:
        """The verdict on one row."""
        premises, claim = task.get("premises", ""), task.get("claim")
        if task.get("verifier") != "smt" or not isinstance(premises, str) or not isinstance(claim, str):
            return "abstain", "no_task", {}
        evidence = {"claim": claim[:SHOWN], "premises": premises[:SHOWN], "gloss": str(task.get("gloss", ""))[:SHOWN]}
        heads, claims = commands(premises), commands(claim)
        if heads is None or not set(heads) <= COMMANDS or claims is None or len(claims) != 1:
            return "abstain", "not_readable", evidence
        try:
            found = _WORKER.ask({"premises": premises, "claim": claim, "effort": self.effort, "seconds": self.seconds})
        except Raised as error:
            return "abstain", "not_readable", evidence | {"error": str(error)[:SHOWN]}
        except NoAnswer:
            return "abstain", "timed_out", evidence
        if found["premises"] == "unsat":
            return "abstain", "premises_contradict", evidence
        if found["premises"] != "sat" or found["denied"] not in ("sat", "unsat"):
            return "abstain", "undecided", evidence
        if found["denied"] == "sat":
            return "fail", "claim_refuted", evidence | {"case": found["case"][:SHOWN]}
        return "pass", "", evidence

    def mutants(self, rows: pa.RecordBatch, seed: int) -> Mapping[str, pa.RecordBatch]:
        """Rows with the claim denied, which cannot follow from the same premises."""
        denied = []
        for row in rows.to_pylist():
            task = task_of(row.get("task"))
            if task.get("verifier") == "smt":
                denied.append({**row, "task": json.dumps({**task, "claim": f"(not {task['claim']})"})})
        return {"claim_denied": pa.RecordBatch.from_pylist(denied, rows.schema)}


_WORKER = AskedProcess("-m", "stages.l4_verify.smt_worker")


def commands(text: str) -> list[str] | None:
    """The first word of each expression at the top of a script (a lone word counts as one); None if it is none."""
    heads: list[str] = []
    depth, wants_head = 0, False
    if len(text) > MAXIMUM:
        return None
    for token in _tokens(text):
        if token == "(":
            if depth == 0:
                heads.append("")
                wants_head = True
            depth += 1
        elif token == ")":
            depth -= 1
            wants_head = False
        elif depth == 0:
            heads.append(token)
        elif depth == 1 and wants_head:
            heads[-1], wants_head = token, False
        else:
            wants_head = False
        if not 0 <= depth <= DEEPEST:
            return None
    return heads if depth == 0 else None


def _tokens(text: str) -> Iterator[str]:
    """Brackets and words, without comments; what is quoted is one word, an open quotation a bracket too many."""
    place = 0
    while place < len(text):
        sign = text[place]
        if sign in "()":
            yield sign
            place += 1
        elif sign == ";":
            end = text.find("\n", place)
            place = len(text) if end < 0 else end
        elif sign in '"|':
            end = text.find(sign, place + 1)
            if end < 0:
                yield ")"
                return
            yield text[place : end + 1]
            place = end + 1
        elif sign.isspace():
            place += 1
        else:
            end = place
            while end < len(text) and not text[end].isspace() and text[end] not in '();"|':
                end += 1
            yield text[place:end]
            place = end
