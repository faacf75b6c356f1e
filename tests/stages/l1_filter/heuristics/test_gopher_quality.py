"""Gopher's quality rules: which rule a text breaks, with what value."""

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from stages.l1_filter.heuristics.gopher_quality import GopherQuality

WORDS = "the quick brown fox and some other animals have walked over to that quiet river bank"  # 16 words
PROSE = f"{WORDS} {WORDS} {WORDS} {WORDS}"


def judge(text: str, step: GopherQuality | None = None) -> tuple[str, float, float] | None:
    found = (step or GopherQuality()).judge(Batch(pa.record_batch({"text": pa.array([text])})))
    if found.kept[0]:
        return None
    return found.rules[found.rule[0]], round(float(found.value[0]), 3), float(found.threshold[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PROSE, None),
        ("", ("too_few_words", 0, 50)),
        (WORDS + " ... !!! ,", ("too_few_words", 16, 50)),
        ("a b " * 30, ("words_too_short", 1, 3)),
        ("extraordinarily " * 50, ("words_too_long", 15, 10)),
        (PROSE + " # # # # # # # #", ("too_many_hash_signs", round(8 / 72, 3), 0.1)),
        (PROSE + " ... … ... … ... … ... …", ("too_many_ellipses", round(8 / 72, 3), 0.1)),
        ("\n".join(["- " + WORDS, " • " + WORDS] * 6), ("too_many_bullet_lines", 1, 0.9)),
        (f"{WORDS}...\n{WORDS} … \n{WORDS}\n{WORDS}", ("too_many_ellipsis_lines", 0.5, 0.3)),
        (PROSE + " 1999" * 20, ("too_few_alphabetic_words", round(64 / 84, 3), 0.8)),
        ("Palm tree " * 30 + "the", ("too_few_stop_words", 1, 2)),
        ("The quick brown Fox And " * 12, ("too_few_stop_words", 0, 2)),
    ],
)
def test_first_broken_rule_with_value_and_threshold(text: str, expected: tuple[str, float, float] | None) -> None:
    assert judge(text) == expected


def test_too_many_words() -> None:
    assert judge(PROSE, GopherQuality(max_doc_words=63)) == ("too_many_words", 64, 63)


def test_characters_are_counted_not_bytes() -> None:
    assert judge("çéà " * 60 + "that of the") is None
    assert judge("çé " * 60 + "the of") == ("words_too_short", round((120 + 5) / 62, 3), 3)


def test_stop_words_are_a_setting() -> None:
    german = "der schnelle braune Fuchs und die anderen Tiere " * 10
    assert judge(german) == ("too_few_stop_words", 0, 2)
    assert judge(german, GopherQuality(stop_words=("der", "die", "und"))) is None
