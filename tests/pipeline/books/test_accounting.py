"""The conservation law."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.books import accounting
from pipeline.books.accounting import OTHERS, WRITTEN_BY, AccountingError, Counts, Passage, Tokens, chain, total


def counted(sources: list[str | None], gone: tuple[int, ...] = (), rules: tuple[str, ...] = ()) -> Counts:
    """Rows of these sources at one step, of which those at `gone` broke `rules`."""
    counts = Counts()
    rows = pa.RecordBatch.from_pydict({"source": pa.array(sources, pa.string())})
    counts.count_groups("01 step", rows, np.array(gone, np.int64), list(rules))
    return counts


def by_source(counts: Counts) -> dict[str, tuple[int, dict[str, int]]]:
    return {
        value: (steps["01 step"].rows_in, steps["01 step"].dropped) for value, steps in counts.groups["source"].items()
    }


def test_a_lost_row_is_an_error_that_shows_the_sum():
    Counts(rows_in=5, rows_out=2, dropped={"a.b": 2}, quarantined=1).check("here")
    with pytest.raises(
        AccountingError, match=r"here: 5 rows in and 0 made, but 2 kept, 2 dropped and 0 quarantined make 4"
    ):
        Counts(rows_in=5, rows_out=2, dropped={"a.b": 2}).check("here")


def test_nothing_counted_is_zero_everywhere():
    assert {str(value) for value in Counts().model_dump().values()} == {"0", "{}"}
    assert total([]) == Counts()
    Counts().check("nothing")


def test_every_number_is_summed_and_reasons_come_in_order():
    names = ("rows_in", "rows_made", "rows_out", "quarantined", "bytes_in", "bytes_out", "unread_bytes")
    numbers = dict.fromkeys(names, 2)
    part = Counts(**numbers, dropped={"b": 1, "a": 2}, changed={"y": 3, "x": 4})
    result = total([part, part]).model_dump(exclude={"groups", "by_step"})
    assert result == {name: 4 for name in numbers} | {"dropped": {"a": 4, "b": 2}, "changed": {"x": 8, "y": 6}}
    assert [list(result[name]) for name in ("dropped", "changed")] == [["a", "b"], ["x", "y"]]


def test_each_source_has_its_rows_and_its_reasons():
    counts = counted(["a", "b", "a", "c", "a"], (0, 1, 2), ("short", "long", "long"))
    assert by_source(counts) == {"a": (3, {"short": 1, "long": 1}), "b": (1, {"long": 1}), "c": (1, {})}


def test_only_text_columns_that_the_step_does_not_set_are_counted():
    rows = pa.RecordBatch.from_pydict({"source": [1, 2], "language": ["en", "de"], "text": ["x", "y"]})
    for made_here, columns in (((), ["language"]), (("language",), [])):
        counts = Counts()
        counts.count_groups("01 step", rows, np.empty(0, np.int64), [], made_here)
        assert list(counts.groups) == columns


def test_beyond_the_largest_sources_rows_are_counted_as_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accounting, "MAXIMUM_GROUPS", 2)
    # A row without a source is no `other`: it has a group of its own, whose alarm can ring.
    sources = ["b", "a", None, "b", "c", None, "b"]
    assert by_source(counted(sources, (1, 4), ("short", "long"))) == {
        "b": (3, {}),
        "": (2, {}),
        OTHERS: (2, {"short": 1, "long": 1}),
    }


def test_a_level_keeps_the_largest_sources_and_adds_up_the_others(monkeypatch: pytest.MonkeyPatch):
    parts = [counted(["a", "a", "b", "c"], (3,), ("x",)), counted(["c", "c", "d", "b"], (0,), ("x",))]
    monkeypatch.setattr(accounting, "MAXIMUM_GROUPS", 2)
    result = total(parts)
    # `a` and `b` have two rows each; the first by name stays.
    assert by_source(result) == {"a": (2, {}), "c": (3, {"x": 2}), OTHERS: (3, {})}
    assert list(result.groups["source"]) == ["a", "c", OTHERS]
    assert by_source(total([result, result])) == {"a": (4, {}), "c": (6, {"x": 4}), OTHERS: (6, {})}
    assert parts[0].groups["source"]["c"]["01 step"] == Passage(rows_in=1, dropped={"x": 1})  # the sum is a new object


def test_a_worker_does_not_remember_every_site(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accounting, "MAXIMUM_GROUPS", 2)
    counts = Counts()
    for batch in range(30):
        rows = pa.RecordBatch.from_pydict({"source": [f"site {batch}", f"page {batch}", "large"]})
        counts.count_groups("01 step", rows, np.empty(0, np.int64), [])
        assert len(counts.groups["source"]) <= 10 * 2 + 2
    assert sum(rows for rows, _ in by_source(counts).values()) == 90


def test_steps_come_in_order_also_where_a_shard_met_them_in_another():
    first, second = Counts(), Counts()
    first.come("02 b", 1)
    second.come("01 a", 2)
    second.come("02 b", 3)
    assert [(step, at.rows_in) for step, at in total([first, second]).by_step.items()] == [("01 a", 2), ("02 b", 4)]


def test_rows_made_count_as_rows_in():
    Counts(rows_in=2, rows_made=2, rows_out=3, dropped={"rewrite.truncated": 1}).check("l3")


def test_sums_over_shards_and_passes():
    first = Counts(rows_in=5, rows_out=3, dropped={"b": 2}, bytes_in=50, bytes_out=30)
    second = Counts(rows_in=3, rows_out=1, dropped={"a": 1, "b": 1}, bytes_in=30, bytes_out=10)
    assert total([first, second]).dropped == {"a": 1, "b": 3}
    through = chain([first, second])
    assert (through.rows_in, through.rows_out, through.bytes_in, through.bytes_out) == (5, 1, 50, 10)
    through.check("both passes")


def test_a_step_counts_what_came_and_what_ended_there():
    counts = Counts()
    counts.come("01 words", 4)
    counts.come("01 words", 1)
    counts.drop("01 words", ["short", "long", "short"])
    counts.quarantine("01 words", 2)
    counts.drop("02 words", ["short"])  # another step of the same kind
    assert counts.by_step["01 words"].model_dump() == {
        "rows_in": 5, "dropped": {"short": 2, "long": 1}, "quarantined": 2, "changed": {}, "tokens": {}, "ending": None,
    }  # fmt: skip
    assert counts.by_step["02 words"].dropped == {"short": 1}
    assert counts.dropped == {"words.short": 3, "words.long": 1}
    assert counts.quarantined == 2


def test_the_sum_over_shards_holds_what_each_step_quarantined_and_names_groups_in_order():
    parts = []
    for source in ("b", "a"):
        counts = Counts()
        counts.quarantine("01 words", 2)
        counts.count_groups("01 words", pa.RecordBatch.from_pydict({"source": [source]}), np.array([], int), [])
        parts.append(counts)
    for counts in parts:
        counts.spend("02 rewrite", "p@1", "accepted", Tokens(requests=1, prompt_tokens=7))
    whole = total(parts)
    assert whole.by_step["01 words"].quarantined == whole.quarantined == 4
    assert whole.by_step["02 rewrite"].tokens["p@1"]["accepted"] == Tokens(requests=2, prompt_tokens=14)
    assert list(whole.groups["source"]) == ["a", "b"]


def test_what_prompts_of_models_wrote_is_counted_together():
    rows = pa.RecordBatch.from_pydict({"prompt": ["p@1", "p@1", "q@1"], "model": ["m", "m", "m"], "text": ["", "", ""]})
    counts = Counts()
    counts.count_groups("01 format", rows, np.array([0]), ["cut"])
    found = counts.groups[WRITTEN_BY]
    assert {name: steps["01 format"].model_dump() for name, steps in found.items()} == {
        "p@1 by m": {"rows_in": 2, "dropped": {"cut": 1}}, "q@1 by m": {"rows_in": 1, "dropped": {}},
    }  # fmt: skip
