"""What is made of the REPL's answers, by a stand-in that speaks its protocol: real Lean does not run here."""

import sys
from pathlib import Path
from typing import Any

import pytest

from stages.l4_verify.lean import Lean

REPL = (sys.executable, str(Path(__file__).with_name("lean_repl.py")))
STATEMENT = "(n : Nat) : n + 0 = n"


def judged(text: str, statement: str = STATEMENT) -> tuple[str, Any]:
    verdict, defect, evidence = Lean(repl=REPL).judge(text, {"verifier": "lean", "statement": statement})
    return f"{verdict} {defect}".strip(), evidence


@pytest.mark.parametrize(
    ("proof", "statement", "says"),
    [
        ("by simp", STATEMENT, "pass"),
        ("By induction:\n```lean\n:= by simp\n```\n", STATEMENT, "pass"),
        ("by omega", STATEMENT, "pass"),
        ("by decide", ": 2 + 2 = 5", "fail not_proved"),
        ("by sorry", STATEMENT, "fail left_open"),
        ("by cheat", STATEMENT, "fail foreign_axiom"),
        ("by simp", ": unknown_name = 1", "abstain statement_unreadable"),
        ("by simp\n\n#eval 1", STATEMENT, "abstain not_readable"),
        ("by simp\n\naxiom false : False", STATEMENT, "abstain not_readable"),
        ("by native_decide", STATEMENT, "abstain not_readable"),
        ("by run_tac pure ()", STATEMENT, "abstain not_readable"),
        ("by exact (do IO.println 1)", STATEMENT, "abstain not_readable"),
        ("", STATEMENT, "abstain not_readable"),
    ],
)
def test_the_verdict(proof: str, statement: str, says: str):
    assert judged(proof, statement)[0] == says


def test_after_the_end_of_the_repl_a_new_one_answers():
    assert judged("by hang")[0] == "abstain timed_out"
    assert judged("by simp")[0] == "pass"


def test_the_evidence_says_by_what_and_on_what_it_rests():
    assert judged("by omega")[1] == {
        "statement": STATEMENT, "gloss": "", "proof": "by omega", "lean": "4.0.0-stand-in",
        "axioms": ["Quot.sound", "propext"],
    }  # fmt: skip
    assert judged("by cheat")[1]["axioms"] == ["cheat"]


def test_known_proofs_are_tried_first_and_other_rows_are_none_of_its():
    Lean(repl=REPL).prepare()
    assert Lean(repl=REPL).judge("by simp", {"verifier": "smt"}) == ("abstain", "no_task", {})


def test_a_missing_toolchain_is_a_problem_of_the_plan():
    (problem,) = Lean(repl=("no-such-repl",)).resolve()
    assert "no program 'no-such-repl'; install Lean 4" in problem
