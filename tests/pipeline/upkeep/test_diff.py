"""Two versions side by side: what came, what went and why, and what was set otherwise."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.publish.release import Release, publish
from pipeline.rows.batch import Batch
from pipeline.run.level import run_level
from pipeline.run.runners import InlineRunner
from pipeline.steps import Outcome, RowStep
from pipeline.store.local import LocalStore
from pipeline.upkeep.diff import NOT_THERE, QUANTILES, Difference, difference
from tests.pipeline.helpers import MinWords, SameFirstWord, l0, l1, silent, write_lines
from tests.pipeline.upkeep.pages import APPLE, COPY, PEAR, PLUM, Pages, refine

SHORT = "https://short.example/ only three words"


def compared(store: LocalStore, old: Release, new: Release) -> Difference:
    return difference(store, *(f"releases/toy/{one.version}" for one in (old, new)))


def test_a_version_differs_from_itself_in_nothing(tmp_path: Path):
    store, one = refine(tmp_path, APPLE, PLUM)
    found = compared(store, one, one)
    assert (found.rows, found.added, found.gone, found.changed) == ((2, 2), {}, {}, 0)
    assert (found.inputs_added, found.inputs_gone, found.groups, found.settings) == (0, 0, {}, [])
    assert found.lines()[0] == "rows 2 → 2: 0 came, 0 went, 0 have another text"
    assert found.lines()[-1] == "the same steps, parameters, models and packages"


def test_rows_of_new_inputs_came_and_those_that_a_later_rule_drops_went(tmp_path: Path):
    store, old = refine(tmp_path, APPLE, PLUM, SHORT)
    inputs = write_lines(tmp_path / "later", [APPLE, PLUM, SHORT], [PEAR])
    first = run_level(replace(l0(), source=Pages()), store, InlineRunner(), silent, inputs)
    level = l1(MinWords(minimum=4), SameFirstWord())
    new = publish(store, [first, run_level(level, store, InlineRunner(), silent, parent=first)])
    found = compared(store, old, new)
    assert found.rows == (3, 3)
    assert found.added == {NOT_THERE: 1}
    assert found.gone == {"l1_filter: min_words.too_few_words": 1}
    assert (found.inputs_added, found.inputs_gone, found.changed) == (1, 0, 0)
    assert found.settings == ["l1_filter: 01 min_words.minimum: 2 → 4"]
    assert found.lines()[1:4] == [
        "input files: 1 came, 0 went",
        f"came  {1:>10,}  before: {NOT_THERE}",
        f"went  {1:>10,}  now: l1_filter: min_words.too_few_words",
    ]
    back = compared(store, new, old)
    assert back.added == {"l1_filter: min_words.too_few_words": 1}
    assert back.gone == {NOT_THERE: 1}
    assert (back.inputs_added, back.inputs_gone) == (0, 1)


def test_a_step_of_one_version_alone_is_named(tmp_path: Path):
    store, old = refine(tmp_path, APPLE, COPY)
    inputs = write_lines(tmp_path / "input-2", [APPLE, COPY])
    first = run_level(replace(l0(), source=Pages()), store, InlineRunner(), silent, inputs)
    new = publish(store, [first, run_level(l1(MinWords()), store, InlineRunner(), silent, parent=first)])
    found = compared(store, old, new)
    assert found.rows == (1, 2)
    assert found.added == {"l1_filter: same_first_word.repeat": 1}
    assert found.settings == ["l1_filter: step 02 same_first_word only in the earlier version"]
    assert found.numbers["text bytes"][0][1] > 0


class Lengths(RowStep):
    """Writes each text's length as a score, unless it is over the limit."""

    kind: str = "lengths"
    limit: int | None = None

    def columns(self) -> Sequence[pa.Field]:
        return [pa.field("length", pa.float32())]

    def process(self, batch: Batch) -> Outcome:
        lengths = [float(len(text)) for text in batch.text.to_pylist()]
        kept = [None if self.limit and length > self.limit else length for length in lengths]
        return Outcome(batch.with_column(pa.field("length", pa.float32()), pa.array(kept, pa.float32())))


def test_scores_are_compared_by_their_quantiles_and_a_limit_that_was_not_set_is_named(tmp_path: Path):
    store = LocalStore(tmp_path / "store")
    inputs = write_lines(tmp_path / "input", ["a", "bbb", "ccccc", "ddddddd"])
    first = run_level(l0(), store, InlineRunner(), silent, inputs)
    old, new = (
        publish(store, [first, run_level(l1(step), store, InlineRunner(), silent, parent=first)])
        for step in (Lengths(), Lengths(limit=5))
    )
    found = compared(store, old, new)
    expected = [np.quantile(values, QUANTILES).tolist() for values in ([1, 3, 5, 7], [1, 3, 5])]
    assert [list(one) for one in found.numbers["length"]] == [[round(one, 4) for one in of] for of in expected]
    assert found.settings == ["l1_filter: 01 lengths.limit: none → 5"]
