"""A store in a bucket gives what a local folder gives, and every command that looks at a store looks at it too."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.helpers import orefine, result_of, rows, write_parquet

RECIPE = """
dataset: toy
allow_empty: true
l0_collect: {source: {kind: parquet, paths: []}}
l1_filter:
  steps:
    - {kind: exact_duplicates, index: true, against: [toy]}
    - {kind: gopher_quality}
    - {kind: near_duplicates, index: true, against: [toy]}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(RECIPE)
    return path


def test_two_versions_are_the_same_on_a_disk_and_in_a_bucket(recipe: Path, bucket: str, tmp_path: Path):
    found = {}
    for store in (str(tmp_path / "store"), f"{bucket}/store"):
        runs = []
        for first in (0, 20):  # the second is compared with the index of the first
            sources = [write_parquet(tmp_path / f"{n}.parquet", rows(15, first=n)) for n in (first, first + 12)]
            inputs = [argument for source in sources for argument in ("--input", source)]
            runs.append(result_of(orefine("run", recipe, *inputs, "--store", store, "--runner", "inline", "--json")))
        assert runs[1]["levels"][1]["dropped"]["exact_duplicates.repeat"] == 10  # 3 within, 7 of the first
        found[store] = runs
    local, remote = found.values()
    for one, other in zip(local, remote, strict=True):
        assert [level["content_id"] for level in one["levels"]] == [level["content_id"] for level in other["levels"]]
        assert (one["content_id"], one["version"]) == (other["content_id"], other["version"])
    assert remote[1]["report"].startswith(f"{bucket}/store/runs/")


ALL_LEVELS = """
dataset: toy
l0_collect: {source: {kind: parquet, paths: []}}
l1_filter: {steps: [{kind: exact_duplicates}]}
l2_select:
  steps:
    - kind: fasttext_quality
      train:
        {positives: {hosts: [.edu]}, negatives: {rest: true}, dim: 4, epochs: 2, lr: 1.0, min_count: 1, bucket: 100,
         word_ngrams: 1, minimum_auc: 0, minimum_spread: 0}
    - {kind: threshold, column: quality, minimum: 0.1}
    - {kind: top_fraction, column: quality, fraction: 0.7}
l3_synthesize: {steps: [{kind: rewrite, engine: template, prompts: [rephrase, question_answer], min_words: 10}]}
l4_verify: {steps: [{kind: format}, {kind: faithfulness}]}
"""


def test_all_levels_are_the_same_on_a_disk_and_in_a_bucket(bucket: str, tmp_path: Path):
    recipe = tmp_path / "all.yaml"
    recipe.write_text(ALL_LEVELS)
    source = write_parquet(tmp_path / "a.parquet", rows(120))
    found = []
    for store in (str(tmp_path / "store"), f"{bucket}/store"):
        arguments = ("run", recipe, "--input", source, "--store", store, "--runner", "inline", "--json")
        done = result_of(orefine(*arguments))
        assert all(level["reused"] for level in result_of(orefine(*arguments))["levels"])
        assert "verified" in orefine("verify", "toy", "--store", store).stdout
        assert "verified" in orefine("verify-certificate", done["certificate"]).stdout
        orefine("certify", "toy", "--store", store, "--output", tmp_path / "copy.json")
        assert "verified" in orefine("verify-certificate", tmp_path / "copy.json", "--store", store).stdout
        found.append(done)
    local, remote = found
    assert [level["content_id"] for level in local["levels"]] == [level["content_id"] for level in remote["levels"]]
    assert local["version"] == remote["version"]
    selected, written, certified = local["levels"][2:]
    assert 0 < selected["rows_out"] < selected["rows_in"] == 120
    assert 0 < certified["rows_out"] <= written["rows_out"]


def test_every_command_reads_the_bucket(recipe: Path, bucket: str, tmp_path: Path):
    source = write_parquet(tmp_path / "a.parquet", rows(10) + rows(2))
    arguments = ("run", recipe, "--input", source, "--store", bucket, "--runner", "inline", "--json")
    done = result_of(orefine(*arguments))
    again = result_of(orefine(*arguments))
    assert [level["reused"] for level in again["levels"]] == [True, True]
    shown = result_of(orefine("show", "toy", "--store", bucket, "--json"))
    assert shown["version"] == done["version"]
    assert "toy" in orefine("show", "--store", bucket).stdout
    assert "exact_duplicates.repeat" in orefine("explain", rows(1)[0]["url"], "--store", bucket).stdout
    orefine("verify", "toy", "--store", bucket)
    orefine("export", "toy", "--to", tmp_path / "out", "--store", bucket)
    exported = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (exported["content_id"], exported["rows"]) == (done["content_id"], 10)


def test_a_bucket_that_is_not_there_is_one_line(recipe: Path, bucket: str, tmp_path: Path):
    source = write_parquet(tmp_path / "a.parquet", rows(3))
    done = orefine("run", recipe, "--input", source, "--store", "s3://no-such-bucket/x", "--runner", "inline", code=2)
    assert done.stderr.splitlines()[-1].startswith("orefine: store 's3://no-such-bucket/x': there is no such bucket")


@pytest.mark.ray
@pytest.mark.slow
def test_workers_of_ray_share_a_bucket(recipe: Path, bucket: str, tmp_path: Path):
    sources = [write_parquet(tmp_path / f"{first}.parquet", rows(15, first=first)) for first in (0, 12)]
    inputs = [argument for source in sources for argument in ("--input", source)]
    here = result_of(orefine("run", recipe, *inputs, "--store", tmp_path / "store", "--runner", "inline", "--json"))
    command = [sys.executable, "-m", "flows.cli", "run", recipe, *inputs, "--store", bucket, "--json"]
    done = subprocess.run([*command, "--runner", "ray", "--workers", "2"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    there = json.loads(done.stdout.splitlines()[-1])
    assert [level["content_id"] for level in there["levels"]] == [level["content_id"] for level in here["levels"]]
    assert there["version"] == here["version"]
