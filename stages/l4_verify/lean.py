"""Is the row's proof one that Lean 4 accepts for the task's statement?

A row's column `task` holds the statement behind the name of a theorem and the same in words; its text is the proof, or
holds it as the last block fenced as `lean`:

    {"verifier": "lean", "statement": "(n : Nat) : n + 0 = n", "gloss": "…"}            by simp

| verdict                      | when                                                                              |
|------------------------------|-----------------------------------------------------------------------------------|
| pass                         | no error, nothing left open, and no axioms but AXIOMS                             |
| fail not_proved              | Lean reports an error                                                             |
| fail left_open               | `sorry` stands for a part: to Lean that is only a warning                         |
| fail foreign_axiom           | it rests on other axioms; the evidence names them                                 |
| abstain statement_unreadable | the statement itself, with its proof left open, is an error                       |
| abstain not_readable         | statement or proof use words of FORBIDDEN, which run code or change the language  |
| abstain no_task              | no task of this verifier                                                          |
| abstain timed_out            | (infrastructure) no answer in the time allowed, or the REPL died                  |

It needs a Lean toolchain with the REPL of leanprover-community, which no Python package brings; where it is missing the
plan says so. It proves the statement, not that the statement says what the text says. Elaborating a proof can run
programs: FORBIDDEN keeps out the known ways, so give the REPL no more rights than it needs.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.steps.asked_process import AskedProcess, NoAnswer, Raised
from stages.l4_verify.tasks import Judged, TaskChecker, task_of

AXIOMS = frozenset({"propext", "Classical.choice", "Quot.sound"})
"""What ordinary mathematics in Lean rests on. `sorryAx` and `Lean.ofReduceBool` (native code) are not among them."""
FORBIDDEN = re.compile(
    r"#|@\[|\b(?:axiom|attribute|builtin_initialize|by_elab|class|constant|def|declare_syntax_cat|deriving|elab|"
    r"elab_rules|end|eval|example|export|extern|implemented_by|import|include_str|inductive|infix|infixl|infixr|"
    r"initialize|instance|IO|lemma|macro|macro_rules|mutual|namespace|native_decide|notation|opaque|open|postfix|"
    r"prefix|private|protected|run_cmd|run_elab|run_meta|run_tac|scoped|section|set_option|simproc|structure|syntax|"
    r"theorem|unsafe|universe|variable)\b"
)
FENCED = re.compile(r"```lean4?[ \t]*\n(.*?)```", re.DOTALL)
RESTS_ON = re.compile(r"depends on axioms: \[([^\[\]]*)\]")
MAXIMUM = 20_000
SHOWN = 500


def _example(statement: str, proof: str) -> dict[str, Any]:
    return {"text": proof, "task": json.dumps({"verifier": "lean", "statement": statement})}


class Lean(TaskChecker):
    """Pass rows whose text is a proof of their statement.

    repl: the command that starts Lean's REPL, such as [lake, env, repl]; header: what every proof may use, such as
    `import Mathlib`; seconds: for one row, times ten on the clock.
    """

    kind: Literal["lean"] = "lean"
    repl: Annotated[tuple[str, ...], Field(min_length=1)] = ("repl",)
    header: str = ""
    seconds: float = Field(20.0, gt=0)
    infrastructure: ClassVar[frozenset[str]] = frozenset({"timed_out"})
    known: ClassVar[Any] = (
        (_example("(n : Nat) : n + 0 = n", "by simp"), "pass"),
        (_example(": 2 + 2 = 5", "by decide"), "fail"),
        (_example(": 2 + 2 = 5", "by sorry"), "fail"),
    )

    def resolve(self) -> Iterable[str]:
        if shutil.which(self.repl[0]) is None:
            yield (
                f"lean: there is no program '{self.repl[0]}'; install Lean 4 (elan) and build the REPL of "
                "leanprover-community, then name its command as `repl`"
            )

    def judge(self, text: str, task: Mapping[str, Any]) -> Judged:
        """The verdict on one row."""
        statement = task.get("statement")
        if task.get("verifier") != "lean" or not isinstance(statement, str):
            return "abstain", "no_task", {}
        fenced = FENCED.findall(text)
        proof = (fenced[-1] if fenced else text).strip().removeprefix(":=").strip()
        evidence = {"statement": statement[:SHOWN], "gloss": str(task.get("gloss", ""))[:SHOWN], "proof": proof[:SHOWN]}
        if not proof or max(len(statement), len(proof)) > MAXIMUM or FORBIDDEN.search(f"{statement} {proof}"):
            return "abstain", "not_readable", evidence
        asked = {"repl": self.repl, "header": self.header, "statement": statement, "proof": proof}
        try:
            found = _WORKER.ask({**asked, "seconds": self.seconds})
        except Raised as error:
            _WORKER.stop()  # the REPL is gone
            return "abstain", "timed_out", evidence | {"error": str(error)[:SHOWN]}
        except NoAnswer:
            return "abstain", "timed_out", evidence
        evidence |= {"lean": found["version"]}
        if wrong := errors(found["opened"]):
            return "abstain", "statement_unreadable", evidence | {"error": wrong[0][:SHOWN]}
        if wrong := errors(found["closed"]):
            return "fail", "not_proved", evidence | {"error": wrong[0][:SHOWN]}
        axioms = _axioms(found["closed"])
        if found["closed"].get("sorries") or axioms is None or "sorryAx" in axioms:
            return "fail", "left_open", evidence
        if foreign := sorted(axioms - AXIOMS):
            return "fail", "foreign_axiom", evidence | {"axioms": foreign}
        return "pass", "", evidence | {"axioms": sorted(axioms)}

    def mutants(self, rows: pa.RecordBatch, seed: int) -> Mapping[str, pa.RecordBatch]:
        """Rows whose proof is left open, or breaks off."""
        tasks = [row for row in rows.to_pylist() if task_of(row.get("task")).get("verifier") == "lean"]
        changed = {"left_open": "by sorry", "broken_off": "by"}
        return {
            kind: pa.RecordBatch.from_pylist([{**row, "text": proof} for row in tasks], rows.schema)
            for kind, proof in changed.items()
        }


def errors(answer: Mapping[str, Any]) -> list[str]:
    """What is wrong in the REPL's answer: errors among its messages, or a request that it did not take."""
    said = [str(one["data"]) for one in answer.get("messages", ()) if one["severity"] == "error"]
    return said or ([str(answer["message"])] if "message" in answer else [])


def _axioms(answer: Mapping[str, Any]) -> set[str] | None:
    """What `#print axioms` said; None if it said nothing."""
    said = [str(one["data"]) for one in answer.get("messages", ()) if "axioms" in str(one["data"])]
    if not said:
        return None
    match = RESTS_ON.search(said[-1])
    return {name.strip() for name in match[1].split(",")} if match else set()


_WORKER = AskedProcess("-m", "stages.l4_verify.lean_worker")
