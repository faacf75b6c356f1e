"""Each part of the report's page, from counts that a reader can add up."""

import html
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.books.accounting import AtStep, Passage
from pipeline.books.manifest import Manifest, dump
from pipeline.report import page as module
from pipeline.report.page import classifier_page, funnel_lines, page, report_html, summary
from pipeline.rows.document import DROPPED_SCHEMA
from pipeline.run.level import Finished
from pipeline.store.local import LocalStore
from pipeline.store.shard import ShardWriter

COUNTS = {
    "rows_in": 1000, "rows_made": 1000, "rows_out": 1500, "dropped": {"words.long": 200, "words.short": 250},
    "quarantined": 50, "bytes_in": 7, "bytes_out": 6, "seconds": 1.5,
}  # fmt: skip
STEPS = {"01 words": AtStep(rows_in=9, dropped={"short": 200, "long": 200}), "02 words": AtStep(dropped={"short": 50})}


def manifest(**fields: Any) -> Manifest:
    given = {
        "level": "l1_filter", "dataset": "toy", "recipe_id": "r", "content_id": "c", "steps": [], "versions": {},
        "changed": {}, "files": [], "by_step": STEPS,
    }  # fmt: skip
    return Manifest(**(given | COUNTS | fields))


def row(**fields: Any) -> dict[str, Any]:
    (found,) = summary([Finished(manifest(**fields), "l1_filter/toy-r/manifest.json")])
    return found


def cells(text: str) -> list[list[str]]:
    """The rows of the tables in a page, each cell as a reader sees it."""
    rows = re.findall(r"<tr>(.*?)</tr>", text)
    return [[html.unescape(re.sub("<.*?>", "", cell)) for cell in re.findall("<t[hd].*?</t[hd]>", one)] for one in rows]


def test_the_summary_of_a_level():
    assert row() == COUNTS | {
        "level": "l1_filter", "manifest": "l1_filter/toy-r/manifest.json", "reused": False, "recipe_id": "r",
        "content_id": "c",
        "steps": [
            {"step": "01 words", "rows_in": 9, "dropped": {"short": 200, "long": 200}, "quarantined": 0, "changed": {}},
            {"step": "02 words", "rows_in": 0, "dropped": {"short": 50}, "quarantined": 0, "changed": {}},
        ],
    }  # fmt: skip


def test_the_funnel_names_reasons_by_step_most_rows_first():
    assert funnel_lines([row()]) == [
        "l1_filter          2,000 in     1,500 out  75.0%  1.5 s",
        "                     200 dropped  01 words.long",
        "                     200 dropped  01 words.short",
        "                      50 dropped  02 words.short",
        "                      50 quarantined",
    ]


def test_a_funnel_without_rows_steps_or_times():
    empty = {"level": "l0", "rows_in": 0, "rows_made": 0, "rows_out": 0, "dropped": {"a.b": 1}, "quarantined": 0}
    assert funnel_lines([empty]) == [
        "l0                     0 in         0 out      -",
        "                       1 dropped  a.b",
    ]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_the_page_of_a_run(store: LocalStore):
    store.create("l1_filter/toy-r/manifest.json", dump(manifest()))
    before = row(level="l0_collect", rows_in=4000, rows_made=0, rows_out=1000, dropped={}, quarantined=0)
    text = report_html("toy", [before, row()], store, {"version": "v<1>"})
    assert cells(text) == [
        ["version", "v<1>"],
        ["level", "in", "out", "dropped", "quarantined", "kept of all"],
        ["l0_collect", "4,000", "1,000", "0", "0", ""],
        ["l1_filter", "2,000", "1,500", "450", "50", ""],
        ["reason", "rows", "samples: value against threshold"],
        ["01 words.long", "200", ""],
        ["01 words.short", "200", ""],
        ["02 words.short", "50", ""],
        ["quarantined", "50", ""],
    ]
    assert re.findall(r'class="bar"><div style="width:([\d.]+)%', text) == ["25.0", "37.5"]
    assert re.findall(r"<h\d>(.*?)</h\d>", text) == ["toy", "Funnel", "l1_filter"]
    assert text.startswith('<!doctype html><html lang="en"><meta charset="utf-8"><title>toy</title><style>')
    assert text.count("<table>") == text.count("</table>") == 3
    assert text.endswith("</html>\n")


def test_a_run_without_rows_has_a_page(store: LocalStore):
    nothing = row(rows_in=0, rows_made=0, rows_out=0, dropped={}, quarantined=0)
    assert cells(report_html("toy", [nothing], store, {}))[1] == ["l1_filter", "0", "0", "0", "0", ""]
    assert len(cells(report_html("toy", [], store, {}))) == 1


def test_a_level_of_quarantined_rows_alone_has_its_part(store: LocalStore):
    store.create("l1_filter/toy-r/manifest.json", dump(manifest()))
    text = report_html("toy", [row(dropped={}, by_step={})], store, {})
    assert cells(text)[-1] == ["quarantined", "50", ""]


