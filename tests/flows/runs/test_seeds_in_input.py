from pathlib import Path

import pytest
import yaml

from flows.runs import seeds_in_input
from flows.runs.recipe import load_recipe
from flows.runs.seeds_in_input import too_few_seeds
from tests.flows.helpers import orefine, write_parquet

ROWS = [{"text": f"text {n}", "url": f"https://{'a.edu' if n < 30 else 'b.com'}/{n}"} for n in range(100)]
SEEDS = {"positives": {"hosts": [".edu"]}, "negatives": {"rest": True}}


def recipe(folder: Path, train: dict, source: str = "parquet", rows: list[dict] = ROWS):
    file = write_parquet(folder / "in.parquet", rows)
    text = {
        "dataset": "toy",
        "l0_collect": {"source": {"kind": source, "paths": [str(file)]}},
        "l2_select": {"steps": [{"kind": "fasttext_quality", "train": train}]},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(text))
    return load_recipe(str(folder / "recipe.yaml")), [str(file)]


def test_an_input_with_too_few_rows_of_a_class_is_told_before_a_row_is_read(tmp_path: Path):
    recipe(tmp_path, SEEDS)
    said = orefine("run", tmp_path / "recipe.yaml", "--store", tmp_path / "store", code=2).stderr
    assert "the input holds at most 30 rows for the positives" in said
    assert "--set l2_select.fasttext_quality.train.if_too_few=skip" in said
    assert not list((tmp_path / "store").glob("l0_collect/*/data"))


def test_enough_rows_are_no_problem(tmp_path: Path):
    assert not too_few_seeds(*recipe(tmp_path, SEEDS, rows=ROWS + ROWS[:30]))


@pytest.mark.parametrize("change", [{"if_too_few": "skip"}, {"positives": {"paths": ["a.jsonl"]}}])
def test_what_is_skipped_or_comes_from_files_needs_no_rows(tmp_path: Path, change: dict):
    assert not too_few_seeds(*recipe(tmp_path, SEEDS | change))


def test_a_row_that_both_classes_name_is_for_neither(tmp_path: Path):
    both = {"positives": {"hosts": [".com", ".edu"]}, "negatives": {"hosts": ["b.com"]}}
    rows = ROWS + ROWS[:30]
    (said,) = too_few_seeds(*recipe(tmp_path, both, rows=rows))
    assert "at most 0 rows for the negatives" in said


def test_a_large_input_is_not_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(seeds_in_input, "SMALL", 10)
    assert not too_few_seeds(*recipe(tmp_path, SEEDS))
