"""Planted defects differ from the row in what their code says."""

import random

import pytest

from stages.l4_verify.people.gold import extract, planted

RECORD = {
    "id": "a",
    "text": "The mill was built in 1840 by two brothers.",
    "source": "The mill was built in 1840. It stood.",
}
OTHER = {"id": "b", "text": "A whale is the largest animal of the sea.", "source": ""}


def test_each_kind_of_defect_is_planted():
    found = dict(planted(RECORD, [RECORD, OTHER], random.Random(seed))[::-1] for seed in range(40))
    assert found.keys() == {"number", "negation", "unsupported"}
    assert "1840" not in found["number"]
    assert "was not built" in found["negation"]
    assert found["unsupported"].endswith("A whale is the largest animal of the sea.")


def test_a_text_in_which_nothing_can_be_planted_gives_none():
    assert planted({"id": "a", "text": "Mills", "source": "Mills"}, [], random.Random(0)) is None


@pytest.mark.parametrize(("source", "text"), [("One. Two! Three?", "One. Two!"), ("One.", None), ("", None)])
def test_an_extract_says_nothing_of_its_own(source: str, text: str | None):
    assert extract({"source": source}) == text
