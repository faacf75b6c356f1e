"""What follows, what does not, and what z3 is not asked."""

import json
from typing import Any

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from stages.l4_verify.smt import Smt, commands

X = "(declare-const x Int) (assert (> x 2))"


def judged(claim: str, premises: str = X, **settings: Any) -> str:
    verdict, defect, _ = Smt(**settings).judge("", {"verifier": "smt", "premises": premises, "claim": claim})
    return f"{verdict} {defect}".strip()


@pytest.mark.parametrize(
    ("claim", "premises", "says"),
    [
        ("(> x 1)", X, "pass"),
        ("(> x 3)", X, "fail claim_refuted"),
        ("(= (mod (+ x x) 4) 2)", "(declare-const x Int) (assert (= (mod x 2) 1))", "pass"),
        ("true", "", "pass"),
        ("(> x 9)", "(declare-const x Int) (assert false)", "abstain premises_contradict"),
        ("(> y 1)", X, "abstain not_readable"),
        ("x", X, "abstain not_readable"),
        ("(> x 1", X, "abstain not_readable"),
    ],
)
def test_the_verdict(claim: str, premises: str, says: str):
    pytest.importorskip("z3")
    assert judged(claim, premises) == says


def test_too_much_work_is_no_verdict():
    pytest.importorskip("z3")
    hard = " ".join(f"(declare-const {name} Int) (assert (> {name} 0))" for name in "xyz")
    assert judged("(not (= (+ (* x x x) (* y y y)) (* z z z)))", hard, effort=100_000) == "abstain undecided"


def test_a_case_that_breaks_the_claim_is_shown():
    pytest.importorskip("z3")
    _, _, evidence = Smt().judge("", {"verifier": "smt", "premises": X, "claim": "(> x 3)", "gloss": "x is above 3"})
    assert (evidence["case"], evidence["gloss"]) == ("[x = 3]", "x is above 3")


@pytest.mark.parametrize(
    ("claim", "premises"),
    [
        ("true", '(set-option :regular-output-channel "/tmp/x")'),
        ("true", "(check-sat)"),
        ("true) (set-option :a b) (assert true", ""),
        ("true)", ""),
        ('"', ""),
        ("|", ""),
        ("true false", ""),
        ("true", "(" * 300 + ")" * 300),
        ("true", " " * 20_001),
        ("true", "((assert) true)"),
    ],
)
def test_what_is_no_claim_or_no_premise_never_reaches_z3(claim: str, premises: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stages.l4_verify.smt._WORKER", None)  # asking it would be an AttributeError
    assert judged(claim, premises) == "abstain not_readable"


def test_the_first_words_of_a_script():
    text = '(assert (= a |odd )name|)) ; (a comment\n(declare-const s String)(assert (= s "("))true'
    assert commands(text) == ["assert", "declare-const", "assert", "true"]
    assert commands("(()") is None


def test_it_shows_that_it_works_before_it_judges_and_its_mutants_do_not_pass():
    pytest.importorskip("z3")
    Smt().prepare()
    task = json.dumps({"verifier": "smt", "premises": X, "claim": "(> x 1)"})
    rows = pa.RecordBatch.from_pylist([{"id": "a", "text": "", "task": task}, {"id": "b", "text": "", "task": None}])
    (mutants,) = Smt().mutants(rows, 0).values()
    assert Smt().check(Batch(mutants)).defect == ["claim_refuted"]


def test_a_row_of_another_task_is_not_judged():
    assert Smt().judge("", {"verifier": "math_answer"})[:2] == ("abstain", "no_task")
    assert Smt().judge("", {"verifier": "smt", "claim": 3})[:2] == ("abstain", "no_task")
