"""The report shows the funnel and reasons, and no text of a document reaches it unescaped."""

from pathlib import Path

import pyarrow as pa

from pipeline.books.accounting import Passage
from pipeline.books.manifest import Manifest, dump
from pipeline.report.funnel import funnel_lines
from pipeline.report.page import Page, report_html
from pipeline.rows.document import DROPPED_SCHEMA
from pipeline.store.local import LocalStore
from pipeline.store.shard import ShardWriter

ROW = {
    "level": "l1_filter",
    "manifest": "l1_filter/toy/manifest.json",
    "rows_in": 10,
    "rows_made": 0,
    "rows_out": 7,
    "dropped": {"gopher_quality.too_few_words": 3},
    "quarantined": 0,
    "reused": False,
    "seconds": 1.25,
}


def test_samples_are_those_with_the_smallest_ids_and_escaped(tmp_path: Path):
    store = LocalStore(tmp_path)
    rows = [
        {"id": f"{number:02}", "url": f"https://a.test/<script>{number}", "reason": "gopher_quality.too_few_words",
         "value": float(number), "threshold": 50.0}
        for number in reversed(range(8))
    ]  # fmt: skip
    with ShardWriter(store, "l1_filter/toy/dropped/part-00000.parquet", DROPPED_SCHEMA) as writer:
        writer.write(pa.RecordBatch.from_pylist(rows, DROPPED_SCHEMA))
        entry = writer.commit("dropped").model_copy(update={"path": "dropped/part-00000.parquet"})
    groups = {
        "source": {
            "news<": {"02 gopher_quality": Passage(rows_in=4)},
            "forum": {"02 gopher_quality": Passage(rows_in=6, dropped={"too_few_words": 3})},
        }
    }
    manifest = Manifest(
        **{name: ROW[name] for name in ("level", "rows_in", "rows_out", "dropped", "quarantined", "seconds")},
        dataset="toy", recipe_id="", content_id="", steps=[], versions={}, changed={}, bytes_in=0, bytes_out=0,
        files=[entry], groups=groups,
    )  # fmt: skip
    store.create(ROW["manifest"], dump(manifest))
    page = report_html(Page("toy <b>", [ROW], {"version": "v"}), store)
    assert "&lt;script&gt;4" in page
    assert "&lt;script&gt;5" not in page  # five samples
    assert "<script>" not in page
    assert "toy <b>" not in page
    assert "4 against 50" in page
    forum, news = page.index("<td>forum</td>"), page.index("<td>news&lt;</td>")
    assert forum < news  # most rows first
    assert '<td class="n">50.0%</td>' in page[forum:news]


def test_a_level_is_a_line_and_so_is_each_reason():
    level, reason = funnel_lines([ROW])
    assert level.split() == ["l1_filter", "10", "in", "7", "out", "70.0%", "1.2", "s"]
    assert reason.split() == ["3", "dropped", "gopher_quality.too_few_words"]
    assert "(reused)" in funnel_lines([ROW | {"reused": True}])[0]
