"""A classifier that a recipe trained is used again only as it was trained."""

from pathlib import Path

import pytest
import yaml

from tests.flows.helpers import QUICK_TRAINING, orefine, result_of, rows, write_parquet


@pytest.mark.parametrize("pattern", ["*.bin", "model_card.json"])
def test_a_changed_byte_of_a_trained_model_or_its_card_stops_the_run(tmp_path: Path, pattern: str):
    seeds = {"positives": {"hosts": [".edu"]}, "negatives": {"rest": True}}
    recipe = {
        "dataset": "toy",
        "l0_collect": {"source": {"kind": "parquet", "paths": [str(write_parquet(tmp_path / "a.parquet", rows(120)))]}},
        "l2_select": {"steps": [{"kind": "fasttext_quality", "train": seeds | QUICK_TRAINING}]},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    arguments = ("run", tmp_path / "recipe.yaml", "--store", tmp_path / "store")
    first = result_of(orefine(*arguments, "--json"))
    (file,) = (tmp_path / "store" / "models").glob(f"*/{pattern}")
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    said = orefine(*arguments, code=1).stderr
    assert f"{file} is damaged: " in said
    assert f"remove the folder models/{file.parent.name} of the store and run again" in said
    verify = ("verify", "toy", "--store", tmp_path / "store")
    assert f"{file} is damaged: " in str(orefine(*verify, code=1))
    file.unlink()
    if pattern == "*.bin":
        assert f"models/{file.parent.name}/{file.name}: missing" in str(orefine(*verify, code=1))
    file.write_bytes(whole)
    orefine(*verify)
    assert result_of(orefine(*arguments, "--json"))["version"] == first["version"]