def test_the_body_of_a_page_is_as_given_and_its_title_is_not():
    assert page("a<b", ["<p>x</p>", "<p>y</p>"]).endswith("</style>\n<p>x</p>\n<p>y</p></html>\n")
    assert "<title>a&lt;b</title>" in page("a<b", [])


def test_what_each_step_drops_of_each_source_most_rows_first():
    def passages(first: int, dropped: dict[str, int]) -> dict[str, Passage]:
        return {"01 a<": Passage(rows_in=first, dropped=dropped), "02 b": Passage(rows_in=first - 5)}

    sources = {"web": passages(1000, {"x": 100, "y": 150}), "<news>": {"02 b": Passage(rows_in=2000)}}
    tables = "".join(module._by_group({"language": {"en": passages(9, {})}, "source": sources}))
    assert cells(tables) == [
        ["source", "in", "01 a<", "02 b"],
        ["<news>", "2,000", "", "0.0%"],
        ["web", "1,000", "25.0%", "0.0%"],
    ]
    assert tables.startswith("<table><caption>share dropped by each step</caption>")
    assert tables.endswith("</table>")
    assert module._share(Passage()) == ""


@pytest.mark.parametrize(
    ("sample", "shown"),
    [
        ({"url": "u" * 101}, "u" * 100), ({"url": "", "id": "i"}, "i"), ({"url": None, "id": None}, ""),
        ({"url": "<u>", "value": 0.123456}, "<u> 0.1235"),
        ({"url": "u", "value": 0.0, "threshold": 2.0}, "u 0 against 2"),
    ],
)  # fmt: skip
def test_a_sample_is_its_place_with_what_was_measured(sample: dict[str, Any], shown: str):
    text = module._sample({"id": "i", "value": None, "threshold": None} | sample)
    assert html.unescape(re.sub("<.*?>", "", text)) == shown


def test_samples_are_by_step_and_reason(store: LocalStore):
    dropped = [
        {"id": "2", "url": "b", "reason": "words.short", "value": 1.0, "threshold": 2.0, "step": "01 words"},
        {"id": "1", "url": "a", "reason": "words.short", "value": 1.0, "threshold": 2.0, "step": "01 words"},
        {"id": "3", "url": "c", "reason": "words.short", "value": 1.0, "threshold": 2.0, "step": "02 words"},
        {"id": "4", "url": "d", "reason": "old.rule", "step": "old"},  # from before steps had places
    ]
    with ShardWriter(store, "l1/dropped/part-00000.parquet", DROPPED_SCHEMA) as writer:
        writer.write(pa.RecordBatch.from_pylist(dropped, DROPPED_SCHEMA))
        entry = writer.commit("dropped").model_copy(update={"path": "dropped/part-00000.parquet"})
    found = module._samples(store, "l1", manifest(files=[entry]))
    assert {reason: [one["url"] for one in some] for reason, some in found.items()} == {
        "01 words.short": ["a", "b"], "02 words.short": ["c"], "old.rule": ["d"],
    }  # fmt: skip
    text = module._reasons(row(), found)
    assert cells(text)[2] == ["01 words.short", "200", "a 1 against 2b 1 against 2"]
    assert text.count("<br>") == 1


CARD = {
    "sha256": "m1", "normalizer": "plain", "trained": {"pos": 1000, "neg": 2}, "held_out": {"pos": 3},
    "duplicates": {"pos": 4}, "in_both": 5000, "settings": {"dim": 64, "calibrate": True},
}  # fmt: skip


def test_a_classifiers_page_says_what_it_was_trained_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "classifier_html", lambda card: f"<p>section of {card['sha256']}</p>")
    text = classifier_page(CARD)
    assert cells(text) == [
        ["sha256", "m1"], ["normalizer", "plain"], ["trained on", "1,000 pos, 2 neg"], ["held out", "3 pos"],
        ["repeats left out", "4 pos"], ["left out, in both", "5,000"], ["dim", "64"], ["calibrate", "True"],
    ]  # fmt: skip
    assert "<title>Quality classifier</title>" in text
    assert "<h1>Quality classifier</h1>" in text
    assert "<p>section of m1</p></html>" in text


def test_without_matplotlib_a_page_says_so(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> str:
        raise ImportError("no module named <matplotlib>")

    monkeypatch.setattr(module, "classifier_html", fail)
    monkeypatch.setattr(module, "selection_html", fail)
    said = "<p>No pictures: no module named &lt;matplotlib&gt;; install matplotlib.</p>"
    assert said in classifier_page(CARD)
    assert module._selection(store, row()) == ""  # the level is not there
    store.create("l1_filter/toy-r/manifest.json", dump(manifest()))
    assert module._selection(store, row()) == said
