"""FineWeb's rules: which rule a text breaks, with what value."""

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from stages.l1_filter.heuristics.fineweb_quality import FineWebQuality

LINE = "A line of prose that is longer than thirty characters"


def judge(text: str, **settings: float | bool) -> tuple[str, float, float] | None:
    found = FineWebQuality.model_validate(settings).judge(Batch(pa.record_batch({"text": pa.array([text])})))
    if found.kept[0]:
        return None
    return found.rules[found.rule[0]], round(float(found.value[0]), 3), float(found.threshold[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{LINE} one.\n{LINE} two!\n", None),
        (" \n\t\n", ("empty", 0, 1)),
        (f"{LINE} one\n\n \n{LINE} two", ("line_punctuation", 0, 0.12)),
        (f"short.\nlines.\nhere.\n{LINE}.", ("short_lines", 0.75, 0.67)),
        (f"{LINE}.\n{LINE}.\n \n ", ("duplicate_line_chars", round(54 / 110, 3), 0.01)),
        (
            f"{LINE}.\n\n\n\n\n\nNot quite so long, but another one.",
            ("too_many_newlines", round(6 / 20, 3), 0.2),
        ),
    ],
)
def test_first_broken_rule_with_value_and_threshold(text: str, expected: tuple[str, float, float] | None) -> None:
    assert judge(text, new_line_ratio=0.2) == expected


def test_settings() -> None:
    text = f"{LINE} one\n{LINE} two"
    assert judge(text, line_punct_exclude_zero=True) is None
    assert judge(text, line_punct_thr=0.0, short_line_length=60) == ("short_lines", 1, 0.67)
    assert judge(f"{LINE}.\n{LINE}.", char_duplicates_ratio=0.6) is None


def test_newlines_are_compared_with_words_not_with_chunks() -> None:
    text = "\n".join(["so-and-so, e.g. twenty-one-year-old people's (well-known) words."] * 4)
    assert judge(text, char_duplicates_ratio=1.0, new_line_ratio=0.11) is None
    assert judge(text, char_duplicates_ratio=1.0, new_line_ratio=0.03) == ("too_many_newlines", 0.033, 0.03)
