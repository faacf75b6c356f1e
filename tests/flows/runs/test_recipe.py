"""Recipes are refused before anything starts, with what is wrong, where, and what would be right."""

from pathlib import Path

import pytest

from flows.runs.recipe import RECIPES, RecipeError, all_steps, kind_of, load_recipe
from pipeline.books.alarm import Alarm

GOOD = """
dataset: toy
l0_collect: {source: {kind: parquet, paths: [a.parquet]}}
l1_filter: {steps: [{kind: language, keep: [en]}, {kind: gopher_quality}]}
l2_select: {steps: [{kind: threshold, column: language_score, minimum: 0.7}]}
"""


def load(tmp_path: Path, text: str, inputs=(), settings=()):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return load_recipe(str(path), inputs, settings)


def test_levels_come_in_order(tmp_path: Path):
    levels = load(tmp_path, GOOD).levels()
    assert [level.name for level in levels] == ["l0_collect", "l1_filter", "l2_select"]
    assert [step.kind for step in levels[1].steps] == ["language", "gopher_quality"]


@pytest.mark.parametrize("recipe", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_recipe_that_comes_with_orefine_is_valid(recipe: str):
    assert load_recipe(recipe).levels()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("gopher_quality", "gopher_qualty", r"steps\.1: unknown kind 'gopher_qualty' \(did you mean 'gopher_quality'"),
        ("minimum: 0.7", "minimun: 0.7", r"unknown key 'minimun' \(did you mean 'minimum'\?\); there are kind, column"),
        ("minimum: 0.7", "minimum: much", r"l2_select\.steps\.0\.minimum: Input should be a valid number.*'much'"),
        ("keep: [en]", "keep: [eng]", r"eng.*en"),
        ("y}]}", "y, languages: [en, deu]}]}", r"no parameters for language 'deu', did you mean 'de'.*are de, en"),
        ("[en]}, {kind: gopher_quality}", "[en, de]}, {kind: gopher_quality, languages: [en]}", r"all rows in de,"),
        ("l2_select", "l2_selct", r"top level: unknown key 'l2_selct' \(did you mean 'l2_select'"),
        ("{kind: language, keep: [en]}", "{keep: [en]}", r"l1_filter\.steps\.0: a step needs a `kind`"),
        ("dataset: toy\n", "", r"dataset: is missing"),
        ("dataset: toy", "dataset: ../toy", r"dataset: String should match pattern"),
        ("dataset: toy", f"dataset: {201 * 't'}", r"dataset: String should have at most 200 characters"),
        ("dataset: toy", "dataset: {", r"is no YAML"),
        ("dataset: toy", "dataset: toy\ndataset: other", r"line 3: the key 'dataset' is given twice"),
        ("{steps", "{alarm: {shares: 0.9}, steps", r"l1_filter\.alarm: unknown key 'shares' \(did you mean 'share'"),
        ("{steps", "{alarm: {ignore: [langage]}, steps", r"no step 'langage' \(did you mean 'language'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, message: str):
    with pytest.raises(RecipeError, match=message):
        load(tmp_path, GOOD.replace(old, new))


def test_a_recipe_that_is_not_there_names_those_that_are():
    with pytest.raises(RecipeError, match=r"'nothing' is not there.*ultra_fineweb_en"):
        load_recipe("nothing")


def test_a_folder_of_the_recipes_name_does_not_hide_it(tmp_path: Path, monkeypatch):
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_recipe("demo").dataset == "demo"


@pytest.mark.parametrize("key", ["l2_select.steps.0.minimum", "l2_select.threshold.minimum", "l2_select.0.minimum"])
def test_set_reaches_a_step_by_number_or_kind(tmp_path: Path, key: str):
    recipe = load(tmp_path, GOOD, settings=[f"{key}=0.9"])
    assert recipe.l2_select is not None
    assert recipe.l2_select.steps[0].minimum == 0.9


@pytest.mark.parametrize(
    "setting", ["l2_select.upsample.minimum=1", "dataset.name=x", "dataset", "dataset={", "a={b: 1, b: 2}"]
)
def test_set_that_reaches_nothing_is_refused(tmp_path: Path, setting: str):
    with pytest.raises(RecipeError, match="--set"):
        load(tmp_path, GOOD, settings=[setting])


def test_only_l1_has_the_alarm_on(tmp_path: Path):
    assert [level.alarm for level in load(tmp_path, GOOD).levels()] == [None, Alarm(), None]
    settings = ["l1_filter.alarm.share=0.5", "l2_select.alarm.rows=9"]
    assert [level.alarm for level in load(tmp_path, GOOD, settings=settings).levels()[1:]] == [
        Alarm(share=0.5),
        Alarm(rows=9),
    ]
    assert load(tmp_path, GOOD, settings=["l1_filter.alarm=null"]).levels()[1].alarm is None


def test_input_replaces_paths_and_brings_its_format(tmp_path: Path):
    assert load(tmp_path, GOOD, ["b.parquet"]).l0_collect.source.paths == ("b.parquet",)
    crawl = load(tmp_path, GOOD, ["pages.warc.gz"]).l0_collect
    assert (crawl.source.kind, [step.kind for step in crawl.steps]) == ("warc", ["extract_html"])
    with pytest.raises(RecipeError, match="several formats"):
        load(tmp_path, GOOD, ["a.parquet", "b.jsonl"])


def test_every_step_says_what_it_does():
    kinds = [kind_of(step) for _, step in all_steps()]
    assert len(kinds) == len(set(kinds))
    for _, step in all_steps():
        assert step.__doc__, f"{step.__name__} has no docstring"


def test_a_level_without_a_value_is_refused_by_name(tmp_path: Path):
    path = tmp_path / "null.yaml"
    for text, name in (("l0_collect:", "l0_collect is"), ("l0_collect: {source: }", "l0_collect.source is")):
        path.write_text(f"dataset: toy\n{text}\n")
        with pytest.raises(RecipeError, match=rf"{name} None, and must be a mapping"):
            load_recipe(str(path), ["a.parquet"])
    path.write_text("dataset: toy\n")
    assert load_recipe(str(path), ["a.parquet"]).l0_collect.source.paths == ("a.parquet",)
