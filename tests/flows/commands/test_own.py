"""A command replaces what it wrote itself, and nothing else."""

from pathlib import Path

import pytest

from flows.commands.own import check_folder
from flows.runs.recipe import RecipeError
from tests.flows.helpers import orefine, write_parquet

TRAIN = ["--set", "dim=4", "--set", "epochs=5", "--set", "lr=1.0", "--set", "min_count=1", "--set", "word_ngrams=1"]


def test_a_folder_of_its_own_files_is_taken_and_no_other(tmp_path: Path):
    check_folder(tmp_path / "new", ("a.*",))
    (tmp_path / "a.json").touch()
    (tmp_path / ".a.part").touch()
    check_folder(tmp_path, ("a.*",))
    with pytest.raises(RecipeError, match=r"a\.json is an input"):
        check_folder(tmp_path, ("a.*",), [tmp_path / "a.json"])
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(RecipeError, match="holds 'thesis"):
        check_folder(tmp_path, ("a.*",))
    with pytest.raises(RecipeError, match="is a file"):
        check_folder(tmp_path / "a.json", ())


def test_a_refused_classifier_replaces_nothing(tmp_path: Path):
    good = write_parquet(tmp_path / "good.parquet", [{"text": f"the theorem {n} follows"} for n in range(60)])
    bad = write_parquet(tmp_path / "bad.parquet", [{"text": f"buy cheap pills {n} now"} for n in range(60)])
    same = write_parquet(tmp_path / "same.parquet", [{"text": f"the theorem {n} follows"} for n in range(60, 120)])
    orefine("train-classifier", "--positives", good, "--negatives", bad, *TRAIN, "--output", tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(before) == {"model.bin", "model_card.json", "report.html"}
    chance = ["--set", "minimum_auc=1.0", "--set", "seed=3"]
    refused = [*TRAIN, *chance, "--output", tmp_path / "out"]
    orefine("train-classifier", "--positives", good, "--negatives", same, *refused, code=2)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_scores_replace_scores_and_no_other_file(tmp_path: Path):
    good = write_parquet(tmp_path / "good.parquet", [{"text": f"the theorem {n} follows"} for n in range(60)])
    bad = write_parquet(tmp_path / "bad.parquet", [{"text": f"buy cheap pills {n} now"} for n in range(60)])
    orefine("train-classifier", "--positives", good, "--negatives", bad, *TRAIN, "--output", tmp_path / "out")
    score = ["score", good, "--model", tmp_path / "out/model.bin", "--output", tmp_path / "o"]
    write_parquet(tmp_path / "o/good.parquet", [{"mine": 1}])
    assert "no earlier result of this command" in orefine(*score, code=2).stderr
    (tmp_path / "o/good.parquet").unlink()
    orefine(*score)
    orefine(*score)
