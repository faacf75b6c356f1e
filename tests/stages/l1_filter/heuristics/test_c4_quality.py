"""C4's rules: which lines go, which documents fall, and what is counted."""

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from stages.l1_filter.heuristics.c4_quality import C4Quality

FIVE = "One is here. Two is here. Three is here. Four is here. Five is here."


def apply(step: C4Quality, *texts: str) -> tuple[list[str], list[str | None], dict[str, int]]:
    """Texts, rule per row, counts."""
    result = step.transform(Batch(pa.record_batch({"text": pa.array(texts)})))
    assert result.judgement is not None
    rules = [None if rule < 0 else result.judgement.rules[rule] for rule in result.judgement.rule]
    return result.batch.text.to_pylist(), rules, result.changed


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Home page", "few_words"),
        ("Please enable JavaScript to see this", "javascript"),
        ("See our Terms of Use before you go", "policy"),
        ("This site uses cookies as others do", "policy"),
        ("a b " + "x" * 1001, "long_word"),
    ],
)
def test_a_line_goes_and_the_rest_stays(line: str, kind: str) -> None:
    assert apply(C4Quality(), f"{FIVE}\n{line}\n  {FIVE} ") == ([f"{FIVE}\n{FIVE}"], [None], {kind: 1})


def test_citations_are_cut_out() -> None:
    assert apply(C4Quality(), f"It is so.[12][edit] {FIVE}[citation needed]") == (
        [f"It is so. {FIVE}"],
        [None],
        {"citation": 1},
    )


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        (f"{FIVE}\nLorem ipsum dolor sit amet", "lorem_ipsum", 1),
        (f"{FIVE}\nif (x) {{ y }} else z", "curly_bracket", 1),
        ("One is here. Two is here.\nMenu\nThree is here.", "too_few_sentences", 3),
        ("", "too_few_sentences", 0),
    ],
)
def test_documents_fall_with_the_text_they_had(text: str, rule: str, value: int) -> None:
    result = C4Quality().transform(Batch(pa.record_batch({"text": pa.array([text])})))
    assert result.judgement is not None
    assert result.judgement.rules[result.judgement.rule[0]] == rule
    assert result.judgement.value[0] == value
    assert result.batch.text.to_pylist() == [text]
    assert result.changed == {}


def test_a_bracket_in_a_removed_line_does_no_harm() -> None:
    assert apply(C4Quality(), f"{{ }}\n{FIVE}") == ([FIVE], [None], {"few_words": 1})


def test_terminal_punctuation_is_off_unless_asked_for() -> None:
    text = f"{FIVE}\nno end to this line"
    assert apply(C4Quality(), text)[0] == [text]
    assert apply(C4Quality(filter_no_terminal_punct=True), text)[0] == [FIVE]


def test_unchanged_batches_keep_what_was_derived() -> None:
    batch = Batch(pa.record_batch({"text": pa.array([FIVE])}))
    assert C4Quality().transform(batch).batch is batch
