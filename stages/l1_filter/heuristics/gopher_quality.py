"""Gopher's quality rules: drops documents whose words, symbols or lines are not those of prose.

Thresholds: appendix A1.1 of arXiv 2112.11446. Measured and decided as datatrove 0.10.1 does, in its order.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from pipeline.rows.batch import Batch
from stages.l1_filter.by_language import ByLanguage
from stages.l1_filter.heuristics.signals import Measured

SIGNALS = (
    "too_few_words", "too_many_words", "words_too_short", "words_too_long", "too_many_hash_signs", "too_many_ellipses",
    "too_many_bullet_lines", "too_many_ellipsis_lines", "too_few_alphabetic_words", "too_few_stop_words",
)  # fmt: skip


class GopherQuality(ByLanguage):
    """Drop documents that are not made of ordinary words and lines. A limit of null switches its rule off."""

    kind: Literal["gopher_quality"] = "gopher_quality"
    min_doc_words: int | None = 50
    """Words other than those of symbols alone."""
    max_doc_words: int | None = 100_000
    min_avg_word_length: float | None = 3
    """Characters, over the same words."""
    max_avg_word_length: float | None = 10
    max_symbol_word_ratio: float | None = 0.1
    """Hash signs per word, and ellipses per word."""
    max_bullet_lines_ratio: float | None = 0.9
    max_ellipsis_lines_ratio: float | None = 0.3
    min_alpha_words_ratio: float | None = 0.8
    """Words with a letter, of all words; datatrove calls it max_non_alpha_words_ratio."""
    min_stop_words: int | None = 2
    """Distinct ones, compared as they are written."""
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")

    def signals(self) -> tuple[str, ...]:
        return SIGNALS

    def measure(self, batch: Batch) -> Measured:
        from pipeline.kernels.words import lines
        from pipeline.kernels.words.words import tally

        judgement = Measured(len(batch))
        nowhere = np.zeros(len(batch), np.bool_)

        def at_least(rule: str, value: np.ndarray, threshold: float | None) -> None:
            below = value < threshold if threshold is not None else nowhere
            judgement.drop(below, rule, value, threshold)

        def at_most(rule: str, value: np.ndarray, threshold: float | None) -> None:
            above = value > threshold if threshold is not None else nowhere
            judgement.drop(above, rule, value, threshold)

        found = tally(self.split_words(batch), self.stop_words)
        at_least("too_few_words", found.real_words, self.min_doc_words)
        at_most("too_many_words", found.real_words, self.max_doc_words)
        mean_length = found.characters / np.maximum(found.real_words, 1)
        at_least("words_too_short", mean_length, self.min_avg_word_length)
        at_most("words_too_long", mean_length, self.max_avg_word_length)

        words = np.maximum(found.words, 1)
        hash_signs, ellipses = lines.count_symbols(batch.text)
        at_most("too_many_hash_signs", hash_signs / words, self.max_symbol_word_ratio)
        at_most("too_many_ellipses", ellipses / words, self.max_symbol_word_ratio)

        shapes = lines.line_shapes(batch.text)
        count = np.maximum(shapes.lines, 1)
        at_most("too_many_bullet_lines", shapes.bullets / count, self.max_bullet_lines_ratio)
        at_most("too_many_ellipsis_lines", shapes.ellipses / count, self.max_ellipsis_lines_ratio)
        at_least("too_few_alphabetic_words", found.with_letter / words, self.min_alpha_words_ratio)
        at_least("too_few_stop_words", found.stop_words, self.min_stop_words)
        return judgement
