"""Signals: the value of every rule for every row, the same that a broken rule records, and no other decision."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from stages.l1_filter.heuristics.c4_quality import C4Quality
from stages.l1_filter.heuristics.fineweb_quality import FineWebQuality
from stages.l1_filter.heuristics.gopher_quality import GopherQuality
from stages.l1_filter.heuristics.gopher_repetition import GopherRepetition
from stages.l1_filter.heuristics.signals import Measuring

PHRASE = "the river that we saw with you is to be wide and of use #1 to all..."
TEXTS = (
    "One line of prose, and that is all of it. Two sentences have more to say.",
    f"{PHRASE}\n{PHRASE}\n\n- {PHRASE}\n\nlast words of it.\n\nlast words of it.",
    " ".join(["over and over again it goes on"] * 6) + ".\n" + "A good end to it all. " * 7,
    "",
)
OFF: dict[str, dict[str, Any]] = {
    "gopher_quality": dict.fromkeys(
        (
            "min_doc_words", "max_doc_words", "min_avg_word_length", "max_avg_word_length", "max_symbol_word_ratio",
            "max_bullet_lines_ratio", "max_ellipsis_lines_ratio", "min_alpha_words_ratio", "min_stop_words",
        )
    ),
    "gopher_repetition": {
        **dict.fromkeys(("dup_para_frac", "dup_para_char_frac", "dup_line_frac", "dup_line_char_frac")),
        "top_n_grams": (), "dup_n_grams": (),
    },
    "fineweb_quality": {
        "line_punct_thr": -1, "short_line_thr": 2, "char_duplicates_ratio": 2, "new_line_ratio": 1e9,
    },
    "c4_quality": {"min_num_sentences": -1},
}  # fmt: skip
STRICT = [  # one rule at a time at a limit that every text breaks
    *((GopherQuality, {f"min_{name}": 1e6}, rule) for name, rule in (
        ("doc_words", "too_few_words"), ("avg_word_length", "words_too_short"), ("stop_words", "too_few_stop_words"),
        ("alpha_words_ratio", "too_few_alphabetic_words"),
    )),
    *((GopherQuality, {f"max_{name}": -1}, rule) for name, rule in (
        ("doc_words", "too_many_words"), ("avg_word_length", "words_too_long"),
        ("symbol_word_ratio", "too_many_hash_signs"), ("bullet_lines_ratio", "too_many_bullet_lines"),
        ("ellipsis_lines_ratio", "too_many_ellipsis_lines"),
    )),
    *((GopherRepetition, {name: -1}, rule) for name, rule in (
        ("dup_para_frac", "duplicate_paragraphs"), ("dup_para_char_frac", "duplicate_paragraph_chars"),
        ("dup_line_frac", "duplicate_lines"), ("dup_line_char_frac", "duplicate_line_chars"),
    )),
    *((GopherRepetition, {"top_n_grams": ((n, -1),)}, f"top_{n}_gram") for n in (2, 3, 4)),
    *((GopherRepetition, {"dup_n_grams": ((n, -1),)}, f"duplicate_{n}_gram") for n in range(5, 11)),
    (FineWebQuality, {"line_punct_thr": 2}, "line_punctuation"),
    (FineWebQuality, {"short_line_thr": -1}, "short_lines"),
    (FineWebQuality, {"char_duplicates_ratio": -1}, "duplicate_line_chars"),
    (FineWebQuality, {"new_line_ratio": -1}, "too_many_newlines"),
    (C4Quality, {"min_num_sentences": 1 << 20}, "too_few_sentences"),
]  # fmt: skip


def batch() -> Batch:
    return Batch(pa.record_batch({"text": pa.array(TEXTS)}))


@pytest.mark.parametrize(("step", "strict", "rule"), STRICT)
def test_a_signal_is_what_the_rule_compares(step: type[Measuring], strict: dict[str, Any], rule: str) -> None:
    kind = step.model_fields["kind"].default
    judgement = step.model_validate({**OFF[kind], **strict}).process(batch()).judgement
    assert judgement is not None
    broken = [
        row for row in range(len(TEXTS)) if not judgement.kept[row] and judgement.rules[judgement.rule[row]] == rule
    ]
    assert len(broken) >= 3
    kept = step.model_validate({**OFF[kind], "keep_signals": True}).process(batch()).batch
    signal = kept.column(f"{kind}_{rule}")
    assert signal.type == pa.float32()
    assert signal.to_numpy()[broken].tolist() == judgement.value[broken].astype(np.float32).tolist()


@pytest.mark.parametrize("step", [GopherQuality, GopherRepetition, FineWebQuality, C4Quality])
def test_signals_change_no_decision(step: type[Measuring]) -> None:
    plain, measured = step().process(batch()), step(keep_signals=True).process(batch())
    assert plain.judgement is not None
    assert measured.judgement is not None
    assert plain.batch.rows.schema.names == ["text"]
    assert measured.batch.rows.schema.names == ["text", *(column.name for column in step(keep_signals=True).columns())]
    assert plain.judgement.rule.tolist() == measured.judgement.rule.tolist()
    assert plain.judgement.rules == measured.judgement.rules
    assert plain.batch.text == measured.batch.text
    assert (step().columns(), plain.changed) == ((), measured.changed)


def test_all_measured_rules_have_a_test() -> None:
    rules = {(step, rule) for step in {step for step, _, _ in STRICT} for rule in step().signals()}
    assert rules - {(step, rule) for step, _, rule in STRICT} == {(GopherQuality, "too_many_ellipses")}  # same limit
