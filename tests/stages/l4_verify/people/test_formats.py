"""Out to other tools and back: nothing is lost, nothing is told that is hidden, and odd files are said."""

import json

import pytest

from stages.l4_verify.people.formats import FORMATS, UnreadableReviews, export, read
from stages.l4_verify.people.outcome import Review
from tests.stages.l4_verify.people.helpers import record

REVIEWS = [
    Review("r0", "ann", "pass", (), "", 3.5),
    Review("r0", "bob@x.example", "fail", ("number", "name"), "wrong\nyear “1840”", 12.0),
    Review("r1", "ann", "unsure", (), "", 1.0),
]
GOLD = record(2, role="gold", gold={"verdict": "fail", "defect": "number"})
RECORDS = [record(0), record(1), GOLD]


@pytest.mark.parametrize("kind", FORMATS)
def test_what_goes_out_comes_back(kind: str):
    back = read(kind, export(kind, RECORDS, REVIEWS))
    timed = kind != "argilla"  # which has no place for the time
    assert back == [
        one if timed else Review(one.item, one.reviewer, one.verdict, one.defects, one.note) for one in REVIEWS
    ]


@pytest.mark.parametrize("kind", FORMATS)
def test_gold_does_not_show(kind: str):
    text = export(kind, RECORDS, [])
    assert "Text 2 says" in text
    assert "gold" not in text
    assert read(kind, text) == []


def test_label_studio_as_it_exports_itself():
    task = {
        "id": 7, "data": {"id": "r0", "text": "t"}, "predictions": [],
        "annotations": [
            {"id": 1, "completed_by": {"id": 4, "email": "ann@x.example"}, "was_cancelled": False, "lead_time": 2.5,
             "result": [{"id": "a", "from_name": "verdict", "to_name": "text", "type": "choices", "origin": "manual",
                         "value": {"choices": ["fail"]}}]},
            {"id": 2, "completed_by": 4, "was_cancelled": True, "result": []},
            {"id": 3, "completed_by": 5, "result": [{"from_name": "verdict", "value": {"choices": ["pass"]}}]},
        ],
    }  # fmt: skip
    assert read("label_studio", json.dumps([task])) == [
        Review("r0", "ann@x.example", "fail", (), "", 2.5),
        Review("r0", "5", "pass"),
    ]


def test_argilla_drafts_are_no_verdicts():
    answers = [{"value": "pass", "user_id": "u1", "status": "draft"}, {"value": "fail", "user_id": "u2"}]
    row = {"id": "r0", "fields": {}, "responses": {"verdict": answers, "note": [{"value": "x", "user_id": "u3"}]}}
    assert read("argilla", json.dumps([row])) == [Review("r0", "u2", "fail")]


@pytest.mark.parametrize(
    ("kind", "content", "says"),
    [
        ("jsonl", "no JSON", "not in the format 'jsonl'"),
        ("jsonl", '{"id": "r0", "reviews": [{"verdict": "pass"}]}', "row 1"),
        ("prodigy", '{"text": "a"}\n{"answer": "maybe", "meta": {"id": "r0"}, "_annotator_id": "a"}', "row 2"),
        ("label_studio", '[{"data": {"id": "a"}, "annotations": [{"result": []}]}]', "row 1"),
        ("argilla", '{"id": 1}', "not in the format"),
        ("prodigy", '{"answer": "accept", "meta": {"id": "r0"}, "_annotator_id": "", "_session_id": null}', "nobody"),
    ],
)
def test_other_files_are_refused_with_their_row(kind: str, content: str, says: str):
    with pytest.raises(UnreadableReviews, match=says):
        read(kind, content)
