"""Markdown is counted as what a reader sees."""

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from stages.l1_filter.heuristics.gopher_quality import GopherQuality
from stages.l1_filter.heuristics.marks import unmarked


def batch(*texts: str, extractor: str | None = "blocks") -> Batch:
    columns = [pa.array(texts, pa.string()), pa.array([extractor] * len(texts), pa.string())]
    return Batch(pa.RecordBatch.from_arrays(columns, ["text", "extractor"]))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("# Title\n\nText.\n\n### More", "Title\n\nText.\n\nMore"),
        ("- one\n  - two\n- three", "-one\n  -two\n-three"),
        ("Call `f(x)`:\n\n```python\nx = 1\n```\n\nDone.", "Call f(x):\n\n\nx = 1\n\n\nDone."),
        ("| a | b |\n| --- | --- |\n| 1 | 2 |", " a b \n\n 1 2 "),
        ("> said\n>\n> so", "said\n\nso"),
        ("C# and 5 - 3 and #tag", "C# and 5 - 3 and #tag"),
    ],
)
def test_marks_are_taken_out_and_words_stay(text: str, plain: str):
    assert unmarked(batch(text)).text.to_pylist() == [plain]


@pytest.mark.parametrize("extractor", [None, "text_layer", "json_ld"])
def test_text_of_other_sources_is_counted_as_it_stands(extractor: str | None):
    rows = batch("# Title\n\n- one", extractor=extractor)
    assert unmarked(rows) is rows
    assert unmarked(Batch(rows.rows.select(["text"]))).text.to_pylist() == ["# Title\n\n- one"]


def test_it_is_worked_out_once_and_follows_the_rows():
    rows = batch("# one", "# two")
    assert unmarked(rows) is unmarked(rows)
    assert unmarked(rows.filter(pa.array([False, True]).to_numpy(False))).text.to_pylist() == ["two"]


def test_headings_and_lists_do_not_cost_a_page():
    """A change log of six words a line; by its marks a seventh of its words has no letter and it has 30 hash signs."""
    lines = "\n\n".join(
        f"## Release\n\n- the fix of that name with {word}" for word in ("speed", "order", "tests") * 10
    )
    judged = GopherQuality().judge(batch(lines))
    assert judged.kept.all()
    plain = GopherQuality().judge(batch(lines, extractor=None))
    assert [plain.rules[rule] for rule in plain.rule] == ["too_many_hash_signs"]


def test_a_page_of_bullets_alone_is_still_one():
    lines = "\n".join(f"- the words of that line are {word} to be read" for word in ("many", "few", "old") * 10)
    judged = GopherQuality().judge(batch(lines))
    assert [judged.rules[rule] for rule in judged.rule] == ["too_many_bullet_lines"]
