"""Gopher's repetition rules: drops documents that repeat their own paragraphs, lines or phrases.

Thresholds: table A1 of arXiv 2112.11446. Measured and decided as datatrove 0.10.1 does, in its order.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from pipeline.rows.batch import Batch
from stages.l1_filter.by_language import ByLanguage
from stages.l1_filter.heuristics.signals import Measured

Fraction = float | None


class GopherRepetition(ByLanguage):
    """Drop documents in which too much is repeated. A limit of null switches its rule off."""

    kind: Literal["gopher_repetition"] = "gopher_repetition"
    dup_para_frac: Fraction = 0.30
    """Paragraphs that equal an earlier one, of all paragraphs."""
    dup_para_char_frac: Fraction = 0.20
    """Their characters, of all characters."""
    dup_line_frac: Fraction = 0.30
    dup_line_char_frac: Fraction = 0.20
    top_n_grams: tuple[tuple[Literal[2, 3, 4], float], ...] = ((2, 0.20), (3, 0.18), (4, 0.16))
    """n, and the limit for: characters of the most frequent n-gram of words times its count, of all characters."""
    dup_n_grams: tuple[tuple[Literal[5, 6, 7, 8, 9, 10], float], ...] = (
        (5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10),
    )  # fmt: skip
    """The same for: characters of n-grams that appeared before."""

    def signals(self) -> tuple[str, ...]:
        repeats = [f"duplicate_{part}{what}" for part in ("paragraph", "line") for what in ("s", "_chars")]
        return (*repeats, *(f"top_{n}_gram" for n in (2, 3, 4)), *(f"duplicate_{n}_gram" for n in range(5, 11)))

    def measure(self, batch: Batch) -> Measured:
        from pipeline.kernels.words import lines, ngrams

        judgement = Measured(len(batch))
        characters, _, _ = lines.characters(batch.text)
        judgement.drop(characters == 0, "empty", 0, 1)
        length = np.maximum(characters, 1)

        def limit(rule: str, value: np.ndarray, threshold: Fraction) -> None:
            above = value > threshold if threshold is not None else np.zeros(len(batch), np.bool_)
            judgement.drop(above, rule, value, threshold)

        found = batch.derive("lines", lines.split_lines)
        paragraphs = lines.paragraphs(found)
        repeats, repeated_characters = lines.repeated(paragraphs)
        limit("duplicate_paragraphs", repeats / np.maximum(paragraphs.end - paragraphs.begin, 1), self.dup_para_frac)
        limit("duplicate_paragraph_chars", repeated_characters / length, self.dup_para_char_frac)

        repeats, repeated_characters = lines.repeated(found)
        # Newlines at the text's ends leave an empty line there; two of them are duplicates.
        before, after = lines.outer_newlines(batch.text)
        count = found.end - found.begin + before + after
        limit("duplicate_lines", (repeats + (before & after)) / np.maximum(count, 1), self.dup_line_frac)
        limit("duplicate_line_chars", repeated_characters / length, self.dup_line_char_frac)

        rows = np.arange(len(batch)) if self.keep_signals else np.flatnonzero(judgement.kept)
        tops: dict[int, float] = dict(self.top_n_grams)
        duplicates: dict[int, float] = dict(self.dup_n_grams)
        # A hair lower: rounding must not hide what exceeds the limit. Below 0, nothing is left out.
        fractions = [tops.get(n, np.inf) for n in ngrams.TOP] + [duplicates.get(n, np.inf) for n in ngrams.DUPLICATE]
        limits = np.full(9, -1.0) if self.keep_signals else np.array(fractions)
        limits = limits * length[rows, np.newaxis] * (1 - 1e-9)
        top, duplicate = ngrams.repetition(self.split_words(batch), rows, limits)
        for rule, given, measured, sizes in (
            ("top_{}_gram", tops, top, ngrams.TOP),
            ("duplicate_{}_gram", duplicates, duplicate, ngrams.DUPLICATE),
        ):
            for column, n in enumerate(sizes):
                value = np.zeros(len(batch))
                value[rows] = measured[:, column] / length[rows]
                limit(rule.format(n), value, given.get(n))
        return judgement
