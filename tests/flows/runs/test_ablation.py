"""The ablation as the last task of a recipe: levels compared, the verdict in result, store and report."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from flows.runs.ablation import read_tasks
from flows.runs.recipe import RecipeError, load_recipe
from pipeline.ablation.model import BUDGETS
from tests.flows.helpers import orefine, result_of
from tests.pipeline.ablation.helpers import TINY, sentences, words, write

ITEM = {
    "query": "Question: Which gas do green plants take from the air for photosynthesis?",
    "choices": ["carbon dioxide", "helium", "neon", "argon"],
    "gold": 0,
}


def recipe(folder: Path, rows: int = 300, **ablation: object) -> Path:
    """Half of what comes in are repeats of one text, which L1 drops."""
    write(folder / "in.parquet", [*sentences(rows, 1), *[f"{words(90, 7)} {row}" for row in range(rows)]])
    write(folder / "held.parquet", sentences(40, 2))
    given = {
        "dataset": "toy",
        "l0_collect": {"source": {"kind": "parquet", "paths": [str(folder / "in.parquet")]}},
        "l1_filter": {"steps": [{"kind": "near_duplicates"}], "alarm": None},
        "ablation": {"heldout": [str(folder / "held.parquet")], **ablation},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")
    return folder / "recipe.yaml"


@pytest.fixture(autouse=True)
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUDGETS, "toy", TINY)
    monkeypatch.setattr("flows.runs.ablation.cache_folder", lambda: tmp_path / "cache")


def test_a_run_ends_with_its_verdict(tmp_path: Path):
    arguments = ("run", recipe(tmp_path, seeds=4), "--store", tmp_path / "store", "--runner", "inline", "--json")
    done = orefine(*arguments)
    result = result_of(done)
    assert result["ablation"]["verdict"] == "l1_filter better"
    mean, low, high = result["ablation"]["difference"]
    assert low <= mean <= high < 0
    found = json.loads(Path(result["ablation"]["result"]).read_text(encoding="utf-8"))
    assert [(one["first"], one["second"]) for one in found["comparisons"]] == [("baseline", "l1_filter")]
    page = Path(result["report"]).read_text(encoding="utf-8")
    assert "<b>l1_filter better</b>" in page
    assert "ablation     l1_filter better: -" in done.stderr
    assert json.loads(Path(result["report"]).with_name("report.json").read_text(encoding="utf-8")) == result | {
        "levels": [level | {"seconds": pytest.approx(level["seconds"])} for level in result["levels"]]
    }
    assert not list((tmp_path / "cache").rglob("*.bin")), "tokens of the text stay in the cache"
    again = orefine(*arguments)
    assert "training on" in done.stderr
    assert "training on" not in again.stderr, "finished runs were made again"


def test_a_report_made_again_has_the_verdict(tmp_path: Path):
    orefine("run", recipe(tmp_path), "--store", tmp_path / "store", "--runner", "inline")
    orefine("report", "toy", "--store", tmp_path / "store", "--output", tmp_path / "again.html")
    page = (tmp_path / "again.html").read_text(encoding="utf-8")
    assert "l1_filter against baseline, bits per byte by domain" in page


def test_what_is_wrong_with_it_is_said_before_the_first_row(tmp_path: Path):
    path = recipe(tmp_path, heldout=["nowhere.jsonl"], tasks=["none.jsonl"])
    done = orefine("run", path, "--store", tmp_path / "store", "--runner", "inline", code=2)
    assert "ablation: nowhere.jsonl is not there" in done.stderr
    assert "ablation: none.jsonl is not there" in done.stderr
    assert not (tmp_path / "store" / "l0_collect").exists()


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("baseline=l9", "the recipe has no level 'l9'; there are l0_collect, l1_filter"),
        ("candidates=[l2_select]", "the recipe has no level 'l2_select'"),
        ("candidates=[l0_collect]", "l0_collect would be compared with itself"),
        ("seeds=1", "greater than or equal to 2"),
        ("budgett=toy", "did you mean 'budget'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, setting: str, problem: str):
    with pytest.raises(RecipeError, match=problem):
        load_recipe(str(recipe(tmp_path)), settings=[f"ablation.{setting}"])


def test_held_out_text_that_is_all_of_the_input_ends_after_the_version_is_there(tmp_path: Path):
    path = recipe(tmp_path, heldout=[str(tmp_path / "in.parquet")])
    done = orefine("run", path, "--store", tmp_path / "store", "--runner", "inline", code=2)
    assert "is published; its ablation did not start: " in done.stderr
    assert list((tmp_path / "store" / "releases" / "toy").iterdir())


def test_tasks_are_read_and_their_items_found_in_texts(tmp_path: Path) -> None:
    path = tmp_path / "quiz.jsonl"
    # Words weigh by how rare they are in the set, so it takes a set to find an item of it.
    others = [{"query": f"Question: {words(9, row)}?", "choices": ["yes", "no"], "gold": 1} for row in range(60)]
    path.write_text("\n".join(map(json.dumps, [ITEM, *others])))
    (task,), taint = read_tasks([str(path)])
    assert (task.name, task.items[0].choices[task.items[0].answer]) == ("quiz", "carbon dioxide")
    assert taint is not None
    told = "A test. Which gas do green plants take from the air for photosynthesis? carbon dioxide helium neon argon"
    assert taint(pa.array([told, "Green plants stand in the garden of the old mill."])).tolist() == [True, False]
    assert read_tasks([]) == ([], None)
    path.write_text(json.dumps({"question": "What?", "answer": "a thing"}))
    with pytest.raises(ValueError, match="has no question with choices of which one is marked as right"):
        read_tasks([str(path)])
