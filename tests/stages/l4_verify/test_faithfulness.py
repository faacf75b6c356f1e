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
    assert judge(text, max_novel_numbers=1, max_novel_names=2) == ("fail", "unsupported_claim")
    assert judge(text, max_novel_numbers=1, max_novel_names=2, claims=False) == ("pass", "")
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
    (evidence,) = Faithfulness().check(Batch(rows("By 2014, Jane Baker told Zurich."))).evidence
    assert evidence["claims"] == [
        {"claim": "By 2014, Jane Baker told Zurich.", "span": (0, len(SOURCE)), "score": 1.0, "support": 1.0}
    ]


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
    no_place = ["unit_changed", "sign_changed", "exponent_changed", "date_changed"]
    caught = ["number_changed", "other_number_taken", "digit_group_dropped", "name_swapped", "denied", "foreign_claim"]
    expected = dict.fromkeys(no_place, (0, None)) | dict.fromkeys(caught, (20, 1.0))
    assert {kind: (entry["mutants"], entry.get("recall")) for kind, entry in found.items()} == expected
    first, again = (Faithfulness().mutants(good, 1)["name_swapped"]["text"] for _ in range(2))
    assert first.equals(again)
    assert not first.equals(Faithfulness().mutants(good, 2)["name_swapped"]["text"])


def test_calibration_also_counts_what_the_check_cannot_see():
    blind = rows("It was in 2014. Baker told them.")
    assert calibrate(Faithfulness(), blind, seed=1)["name_swapped"]["recall"] == 0.0
    assert calibrate(Faithfulness(), rows("Nothing at all."), seed=1)["number_changed"] == {"mutants": 0, "caught": 0}


@pytest.mark.parametrize(
    ("text", "source", "says"),
    [
        ("It was opened on 3 May 1999.", "It was opened on 3 March 1999.", "fail novel_date"),
        ("Er wurde am 3. Mai 1999 eröffnet.", "Er wurde am 3. März 1999 eröffnet.", "fail novel_date"),
        ("Né le 8 août 1934 ici.", "Né le 8 avril 1934 ici.", "fail novel_date"),
        ("It opened on May 3, 1999.", "It opened on 1999-05-03.", "pass"),
        ("It calls apply_to_df on 3 rows.", "It calls apply on 3 rows.", "fail novel_name"),
        ("pandas.core.apply_it works on 3 rows.", "pandas.core has apply_it, for 3 rows.", "pass"),
        ("It calls frame.melt() on 3 rows.", "It calls frame.pivot() on 3 rows.", "fail novel_name"),
        ("Entry is £6.", "Entry costs 6 pounds.", "pass"),
        ("Entry is £6.", "It weighs 6 kilograms.", "fail novel_number"),
        ("Es hatte 11 °C.", "Es hatte 11 Grad.", "pass"),
        ("Dans une cave à 9 °C.", "Dans une cave à 9 degrés.", "pass"),
        ("Sie malte über 200 Bilder.", "Sie malte mehr als zweihundert Bilder.", "pass"),
        ("They met 2 times in 1990.", "They met twice in 1990.", "pass"),
        (
            "Sales fell by 7% that year.",
            "Sales rose by 7% in the north. In the south they fell by 3%.",
            "fail comparison_flipped",
        ),
        ("In the south sales fell by 3%.", "Sales rose by 7% in the north. In the south they fell by 3%.", "pass"),
        ("去年到访的有128万人次，较前年减少12%。", "去年有128万人次到访，比前年增加了12%。", "fail comparison_flipped"),
        (
            "It began with 11 singers and has taken part in a competition.",
            "It began with 11 singers. It has never taken part in a competition.",
            "fail negation_changed",
        ),
    ],
)
def test_kinds_that_fresh_pairs_have_shown(text: str, source: str, says: str):
    ((verdict, defect, _),) = (Faithfulness()._judge(text, source),)
    assert f"{verdict} {defect}".strip() == says


def test_exponents_and_dates_are_planted_and_caught():
    good = rows(*["The city of Zurich heard from Jane Baker in 2014 that 1,234 people had left."] * 3)
    text = "On 3 May 2014 the sun had 2.5e6 spots, 10^3 flares and 10⁻⁴ of its mass."
    good = good.set_column(good.schema.get_field_index("text"), "text", pa.array([text] * 3))
    good = good.set_column(good.schema.get_field_index("source_text"), "source_text", pa.array([text] * 3))
    found = calibrate(Faithfulness(), good, seed=1)
    for kind in ("exponent_changed", "date_changed"):
        assert found[kind]["caught"] == found[kind]["mutants"] == 3
