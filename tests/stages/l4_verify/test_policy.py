"""Which rows a policy lets stay, and why the others leave."""

import json
from typing import Any

import pyarrow as pa
import pytest

from flows.runs.recipe import Recipe
from pipeline.rows.batch import Batch
from stages.l4_verify.policy import Policy, kinds_of

PROSE = {"prose": ["format", "faithfulness"]}


def entry(checker: str, verdict: str = "pass", means: str = "formal") -> dict[str, str]:
    return {"checker": checker, "means": means, "verdict": verdict}


def judged(policy: Policy, *entries: dict[str, str], **row: Any) -> str:
    row = {"id": "a", "text": "t", "form": '{"kind": "prose"}', "task": None} | row
    batch = Batch(pa.RecordBatch.from_pylist([row | {"verdicts": json.dumps(entries)}]))
    (verdict,), (defect,) = (one := policy.check(batch)).verdict, one.defect
    return f"{verdict} {defect}".strip()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([entry("format"), entry("faithfulness")], "pass"),
        ([entry("format"), entry("faithfulness", "abstain")], "fail not_certified_faithfulness"),
        ([entry("format"), entry("faithfulness", "skip")], "fail not_certified_faithfulness"),
        ([entry("faithfulness")], "fail not_certified_format"),
        ([], "fail not_certified_format"),
        # Two of one kind: none may have failed, and one that skipped the row says nothing.
        ([entry("format"), entry("faithfulness"), entry("faithfulness", "abstain")], "fail not_certified_faithfulness"),
        ([entry("format"), entry("faithfulness"), entry("faithfulness", "skip")], "pass"),
        # What stands there from an earlier policy, as where a certificate is verified, does not count.
        ([entry("format"), entry("faithfulness"), entry("policy", "fail")], "pass"),
    ],
)
def test_every_need_must_be_passed(given: list[dict[str, str]], says: str):
    assert judged(Policy(needs=PROSE), *given) == says


def test_a_kind_that_nobody_named_is_not_certified():
    assert judged(Policy(needs=PROSE), entry("format"), form='{"kind": "table"}') == "fail not_certified_kind"
    assert judged(Policy(needs=PROSE), entry("format"), form=None) == "fail not_certified_kind"


def test_any_one_of_several_suffices():
    policy = Policy(needs={"math_answer": ["format", ["task_answer", "math_answer"]]})
    task = json.dumps({"verifier": "math_answer"})
    given = entry("format"), entry("task_answer", "abstain")
    assert judged(policy, *given, entry("math_answer"), task=task) == "pass"
    assert judged(policy, *given, task=task) == "fail not_certified_task_answer_or_math_answer"


def test_statistical_means_never_certify_alone():
    policy = Policy(needs={"prose": [["format", "entailment"]]})
    assert judged(policy, entry("entailment", means="statistical")) == "fail not_certified_statistical"
    assert judged(policy, entry("entailment", means="statistical"), entry("format")) == "pass"


def test_a_row_is_of_the_kind_of_its_task_else_of_its_form():
    rows = pa.RecordBatch.from_pylist(
        [
            {"task": '{"verifier": "reasoning_gym:leg_counting"}', "form": '{"kind": "task"}'},
            {"task": None, "form": '{"kind": "prose"}'},
            {"task": "no JSON", "form": None},
        ]
    )
    assert kinds_of(rows) == ["reasoning_gym", "prose", "document"]
    assert kinds_of(pa.RecordBatch.from_pylist([{"text": "t"}])) == ["document"]


def test_the_row_leaves_with_its_reason_and_the_evidence_says_what_it_had():
    rows = [{"id": "a", "text": "t", "form": '{"kind": "prose"}', "verdicts": json.dumps([entry("format")])}]
    outcome = Policy(needs=PROSE).process(Batch(pa.RecordBatch.from_pylist(rows)))
    assert outcome.judgement is not None
    assert outcome.judgement.rules == ["not_certified_faithfulness"]
    last = json.loads(outcome.batch.column("verdicts")[0].as_py())[-1]
    assert (last["checker"], last["verdict"], last["evidence"]) == (
        "policy",
        "fail",
        {"kind": "prose", "passed": ["format"]},
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"needs": {}}, "at least 1"),
        ({"needs": {"prose": []}}, "at least 1"),
        ({"needs": {"prose": ["format", ["format", "entailment"]]}}, "names a checker twice"),
        ({"needs": PROSE, "pause": "next_run"}, "set pause_over"),
        ({"needs": PROSE, "forms": ["prose"]}, "name kinds under `needs`"),
    ],
)
def test_a_policy_that_says_nothing_is_refused(settings: dict[str, Any], says: str):
    with pytest.raises(ValueError, match=says):
        Policy(**settings)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([{"kind": "format"}, {"kind": "policy", "needs": PROSE}], "policy needs faithfulness of prose, which no step"),
        ([{"kind": "faithfulness"}, {"kind": "format"}, {"kind": "policy", "needs": PROSE}], "the steps run otherwise"),
        ([{"kind": "policy", "needs": {"prose": ["format"]}}, {"kind": "format"}], "put it last"),
        ([{"kind": "format"}, *2 * [{"kind": "policy", "needs": {"prose": ["format"]}}]], "put one"),
    ],
)
def test_a_recipe_whose_steps_cannot_meet_its_policy_is_refused(steps: list[dict[str, Any]], says: str):
    with pytest.raises(ValueError, match=says):
        Recipe.model_validate(
            {
                "dataset": "toy",
                "l0_collect": {"source": {"kind": "parquet", "paths": ["x"]}},
                "l4_verify": {"steps": steps},
            }
        )


def test_people_can_be_asked_for_by_a_policy():
    steps = [{"kind": "format"}, {"kind": "human_review"}, {"kind": "policy", "needs": {"prose": ["human_review"]}}]
    source = {"source": {"kind": "parquet", "paths": ["x"]}}
    Recipe.model_validate({"dataset": "toy", "l0_collect": source, "l4_verify": {"steps": steps}})
