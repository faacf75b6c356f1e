"""FineWeb's own rules: drops lists, menus and pages whose lines repeat.

Thresholds: arXiv 2406.17557; measured and decided as datatrove 0.10.1 does, in its order. `char_duplicates_ratio` is
0.01 in datatrove's code, 0.1 in FineWeb's blog and in FineWeb-2.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch
from stages.l1_filter.by_language import ByLanguage
from stages.l1_filter.heuristics.signals import Measured


class FineWebQuality(ByLanguage):
    """Drop documents whose lines are short, unfinished or repeated. Blank lines do not count."""

    kind: Literal["fineweb_quality"] = "fineweb_quality"
    line_punct_thr: float = 0.12
    """At least this part of the lines must end in terminal punctuation."""
    line_punct_exclude_zero: bool = False
    """Spare documents in which no line does, such as text without punctuation."""
    short_line_thr: float = 0.67
    """At most this part of the lines may be short."""
    short_line_length: int = 30
    """Characters up to which a line is short."""
    char_duplicates_ratio: float = 0.01
    """Characters in lines that equal an earlier one, of all characters but newlines."""
    new_line_ratio: float = 0.3
    """Newlines per word."""

    def signals(self) -> tuple[str, ...]:
        return "line_punctuation", "short_lines", "duplicate_line_chars", "too_many_newlines"

    def measure(self, batch: Batch) -> Measured:
        from pipeline.kernels.words import lines

        judgement = Measured(len(batch))
        found = batch.derive("lines", lines.split_lines)
        prose = lines.prose(found, self.short_line_length)
        judgement.drop(prose.lines == 0, "empty", 0, 1)
        count = np.maximum(prose.lines, 1)

        finished = prose.terminal / count
        spared = (finished == 0) & self.line_punct_exclude_zero
        unfinished = (finished < self.line_punct_thr) & ~spared
        judgement.drop(unfinished, "line_punctuation", finished, self.line_punct_thr)
        short = prose.short / count
        judgement.drop(short > self.short_line_thr, "short_lines", short, self.short_line_thr)

        characters, newlines, chunks = lines.characters(batch.text)
        _, repeated = lines.repeated(found, skip_blank=True)
        repeated = repeated / np.maximum(characters - newlines, 1)
        limit = self.char_duplicates_ratio
        judgement.drop(repeated > limit, "duplicate_line_chars", repeated, limit)
        # A chunk between white space holds a word or more: words need counting only where chunks are too few.
        listed = judgement.kept & (newlines > self.new_line_ratio * chunks * (1 - 1e-9))
        listed |= self.keep_signals
        words = self.split_words(Batch(batch.rows.filter(pa.array(listed))))
        per_word = np.zeros(len(batch))
        per_word[listed] = newlines[listed] / np.maximum(words.end - words.begin, 1)
        judgement.drop(per_word > self.new_line_ratio, "too_many_newlines", per_word, self.new_line_ratio)
        return judgement
