"""Gopher's repetition rules: which rule a text breaks, with what value."""

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from stages.l1_filter.heuristics.gopher_repetition import GopherRepetition

PROSE = """A first sentence stands here and it is long enough to be counted as one.

Then another follows, which says something else entirely, so that no phrase of this small text makes up much of it."""


def judge(step: GopherRepetition, *texts: str) -> list[tuple[str, float, float] | None]:
    found = step.judge(Batch(pa.record_batch({"text": pa.array(texts, pa.string())})))
    return [
        None if rule < 0 else (found.rules[rule], round(float(value), 3), float(threshold))
        for rule, value, threshold in zip(found.rule, found.value, found.threshold, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PROSE, None),
        ("", ("empty", 0, 1)),
        ("a\n\na\n\nb", ("duplicate_paragraphs", round(1 / 3, 3), 0.3)),
        ("same long paragraph\n\nsame long paragraph\n\nx\n\ny", ("duplicate_paragraph_chars", round(19 / 46, 3), 0.2)),
        ("a\na\nbcd efg hij", ("duplicate_lines", round(1 / 3, 3), 0.3)),
        ("same long line\nsame long line\nx\ny", ("duplicate_line_chars", round(14 / 33, 3), 0.2)),
        ("\nabc def\n", ("duplicate_lines", round(1 / 3, 3), 0.3)),  # an empty line at either end
        ("one two one two three four five", ("top_2_gram", round(2 * 7 / 31, 3), 0.2)),
    ],
)
def test_first_broken_rule_with_value_and_threshold(text: str, expected: tuple[str, float, float] | None) -> None:
    assert judge(GopherRepetition(), text) == [expected]


def test_duplicate_n_grams_count_from_the_second_on_and_without_blanks() -> None:
    phrase = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
    text = f"{phrase} {' '.join(f'word{number}' for number in range(40))} {phrase}"
    share = len(phrase.replace(" ", "")) / len(text)
    assert 0.10 < share < 0.14
    # Ten words hold two 5-grams and one 6- to 10-gram that do not overlap; of the limits only the last is below.
    assert judge(GopherRepetition(), text) == [("duplicate_10_gram", round(share, 3), 0.1)]
    assert judge(GopherRepetition(dup_n_grams=((5, 0.1),)), text) == [("duplicate_5_gram", round(share, 3), 0.1)]
    six = len("alphabetagammadeltaepsilonzeta") / len(text)
    assert judge(GopherRepetition(dup_n_grams=((6, 0.05),)), text) == [("duplicate_6_gram", round(six, 3), 0.05)]


def test_a_limit_of_null_is_no_limit() -> None:
    off = GopherRepetition(
        dup_para_frac=None, dup_para_char_frac=None, dup_line_frac=None, dup_line_char_frac=None,
        top_n_grams=(), dup_n_grams=(),
    )  # fmt: skip
    assert judge(off, "a\n\na\n\na a a a a a a a a a") == [None]


def test_values_follow_rows_that_earlier_rules_dropped() -> None:
    found = judge(GopherRepetition(), "", "x y x y z w v u", "a\n\na\n\nb", PROSE)
    assert [reason and reason[0] for reason in found] == ["empty", "top_2_gram", "duplicate_paragraphs", None]


def test_no_rows() -> None:
    assert judge(GopherRepetition()) == []
