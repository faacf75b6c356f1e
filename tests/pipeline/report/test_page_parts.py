"""Each part of the report's page, from counts that a reader can add up."""

import html
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from markupsafe import Markup

from pipeline.books.accounting import AtStep, Passage
from pipeline.books.manifest import Manifest, dump
from pipeline.report import page as module
from pipeline.report.funnel import funnel_lines, summary
from pipeline.report.page import Before, Page, classifier_page, report_html
from pipeline.report.samples import dropped_samples
from pipeline.report.section import Section, StepView, fragment
from pipeline.rows.document import DROPPED_SCHEMA, QUARANTINE_SCHEMA
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
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    return [
        [
            html.unescape(re.sub("<title>.*?</title>|<.*?>", "", cell)).strip()
            for cell in re.findall("<t[hd].*?</t[hd]>", one, re.DOTALL)
        ]
        for one in rows
    ]


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
    before = row(level="l0_collect", rows_in=4000, rows_made=0, rows_out=1000, dropped={}, quarantined=0, by_step={})
    text = report_html(Page("toy", [before, row()], {"version": "v<1>"}), store)
    assert cells(text) == [
        ["version", "v<1>"],
        ["level and step", "in", "out", "dropped", "quarantined", "seconds", "kept of all"],
        ["l0_collect", "4,000", "1,000", "0", "0", "1.5", ""],
        ["l1_filter", "2,000", "1,500", "450", "50", "1.5", ""],
        ["01 words", "", "1,600", "400", "", "", ""],
        ["02 words", "", "1,550", "50", "", "", ""],
        ["reason", "rows"],
        ["01 words.long", "200"],
        ["01 words.short", "200"],
        ["02 words.short", "50"],
    ]
    assert re.findall(r"<title>([\d.]+) %", text)[:2] == ["25.0", "37.5"]
    assert re.findall(r"<h\d>(.*?)</h\d>", text) == ["toy", "Funnel", "l1_filter"]
    assert "1,500 documents (6 bytes, about 1\ntokens) of 4,000 that came in" in text
    assert "50 rows are in quarantine" in text
    assert 'name="viewport"' in text
    assert text.count("<table") == text.count("</table>") == 3


def test_a_run_without_rows_has_a_page(store: LocalStore):
    nothing = row(rows_in=0, rows_made=0, rows_out=0, dropped={}, quarantined=0, by_step={})
    assert cells(report_html(Page("toy", [nothing]), store))[1] == ["l1_filter", "0", "0", "0", "0", "1.5", ""]
    assert len(cells(report_html(Page("toy", []), store))) == 1


def test_files_of_which_something_could_not_be_read_are_named(store: LocalStore):
    broken = [
        {"id": "b.parquet#1", "url": None, "step": "00 parquet", "error": "OSError: <cut short>"},
        {"id": "b.parquet#2", "url": None, "step": "00 parquet", "error": "other"},
        {"id": "x", "url": None, "step": "01 extract", "error": "not the reader's"},
    ]
    with ShardWriter(store, "l0/quarantine/part-00000.parquet", QUARANTINE_SCHEMA) as writer:
        writer.write(pa.RecordBatch.from_pylist(broken, QUARANTINE_SCHEMA))
        entry = writer.commit("quarantine").model_copy(update={"path": "quarantine/part-00000.parquet"})
    inputs = [{"path": "a.parquet", "sha256": "1"}, {"path": "b.parquet", "sha256": "2"}]
    fields = {"inputs": inputs, "files": [entry], "steps": [{"kind": "parquet"}], "unread_bytes": 7}
    store.create("l0/manifest.json", dump(manifest(**fields)))
    text = report_html(Page("toy", [row(dropped={}, by_step={}) | {"manifest": "l0/manifest.json"}]), store)
    assert "2 files were given" in text
    assert ["b.parquet", "2", "OSError: <cut short>"] in cells(text)
    assert "(7 bytes in all)" in text
    assert "not the reader" not in text


def test_a_section_of_a_step_stands_under_its_level_and_one_that_fails_says_so(store: LocalStore):
    def good(view: StepView) -> list[Section]:
        return [Section(view.name, fragment("<p>{{ text }}</p>", text="<b>" + str(view.at_step.rows_in)))]

    def bad(view: StepView) -> list[Section]:
        raise ValueError("<no> picture")

    store.create("l1_filter/toy-r/manifest.json", dump(manifest(steps=[{"kind": "words"}, {"kind": "other"}])))
    text = report_html(Page("toy", [row()]), store, {"words": good, "other": bad})
    assert '<h3>00 words</h3><div class="scroll"><p>&lt;b&gt;0</p>' in text
    assert '<h3>01 other</h3><div class="scroll"><p>Cannot be shown: ValueError: &lt;no&gt; picture.</p>' in text


def test_the_version_before_is_compared(store: LocalStore):
    before = Before("v0", [{"level": "l1_filter", "rows_out": 1600}], [("l1_filter 01 words limit", "1", "2")])
    text = report_html(Page("toy", [row()], before=before), store)
    assert ["l1_filter", "1,600", "1,500", "-100"] in cells(text)
    assert ["l1_filter 01 words limit", "1", "2"] in cells(text)


def test_what_each_step_drops_of_each_source_most_rows_first():
    def passages(first: int, dropped: dict[str, int]) -> dict[str, Passage]:
        return {"01 a<": Passage(rows_in=first, dropped=dropped), "02 b": Passage(rows_in=first - 5)}

    sources = {"web": passages(1000, {"x": 100, "y": 150}), "<news>": {"02 b": Passage(rows_in=2000)}}
    (table,) = module._by_group({"language": {"en": passages(9, {})}, "source": sources})
    assert table["steps"] == ["01 a<", "02 b"]
    assert table["lines"] == [("<news>", 2000, ["", "0.0%"]), ("web", 1000, ["25.0%", "0.0%"])]
    assert module._share(Passage()) == ""


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
    found = dropped_samples(store, "l1", manifest(files=[entry]), 2)
    assert {reason: [one["url"] for one in some] for reason, some in found.items()} == {
        "01 words.short": ["a", "b"], "02 words.short": ["c"], "old.rule": ["d"],
    }  # fmt: skip


CARD = {
    "sha256": "m1", "normalizer": "plain", "trained": {"pos": 1000, "neg": 2}, "held_out": {"pos": 3},
    "duplicates": {"pos": 4}, "in_both": 5000, "settings": {"dim": 64, "calibrate": True},
}  # fmt: skip


def test_a_classifiers_page_says_what_it_was_trained_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "classifier_section", lambda card: Markup(f"<p>section of {card['sha256']}</p>"))
    text = classifier_page(CARD)
    assert cells(text) == [
        ["sha256", "m1"], ["normalizer", "plain"], ["trained on", "1,000 pos, 2 neg"], ["held out", "3 pos"],
        ["repeats left out", "4 pos"], ["left out, in both", "5,000"], ["dim", "64"], ["calibrate", "True"],
    ]  # fmt: skip
    assert "<title>Quality classifier</title>" in text
    assert "<h1>Quality classifier</h1>" in text
    assert "<p>section of m1</p>" in text
