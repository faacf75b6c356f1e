"""Statements made of a source's own words: which of them its places do not bear out."""

import pytest

from stages.l4_verify.own_words import findings

SOURCE = (
    "The mill was built in 1782 by Paul Orrin. It ground three tonnes of flour a day. In 1903 a fire destroyed the "
    "roof, and Jane Holt repaired it. Visitors can see the wheel from March to November."
)
GERMAN = "Das Becken ist 50 Meter lang. Es öffnet im Juni um 8 Uhr. Eine Karte kostet 4 Euro."
CHINESE = "大桥建于1653年，全长86米。桥上不允许汽车通行。门票为20元。"


def defects(text: str, source: str = SOURCE) -> list[str]:
    return [one.defect for one in findings(text, source)]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Paul Orrin built the mill in 1782. Each day it ground three tonnes of flour.", SOURCE),
        ("Question: When was the mill built?\nAnswer: In 1782.", SOURCE),
        ("Question: Who repaired the roof?\nAnswer: Jane Holt did.", SOURCE),
        ("Question: Was the mill built in 1782?\nAnswer: Yes, the mill was built in 1782.", SOURCE),
        ("Question: What did Paul Orrin repair?\nAnswer: Paul Orrin did not repair it.", SOURCE),
        ("Frage: Was kostet eine Karte?\nAntwort: 4 Euro.", GERMAN),
        ("问题：大桥建于哪一年？\n答案：大桥建于1653年。", CHINESE),
        (SOURCE, SOURCE),
        ("", SOURCE),
        ("The mill was built.", ""),
    ],
)
def test_what_stands_together_in_its_source_has_no_finding(text: str, source: str):
    assert defects(text, source) == []


@pytest.mark.parametrize(
    ("text", "defect", "source"),
    [
        ("Question: When was the mill built?\nAnswer: The mill was built in 1903.", "item_elsewhere", SOURCE),
        ("Question: Who repaired the roof?\nAnswer: Paul Orrin repaired the roof.", "item_elsewhere", SOURCE),
        ("Question: When was the mill built?\nAnswer: The mill was built when it was built.", "no_answer", SOURCE),
        ("Question: When was the mill built?\nAnswer: When was the roof repaired?", "no_answer", SOURCE),
        ("Question: Who built the mill?\nAnswer: Somebody unnamed built the mill.", "answer_unfounded", SOURCE),
        ("The fire ground visitors of the wheel a day.", "words_scattered", SOURCE),
        ("Frage: Was kostet eine Karte?\nAntwort: Eine Karte kostet 50 Euro.", "item_elsewhere", GERMAN),
        ("问题：门票是多少？\n答案：门票为86元。", "item_elsewhere", CHINESE),
    ],
)
def test_what_does_not_is_found(text: str, defect: str, source: str):
    assert defect in defects(text, source)


def test_a_text_of_very_many_clauses_is_not_compared():
    assert defects("One thing here, another thing there, " * 300) == ["too_many_clauses"]
