"""Commands for the first hour: analyze, what-if, head, quarantine, explain, report, steps, recipes, new recipe."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from flows.commands.analyze import rule_lines
from pipeline.report.rules import view_of
from pipeline.rows.batch import Batch
from pipeline.run.measure import Measured, Rule
from tests.flows.helpers import document, orefine, result_of, write_parquet

SHORT, LISTED = "the ending of that longer sentence with", "\n".join(f"- 12 34 {n} 56" for n in range(60))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version of 40 documents, of which one is too short and one has no words with letters."""
    folder = tmp_path_factory.mktemp("first")
    texts = [*(document(number) for number in range(38)), SHORT, LISTED]
    documents = [{"text": text, "url": f"https://a.test/{n}"} for n, text in enumerate(texts)]
    source = write_parquet(folder / "in.parquet", [*documents, {"text": "", "url": "https://a.test/empty"}])
    recipe = {
        "dataset": "toy",
        "l0_collect": {"source": {"kind": "parquet", "paths": [str(source)]}},
        "l1_filter": {"steps": [{"kind": "gopher_quality"}]},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    orefine("run", folder / "recipe.yaml", "--store", folder / "store", code=3)
    return folder


def answer(*arguments: str | Path) -> list:
    return json.loads(orefine(*arguments, "--json").stdout.splitlines()[-1])


def test_a_version_holds_its_recipe_without_paths(place: Path):
    (file,) = (place / "store/releases/toy").glob("*/recipe.yaml")
    kept = yaml.safe_load(file.read_text())
    assert kept["l0_collect"] == {"source": {"kind": "parquet"}, "steps": []}
    assert [step["kind"] for step in kept["l1_filter"]["steps"]] == ["gopher_quality"]


def test_explain_shows_every_rule_of_a_kept_document_and_of_a_dropped_one(place: Path):
    (kept,) = (row for row in answer("explain", "https://a.test/0", "--store", place / "store")[1:])
    rules = {one["rule"]: one for one in kept["values"]}
    assert kept["fate"] == "kept"
    assert rules["01 gopher_quality.too_few_words"]["threshold"] == 50
    assert not any(one["breaks"] for one in kept["values"])
    lines = orefine("explain", "https://a.test/38", "--store", place / "store").stdout
    assert "01 gopher_quality.too_few_words" in lines
    assert "<- dropped here" in lines
    rows = answer("explain", "https://a.test/38", "--store", place / "store")
    values = {one["rule"]: one["value"] for one in rows[-1]["values"]}
    assert (values["01 gopher_quality.too_few_words"], values["01 gopher_quality.too_few_stop_words"]) == (7, 4)


def test_explain_takes_the_beginning_of_an_id_and_a_version(place: Path):
    name = answer("explain", "https://a.test/0", "--store", place / "store")[0]["id"]
    found = answer("explain", name[:8], "--store", place / "store", "--ref", "toy")
    assert [row["id"] for row in found] == [name, name]
    orefine("explain", name[:5], "--store", place / "store", code=2)


def test_head_and_quarantine_show_text(place: Path):
    (kept,) = answer("head", "toy", "-n", "1", "--store", place / "store")
    assert len(kept["text"]) > 100
    (short,) = answer("head", "toy", "--dropped", "gopher_quality.too_few_words", "--store", place / "store")
    assert (short["text"], short["value"], short["threshold"]) == (SHORT, 7, 50)
    assert (
        "no row was dropped for 'x'"
        in orefine("head", "toy", "--dropped", "x", "--store", place / "store", code=2).stderr
    )
    (broken,) = answer("quarantine", "toy", "--store", place / "store")
    assert (broken["step"], broken["error"]) == ("00 parquet", "text is empty")


def test_what_if_gives_what_a_run_with_these_settings_keeps(place: Path):
    (found,) = answer("what-if", "toy", "gopher_quality.min_doc_words=5", "--store", place / "store")
    assert (found["sample"], found["kept_before"], found["kept_after"], found["text_read_again"]) == (40, 38, 39, False)
    setting = "l1_filter.gopher_quality.min_doc_words=5"
    run = ["run", place / "recipe.yaml", "--store", place / "other", "--set", setting, "--json"]
    assert result_of(orefine(*run, code=3))["levels"][1]["rows_out"] == 39
    assert found["rules"] == [{"rule": "01 gopher_quality.too_few_words", "before": 1, "after": 0}]


def test_what_if_reads_the_text_again_where_another_thing_is_measured(place: Path):
    (found,) = answer("what-if", "toy", 'gopher_quality.stop_words=["zzz"]', "--store", place / "store")
    assert (found["text_read_again"], found["kept_after"]) == (True, 0)


def test_what_if_names_what_is_near_to_a_wrong_name(place: Path):
    said = orefine("what-if", "toy", "gopher_qualty.min_doc_words=5", "--store", place / "store", code=2).stderr
    assert "did you mean 'gopher_quality'?" in said
    said = orefine("what-if", "toy", "gopher_quality.min_words=5", "--store", place / "store", code=2).stderr
    assert "did you mean 'min_doc_words'?" in said


def test_the_report_can_be_made_again_and_replaces_only_pages(place: Path, tmp_path: Path):
    orefine("report", "toy", "--store", place / "store", "--output", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "01 gopher_quality.too_few_words" in page
    assert "38 documents" in page
    assert "text is empty" in page
    orefine("report", "toy", "--store", place / "store", "--output", tmp_path / "page.html")
    (tmp_path / "mine.html").write_text("mine")
    said = orefine("report", "toy", "--store", place / "store", "--output", tmp_path / "mine.html", code=2).stderr
    assert "is no page that orefine wrote" in said
    assert (tmp_path / "mine.html").read_text() == "mine"


def test_analyze_counts_what_each_rule_would_drop(place: Path, tmp_path: Path):
    found = answer("analyze", place / "in.parquet", "--recipe", place / "recipe.yaml", "--output", tmp_path / "a.html")
    rules = {one["rule"]: one for one in found["rules"]}
    assert (found["rows"], found["kept"]) == (40, 38)
    assert rules["01 gopher_quality.too_few_words"]["breaks"] == 1
    assert rules["01 gopher_quality.too_few_alphabetic_words"]["breaks"] == 1
    assert found["hosts"] == [["a.test", 40, 38]]
    assert len(found["unreadable"]) == 1 or found["facts"]["read"].startswith("41")
    assert "gopher_quality.too_few_words" in (tmp_path / "a.html").read_text()


@pytest.mark.parametrize(("foreign", "is_said"), [(3, True), (2, False)])
def test_analyze_says_when_the_rules_are_for_another_language(foreign: int, is_said: bool):
    breaks, nothing = np.arange(4) < foreign, np.full(4, np.nan)
    rule = Rule("02 language", "other_language", breaks, nothing, nothing)
    rows = pa.RecordBatch.from_pydict({"text": ["\u679c\u519c"] * 4, "language": ["zh"] * 4})
    said = "\n".join(rule_lines(view_of(Measured(Batch(rows), [rule], {}), ["\u679c\u519c"] * 4)))
    assert ("most rows are in a language that these rules do not keep" in said) == is_said


def test_a_step_says_what_its_parameters_mean():
    lines = orefine("steps", "gopher_quality").stdout
    assert "min_doc_words = 50\n      Words other than those of symbols alone." in lines
    assert "did you mean 'gopher_quality'?" in orefine("steps", "gopher_qualit", code=2).stderr


def test_a_new_recipe_runs_and_replaces_nothing(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    orefine("new", "recipe", "mine.yaml")
    orefine("run", "mine.yaml", "--plan", "--input", place / "in.parquet")
    assert "is there already" in orefine("new", "recipe", "mine.yaml", code=2).stderr
    orefine("new", "recipe", "copy.yaml", "--from", "ultra_fineweb_en")
    assert (tmp_path / "copy.yaml").read_text() == orefine("recipes", "ultra_fineweb_en").stdout


def test_a_version_says_which_it_is():
    assert orefine("--version").stdout.startswith("orefine ")
