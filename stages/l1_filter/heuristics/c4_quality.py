"""C4's rules: removes lines that are not prose, then drops documents that hold code, filler or too little text.

Rules: section 2.2 of arXiv 1910.10683 and its code. Measured and decided as datatrove 0.10.1 does, in its order, with
the rule on terminal punctuation off as FineWeb has it. Lines are removed in this order: a word too long, no terminal
punctuation, too few words, "javascript", a policy phrase. Citation marks ([12], [edit]) are cut out of their lines.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pipeline.rows.batch import Batch
from pipeline.steps import Transform, Transformed
from stages.l1_filter.heuristics.signals import Measured, Measuring


class C4Quality(Measuring, Transform):
    """Remove lines by C4's rules, then drop documents by what is left of them. -1 switches a count's rule off."""

    kind: Literal["c4_quality"] = "c4_quality"
    remove_citations: bool = True
    filter_no_terminal_punct: bool = False
    """Alone removes 30 % of the tokens of a crawl, so FineWeb leaves it out."""
    min_num_sentences: int = 5
    min_words_per_line: int = 3
    max_word_length: int = 1000
    """Characters."""
    filter_lorem_ipsum: bool = True
    filter_javascript: bool = True
    filter_curly_bracket: bool = True
    filter_policy: bool = True

    def signals(self) -> tuple[str, ...]:
        return ("too_few_sentences",)

    def transform(self, batch: Batch) -> Transformed:
        from pipeline.kernels.words import c4

        rules = c4.Rules(
            max_word_length=self.max_word_length,
            min_words=self.min_words_per_line,
            min_sentences=self.min_num_sentences,
            citations=self.remove_citations,
            terminal_punctuation=self.filter_no_terminal_punct,
            lorem_ipsum=self.filter_lorem_ipsum,
            javascript=self.filter_javascript,
            curly_bracket=self.filter_curly_bracket,
            policy=self.filter_policy,
        )
        edited = c4.edit(batch.text, rules)
        judgement = Measured(len(batch))
        judgement.drop(edited.fate == c4.LOREM_IPSUM, "lorem_ipsum", 1, 0)
        judgement.drop(edited.fate == c4.CURLY_BRACKET, "curly_bracket", 1, 0)
        few, sentences = edited.fate == c4.FEW_SENTENCES, edited.sentences
        if self.keep_signals:  # the first time they were counted only until there were enough
            sentences = c4.edit(batch.text, replace(rules, min_sentences=1 << 30)).sentences
        judgement.drop(few, "too_few_sentences", sentences, self.min_num_sentences)
        touched = edited.changes[judgement.kept].sum(axis=0)
        changed = {kind: int(count) for kind, count in zip(c4.CHANGES, touched, strict=True) if count}
        return Transformed(batch.with_text(edited.texts) if edited.altered.any() else batch, changed, judgement)
