"""Checkers: only a pass stays, and each verdict is written down with its evidence."""

from __future__ import annotations

import json
from typing import Literal

import pyarrow as pa
import pytest

from pipeline.errors import Fault
from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Verdicts


class Says(Checker):
    """Reads its verdict from the text: `verdict defect`."""

    kind: Literal["says"] = "says"

    def check(self, batch: Batch) -> Verdicts:
        said = [text.partition(" ") for text in batch.text.to_pylist()]
        return Verdicts([one[0] for one in said], [one[2] for one in said], [{"ü": one[0]} for one in said])


BATCH = Batch(pa.RecordBatch.from_pydict({"text": ["pass", "fail untrue", "abstain no_facts"]}))


def entries(batch: Batch) -> list[list[dict]]:
    return [json.loads(row) for row in batch.column("verdicts").to_pylist()]


def test_only_a_pass_stays():
    outcome = Says().process(BATCH)
    judgement = outcome.judgement
    assert judgement is not None
    assert judgement.kept.tolist() == [True, False, False]
    assert [judgement.rules[rule] for rule in judgement.rule[1:]] == ["untrue", "abstained_no_facts"]


def test_the_verdict_is_written_down_with_its_evidence():
    first, second, third = entries(Says().process(BATCH).batch)
    said = {"checker": "says", "tool": "says", "means": "formal", "verdict": "pass", "defect": ""}
    assert first == [said | {"evidence": {"ü": "pass"}}]
    assert (second[0]["verdict"], second[0]["defect"]) == ("fail", "untrue")
    assert (third[0]["evidence"], third[0]["cause"]) == ({"ü": "abstain"}, "invalid_item")


@pytest.mark.parametrize("missing", ["verdict", "defect", "evidence"])
def test_a_checker_that_leaves_a_row_out_is_a_defect_and_no_verdict(missing: str, monkeypatch: pytest.MonkeyPatch):
    said = Says().check(BATCH)
    getattr(said, missing).pop()
    monkeypatch.setattr(Says, "check", lambda self, batch: said)
    with pytest.raises(ValueError, match="zip"):
        Says().process(BATCH)
    with pytest.raises(ValueError, match="zip"):
        list(Says().entries(said))


def test_verdicts_of_earlier_checkers_stay_before_it():
    twice = Says().process(Says().process(BATCH).batch).batch
    assert [[entry["verdict"] for entry in row] for row in entries(twice)] == [
        ["pass"] * 2,
        ["fail"] * 2,
        ["abstain"] * 2,
    ]
    assert twice.rows.schema.names == ["text", "verdicts"]


def test_a_row_that_no_checker_saw_begins_its_list():
    nothing = BATCH.with_column(Says().columns()[0], pa.nulls(3, pa.string()))
    assert [len(row) for row in entries(Says().process(nothing).batch)] == [1, 1, 1]


def test_evidence_stays_readable():
    assert '"ü"' in Says().process(BATCH).batch.column("verdicts")[0].as_py()


def test_a_checker_says_something_of_every_row():
    class Lazy(Says):
        """Forgets a defect."""

        def check(self, batch: Batch) -> Verdicts:
            return Verdicts(["pass", "pass", "pass"], ["", ""], [{}, {}, {}])

    with pytest.raises(ValueError, match="shorter"):
        Lazy().process(BATCH)


def test_an_abstention_says_whether_the_row_or_the_surroundings_are_the_cause():
    class Slow(Says):
        """Has a time-out."""

        libraries = ("pyarrow",)
        infrastructure = frozenset({"no_facts"})

    entry = entries(Slow().process(BATCH).batch)[2][0]
    assert (entry["cause"], entry["tool"]) == ("infrastructure", f"pyarrow {pa.__version__}")


def test_a_checker_is_for_rows_of_its_forms_and_leaves_others_alone():
    forms = ['{"kind": "task"}', '{"kind": "prose"}', "no JSON"]
    batch = BATCH.with_column(pa.field("form", pa.string()), pa.array(forms))
    outcome = Says(forms=("prose",)).process(batch)
    assert [row[0]["verdict"] for row in entries(outcome.batch)] == ["skip", "fail", "skip"]
    assert outcome.judgement.kept.tolist() == [True, False, True]
    assert outcome.changed == {"skipped": 2}
    with pytest.raises(ValueError, match="no column 'form' is here"):
        Says(forms=("prose",)).check_input(BATCH.rows.schema)


def test_an_abstention_may_stay_but_is_no_pass():
    outcome = Says(on_abstain="keep").process(BATCH)
    assert outcome.judgement.kept.tolist() == [True, False, True]
    assert outcome.changed == {"kept_abstained": 1}
    assert entries(outcome.batch)[2][0]["verdict"] == "abstain"


def test_a_checker_that_misjudges_a_known_row_does_not_count():
    class Known(Says):
        """Judges these first."""

        known = (({"text": "pass"}, "pass"), ({"text": "fail it"}, "fail"))

    class Wrong(Known):
        """Passes everything."""

        def check(self, batch: Batch) -> Verdicts:
            return Verdicts(["pass"] * len(batch), [""] * len(batch), [{}] * len(batch))

    Known().prepare()
    with pytest.raises(Fault, match=r"says pass of a row that is known to fail: .*cannot judge others"):
        Wrong().prepare()
