"""Marks: joined, the parts are the texts again, whatever those hold."""

from hypothesis import given
from hypothesis import strategies as st

from stages.l4_verify.people.marks import differences, evidence, marked


def test_words_of_one_side_only():
    text, source = differences("The big mill has 12 wheels.", "The mill has 13 wheels.")
    assert [part for part, kind in text if kind == "new"] == ["big ", "12 "]
    assert [part for part, kind in source if kind == "left"] == ["13 "]


@given(st.text(alphabet="ab <1.\n", max_size=40), st.text(alphabet="ab <1.\n", max_size=40))
def test_parts_join_to_the_text(text: str, source: str):
    parts, others = differences(text, source)
    assert "".join(part for part, _ in parts) == text
    assert "".join(part for part, _ in others) == source


def test_long_texts_are_looked_up_instead_of_aligned():
    text, _ = differences("word " * 4000 + "strange", "word " * 4000)
    assert text[-1] == ("strange", "new")


def test_unsupported_items_are_marked_wherever_they_stand():
    found = [{"item": "12", "state": "unsupported"}, {"item": "mill", "state": "supported"}]
    assert marked([("12 mills, ", ""), ("then 12", "new")], found) == [
        ("12", "unsupported"), (" mills, ", ""), ("then ", "new"), ("12", "unsupported"),
    ]  # fmt: skip


def test_evidence_shows_where_the_source_says_it():
    items = [{"kind": "number", "item": "12", "where": 13}, {"kind": "name", "item": "Ada", "where": None}, "odd"]
    record = {"source": "The town has 12 mills.", "verdicts": [{"checker": "f", "evidence": {"items": items}}]}
    assert [(one["item"], one["state"], one["source"]) for one in evidence(record)] == [
        ("12", "supported", "The town has 12 mills."),
        ("Ada", "unsupported", ""),
    ]
    assert evidence({"source": "", "verdicts": [{"evidence": None}]}) == []
