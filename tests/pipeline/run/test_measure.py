"""Every rule's value for every row, also where an earlier rule has dropped it."""

import numpy as np
import pyarrow as pa

from pipeline.rows.batch import Batch
from pipeline.run.measure import measure
from pipeline.steps import Judgement, Outcome, RowStep
from stages.l1_filter.heuristics.c4_quality import C4Quality
from stages.l1_filter.heuristics.gopher_quality import GopherQuality
from stages.l1_filter.heuristics.gopher_repetition import GopherRepetition
from stages.l2_select.choose.threshold import Threshold
from stages.l2_select.score.fasttext_quality import FasttextQuality

TEXTS = ["two words", "the words that we have to count " * 12]
BATCH = Batch(pa.RecordBatch.from_pydict({"id": ["a", "b"], "text": TEXTS}))


def by_name(steps: list) -> dict:
    return {rule.full_name: rule for rule in measure(steps, BATCH).rules}


def test_a_later_rule_is_measured_on_a_row_that_an_earlier_one_drops():
    rules = by_name([GopherRepetition(keep_signals=True), GopherQuality(keep_signals=True)])
    few, stops = rules["02 gopher_quality.too_few_words"], rules["02 gopher_quality.too_few_stop_words"]
    assert (few.value.tolist(), few.limit, few.breaks.tolist()) == ([2, 84], 50, [True, False])
    assert (stops.value.tolist(), stops.breaks.tolist()) == ([0, 4], [True, False])
    assert rules["01 gopher_repetition.duplicate_5_gram"].value[1] > 0.6


def test_the_side_on_which_a_rule_drops_is_told_from_rows_kept_and_dropped():
    rules = by_name([GopherQuality(keep_signals=True)])
    assert rules["01 gopher_quality.too_few_words"].drops_below is True
    assert rules["01 gopher_quality.too_many_words"].drops_below is False  # no row is dropped by it
    assert rules["01 gopher_quality.too_many_bullet_lines"].drops_below is False


class Forbidden(RowStep):
    """Drops a text with a forbidden word: a yes or no, with one number for all rows."""

    kind: str = "forbidden"

    def process(self, batch: Batch) -> Outcome:
        judgement = Judgement(len(batch))
        judgement.drop(np.array(["count" in text for text in batch.text.to_pylist()]), "word", 1.0, 0.0)
        return Outcome(batch, judgement)


def test_a_yes_or_no_has_its_value_and_threshold_where_it_breaks_alone():
    rule = by_name([Forbidden()])["01 forbidden.word"]
    assert rule.breaks.tolist() == [False, True]
    np.testing.assert_array_equal(rule.value, [np.nan, 1])
    np.testing.assert_array_equal(rule.threshold, [np.nan, 0])


def test_a_transform_changes_the_text_for_the_steps_after_it():
    text = "\n".join(["One line of five words [1]."] * 6)
    found = measure([C4Quality(keep_signals=True)], Batch(pa.RecordBatch.from_pydict({"text": [text]})))
    assert found.batch.text.to_pylist() == [text.replace("[1]", "")]


class Raises(RowStep):
    """A step that fails on everything."""

    kind: str = "raises"

    def process(self, batch: Batch) -> Outcome:
        raise ValueError("no")


def test_a_step_that_raises_is_left_out_and_its_place_counts():
    found = measure([Raises(), GopherQuality(keep_signals=True)], BATCH)
    assert {rule.step for rule in found.rules} == {"02 gopher_quality"}
    assert found.left_out == {"01 raises": "ValueError: no"}


def test_a_step_that_is_trained_first_is_left_out_and_so_is_who_reads_its_column():
    seeds = {"positives": {"hosts": ["a.example"]}, "negatives": {"hosts": ["b.example"]}}
    steps = [FasttextQuality(train=seeds), Threshold(column="quality", minimum=0.5), Threshold(column="x", minimum=1)]
    left_out = measure(steps, BATCH).left_out
    assert left_out["01 fasttext_quality"] == "a run trains a classifier from its seeds first"
    assert left_out["02 threshold"] == "it needs column 'quality' of 01 fasttext_quality"
    assert left_out["03 threshold"].startswith("ValueError: threshold: no column 'x'")


def test_no_rows_no_rules():
    assert (
        measure([GopherQuality()], Batch(pa.RecordBatch.from_pydict({"text": pa.array([], pa.string())}))).rules == []
    )
    assert np.isnan(by_name([GopherQuality(min_doc_words=None)])["01 gopher_quality.too_few_words"].threshold).all()
