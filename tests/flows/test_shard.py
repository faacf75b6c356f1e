"""`orefine shard`: one file, in one process, without the heavy packages."""

import subprocess
import sys
from pathlib import Path

from tests.flows.helpers import orefine, result_of, rows, write_parquet

PROGRAM = """
import sys
from flows.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {"ray", "prefect", "torch", "transformers", "vllm", "datatrove", "spacy"} & set(sys.modules)
assert not heavy, heavy
"""


def test_neither_ray_nor_prefect_nor_torch_is_imported(tmp_path: Path):
    source = write_parquet(tmp_path / "one.parquet", rows(20))
    command = [sys.executable, "-c", PROGRAM, "shard", source, "--output", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert "release" in done.stderr


def test_a_shard_with_too_few_seeds_is_filtered_and_says_that_it_was_not_selected(tmp_path: Path):
    source = write_parquet(tmp_path / "one.parquet", rows(20))
    done = orefine("shard", source, "--output", tmp_path / "out", "--json")
    assert "no selection by 'quality': a classifier needs 50 distinct texts of each class" in done.stderr
    levels = result_of(done)["levels"]
    assert [level["level"] for level in levels] == ["l0_collect", "l1_filter", "l2_select"]
    assert levels[2]["rows_in"] == levels[2]["rows_out"]


def test_a_shard_with_seeds_is_selected(tmp_path: Path):
    source = write_parquet(tmp_path / "one.parquet", rows(160))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "dataset: toy\n"
        "l0_collect: {source: {kind: parquet, paths: [x]}}\n"
        "l2_select:\n"
        "  steps:\n"
        "  - kind: fasttext_quality\n"
        "    train: {positives: {hosts: [.edu]}, negatives: {rest: true}, dim: 4, epochs: 1, bucket: 100,\n"
        "            minimum_auc: 0, minimum_spread: 0}\n"
        "  - {kind: threshold, minimum: 0}\n"
    )
    arguments = ("shard", source, "--output", tmp_path / "out", "--recipe", recipe, "--json")
    assert "training a classifier" in orefine(*arguments).stderr
    again = orefine(*arguments)
    assert "training" not in again.stderr
    assert all(level["reused"] for level in result_of(again)["levels"])


def test_seeds_that_are_too_few_stop_a_recipe_that_relies_on_them(tmp_path: Path):
    source = write_parquet(tmp_path / "one.parquet", rows(20))
    arguments = ("run", "ultra_fineweb_en", "--input", source, "--store", tmp_path / "out")
    assert "needs 50 distinct texts of each class" in orefine(*arguments, code=2).stderr
