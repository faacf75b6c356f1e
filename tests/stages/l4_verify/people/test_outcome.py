"""From verdicts to a decision, by hand."""

import pytest

from stages.l4_verify.people.outcome import Review, decide, is_complete, verdict_of
from stages.l4_verify.people.plans import Look
from tests.stages.l4_verify.people.helpers import record, registration


def said(item: str, verdict: str = "pass", reviewer: str = "ann", *defects: str) -> Review:
    return Review(item, reviewer, verdict, defects, "", 4.0)


@pytest.mark.parametrize(
    ("verdicts", "counts"),
    [("", None), ("p", None), ("pp", "pass"), ("pf", None), ("pff", "fail"), ("pfp", "pass"), ("pfu", "unsure")],
)
def test_which_verdict_counts_of_a_record_for_two(verdicts: str, counts: str | None):
    names = {"p": "pass", "f": "fail", "u": "unsure"}
    reviews = [said("r0", names[one], str(number)) for number, one in enumerate(verdicts)]
    found = verdict_of(record(0, wanted=2), reviews)
    assert (found.verdict if found else None) == counts


def test_unsure_is_no_pass():
    made = decide(registration(1), [record(0)], [said("r0", "unsure")])
    assert (made["outcome"], made["defects"]) == ("rejected", 1)


def test_gold_and_strata_are_asked_for_and_do_not_decide():
    gold = record(1, role="gold", rank=None, gold={"verdict": "fail", "defect": "number"})
    extra = record(2, role="stratum", rank=None)
    records = [record(0), gold, extra]
    assert not is_complete(registration(1), records, [said("r0")])
    made = decide(registration(1), records, [said("r0"), said("r1", "fail"), said("r2", "fail")])
    assert made["outcome"] == "accepted"
    assert made["rows"].keys() == {"r0", "r2"}  # gold is no row
    assert made["statistics"]["judged"] == 2


def test_a_lot_that_is_not_judged_is_not_decided():
    with pytest.raises(ValueError, match="1 records of the sample are judged, and more are to be"):
        decide(registration(2), [record(0), record(1)], [said("r0")])


def test_rates_are_weighted_by_stratum_and_corrected_by_gold():
    looks = (Look(20, 5, 6),)
    plan = registration(20, looks, strata={"a": 900, "b": 100})
    records = [record(n, stratum="ab"[n % 2]) for n in range(20)]
    planted = {"role": "gold", "rank": None, "gold": {"verdict": "fail", "defect": "number"}}
    good = {"role": "gold", "rank": None, "gold": {"verdict": "pass", "defect": ""}}
    records += [record(n, stratum="a", **(planted if n < 30 else good)) for n in range(20, 40)]
    reviews = [
        said(f"r{n}", "fail" if n in (1, 3, 5, 7, 9) else "pass", "ann", *(["name"] if n == 1 else []))
        for n in range(20)
    ]
    reviews += [said(f"r{n}", "fail" if n < 28 else "pass") for n in range(20, 40)]  # 8 of 10 found, none made up
    found = decide(plan, records, reviews)["statistics"]
    assert found["defect_rate"]["rate"] == pytest.approx(0.05)  # half of the tenth of rows in b
    assert found["defect_rate_corrected"]["rate"] == pytest.approx(0.0625)
    assert found["by_stratum"]["b"] == {"rows": 100, "judged": 10, "defects": 5}
    assert found["by_defect"] == {"name": 1}
    assert found["gold"]["sensitivity"]["rate"] == 0.8
    assert found["median_seconds"] == 4.0


def test_reviewers_have_no_names_in_a_decision():
    made = decide(registration(1), [record(0)], [said("r0", "pass", "ann.smith")])
    assert "ann" not in str(made)
    assert made["reviews"][0]["reviewer"] == "r1"
