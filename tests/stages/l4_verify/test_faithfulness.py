import pyarrow as pa
import pytest

from pipeline.publish.calibration import calibrate
from pipeline.rows.batch import Batch
from stages.l4_verify.faithfulness import Faithfulness

SOURCE = "On June 9, 2014, Jane Baker of the FBI told the city of Zurich that 1,234 people, or 5 percent, had left."


def rows(*texts: str | None, source: str | None = SOURCE) -> pa.RecordBatch:
    names = [f"{row:032x}" for row in range(len(texts))]
    return pa.RecordBatch.from_pydict({"id": names, "text": list(texts), "source_text": [source] * len(texts)})


def judge(text: str | None, source: str | None = SOURCE, **fields) -> tuple[str, str]:
    verdicts = Faithfulness(**fields).check(Batch(rows(text, source=pa.scalar(source, pa.string()).as_py())))
    return verdicts.verdict[0], verdicts.defect[0]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Some 1234 people (5%) had left by June 2014, Jane Baker said.", ("pass", "")),
        ("Question: What did Baker do?\nAnswer: She told Zurich.", ("pass", "")),
        ("Some 1235 people had left, Jane Baker said.", ("fail", "novel_number")),
        ("Some 1234 people had left, said John Baker.", ("fail", "novel_name")),
        ("The office in Zurich told the CIA.", ("fail", "novel_name")),
        ("It was 5 in the evening when Baker spoke.", ("fail", "novel_number")),  # five percent is another number
        ("Many people had left.", ("abstain", "nothing_to_check")),
        ("", ("abstain", "nothing_to_check")),
        (None, ("abstain", "nothing_to_check")),
    ],
)
def test_numbers_and_names_must_stand_in_the_source(text, verdict):
    assert judge(text) == verdict


def test_without_a_source_it_abstains():
    assert judge("In 2014.", source="") == judge("In 2014.", source=None) == ("abstain", "no_source")


def test_what_to_look_for_is_a_parameter():
    text = "Some 1235 people met John Baker and Ann Miller."
    assert judge(text, numbers=False) == ("fail", "novel_name")
    assert judge(text, names=False) == ("fail", "novel_number")
    assert judge(text, max_novel_numbers=1, max_novel_names=2) == ("pass", "")
    assert judge(text, max_novel_numbers=1, max_novel_names=1) == ("fail", "novel_name")


def test_evidence_names_each_item_and_its_place_in_the_source():
    (evidence,) = Faithfulness().check(Batch(rows("By 2014, Jane Baker met Smith."))).evidence
    assert evidence == {
        "items": [
            {"kind": "number", "item": "2014", "where": SOURCE.index("2014")},
            {"kind": "name", "item": "Jane Baker", "where": SOURCE.index("Jane")},
            {"kind": "name", "item": "Smith", "where": None},
        ]
    }


def test_the_level_refuses_what_is_not_passed():
    outcome = Faithfulness().process(Batch(rows("By 2014.", "By 2015.", "By then.")))
    assert outcome.judgement.kept.tolist() == [True, False, False]
    assert outcome.judgement.rules == ["novel_number", "abstained_nothing_to_check"]


def test_a_missing_column_is_refused_before_anything_starts():
    with pytest.raises(ValueError, match="'source_text', which is not here; put the level l3_synthesize"):
        Faithfulness().check_input(pa.schema([pa.field("text", pa.string())]))


def test_seeded_defects_are_caught_and_drawn_by_the_seed():
    good = rows(*["The city of Zurich heard from Jane Baker in 2014 that 1,234 people had left."] * 20)
    found = calibrate(Faithfulness(), good, seed=1)
    assert {kind: (entry["mutants"], entry["recall"]) for kind, entry in found.items()} == {
        "number_changed": (20, 1.0), "name_swapped": (20, 1.0),
    }  # fmt: skip
    first, again = (Faithfulness().mutants(good, 1)["name_swapped"]["text"] for _ in range(2))
    assert first.equals(again)
    assert not first.equals(Faithfulness().mutants(good, 2)["name_swapped"]["text"])


def test_calibration_also_counts_what_the_check_cannot_see():
    blind = rows("It was in 2014. Baker told them.")
    assert calibrate(Faithfulness(), blind, seed=1)["name_swapped"]["recall"] == 0.0
    assert calibrate(Faithfulness(), rows("Nothing at all."), seed=1)["number_changed"] == {"mutants": 0, "caught": 0}
