"""`--plan` and what every run looks for before it reads a row."""

import json
from pathlib import Path

import pytest
import yaml

from tests.flows.helpers import orefine, rows, write_parquet

L1 = {"steps": [{"kind": "gopher_quality"}, {"kind": "exact_duplicates"}]}


def recipe(folder: Path, **levels: object) -> Path:
    source = write_parquet(folder / "a.parquet", rows(4))
    path = folder / "recipe.yaml"
    whole = {"dataset": "toy", "l0_collect": {"source": {"kind": "parquet", "paths": [str(source)]}}, **levels}
    path.write_text(yaml.safe_dump(whole))
    return path


def run(folder: Path, path: Path, *options: object, code: int = 0):
    return orefine("run", path, "--store", folder / "store", "--runner", "inline", *options, code=code)


def planned(folder: Path, path: Path, *options: object) -> list[dict]:
    return json.loads(run(folder, path, "--plan", "--json", *options).stdout.splitlines()[-1])["plan"]


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ({"l2_select": {"steps": [{"kind": "threshold", "column": "qualty"}]}}, "l2_select 01 threshold: no column"),
        ({"l1_filter": {"steps": [{"kind": "url_filter", "domains": "none.txt"}]}}, "l1_filter 01 url_filter: "),
        ({"l2_select": {"steps": [{"kind": "fasttext_quality", "model": "none.bin"}]}}, "none.bin"),
        ({"l3_synthesize": {"steps": [{"kind": "rewrite", "model": "/none"}]}}, "no folder and no hub id"),
        ({"l4_verify": {"steps": [{"kind": "faithfulness"}]}}, "l4_verify 01 faithfulness: "),
        ({"l1_filter": {"steps": [{"kind": "exact_duplicates", "against": ["none"]}]}}, "against 'none'"),
    ],
)
def test_a_mistake_in_any_level_is_said_in_one_line_before_l0_reads(tmp_path, levels, said):
    done = run(tmp_path, recipe(tmp_path, **levels), code=2)
    (line,) = done.stderr.strip().splitlines()
    assert said in line
    assert not (tmp_path / "store").exists()


def test_all_mistakes_come_together(tmp_path):
    path = recipe(
        tmp_path,
        l2_select={"steps": [{"kind": "threshold", "column": "a"}, {"kind": "top_fraction", "column": "b"}]},
    )
    first, *lines = run(tmp_path, path, "--input", tmp_path / "none.parquet", code=2).stderr.strip().splitlines()
    assert "3 problems, nothing was read" in first
    assert ["none.parquet" in lines[0], "01 threshold" in lines[1], "02 top_fraction" in lines[2]] == [True] * 3


def test_problems_are_part_of_the_json(tmp_path):
    path = recipe(tmp_path, l2_select={"steps": [{"kind": "threshold", "column": "a"}]})
    done = run(tmp_path, path, "--plan", "--json", code=2)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["plan"] == []
    assert len(found["problems"]) == 1


def test_a_model_folder_without_chat_template_is_refused(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "tokenizer_config.json").write_text("{}")
    path = recipe(tmp_path, l3_synthesize={"steps": [{"kind": "rewrite", "model": str(model)}]})
    assert "no chat template" in run(tmp_path, path, code=2).stderr
    (model / "chat_template.jinja").write_text("{{ messages }}")
    (model / "model.safetensors").write_bytes(b"")
    assert planned(tmp_path, path)[1]["state"] == "to make"


def test_a_plan_says_what_is_there_and_runs_nothing(tmp_path):
    path = recipe(tmp_path, l1_filter=L1)
    before = planned(tmp_path, path)
    assert not (tmp_path / "store").exists()
    assert [one["state"] for one in before] == ["to make", "to make"]
    assert before[1]["passes"] == ["01 gopher_quality", "02 exact_duplicates", "write"]
    assert before[1]["core_seconds"] is None  # nothing has run that would tell
    made = json.loads(run(tmp_path, path, "--json").stdout.splitlines()[-1])
    after = planned(tmp_path, path)
    assert [one["state"] for one in after] == ["found", "found"]
    assert [one["recipe_id"] for one in before] == [level["recipe_id"] for level in made["levels"]]
    assert (after[0]["rows_out"], after[0]["core_seconds"]) == (4, 0.0)


def test_time_is_estimated_from_an_earlier_run_of_the_same_steps(tmp_path):
    path = recipe(tmp_path, l1_filter=L1)
    run(tmp_path, path)
    other = planned(tmp_path, path, "--set", "l1_filter.gopher_quality.min_doc_words=2")
    assert [one["state"] for one in other] == ["found", "to make"]
    assert other[1]["core_seconds"] is not None


def test_a_model_that_is_not_trained_yet_leaves_the_id_open(tmp_path):
    seeds = write_parquet(tmp_path / "seeds.parquet", rows(4))
    train = {"positives": {"paths": [str(seeds)]}, "negatives": {"paths": [str(seeds)]}}
    path = recipe(tmp_path, l2_select={"steps": [{"kind": "fasttext_quality", "train": train}, {"kind": "threshold"}]})
    level = planned(tmp_path, path)[1]
    assert (level["state"], level["recipe_id"], level["trains"]) == ("after training", None, ["01 fasttext_quality"])
