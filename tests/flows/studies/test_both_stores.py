"""Studies of what a store holds: a bucket gives what a folder gives."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.commands.score import data_location, find_files
from flows.studies.annotate import Annotation, annotate
from flows.studies.seed_pools import read_candidates, verify_seeds
from pipeline.ablation import ablate, text_files
from pipeline.store.damage import Damaged
from pipeline.store.store import open_store
from tests.flows.helpers import orefine, result_of, rows, write_parquet
from tests.flows.studies.test_annotate import Grader
from tests.flows.studies.test_seed_pools import SETTINGS, Theorems
from tests.pipeline.ablation.helpers import TINY

BUDGET = replace(TINY, heldout_bytes=16_000)
RECIPE = """
dataset: toy
l0_collect: {source: {kind: parquet, paths: []}}
l1_filter: {steps: [{kind: exact_duplicates}]}
"""


@pytest.fixture
def stores(tmp_path: Path, bucket: str) -> dict[str, str]:
    """A folder and a bucket with the same release."""
    recipe = tmp_path / "toy.yaml"
    recipe.write_text(RECIPE)
    source = write_parquet(tmp_path / "a.parquet", rows(200))
    found = {"folder": str(tmp_path / "store"), "bucket": f"{bucket}/store"}
    for store in found.values():
        orefine("run", recipe, "--input", source, "--store", store, "--runner", "inline")
    return found


def same(answers: dict[str, Any]) -> Any:
    assert answers["folder"] == answers["bucket"]
    return answers["folder"]


def test_scores_are_the_same(stores: dict[str, str], tmp_path: Path):
    seeds = write_parquet(tmp_path / "seeds.parquet", rows(60))
    other = write_parquet(tmp_path / "other.parquet", rows(60, first=500))
    settings = [option for name, value in SETTINGS.items() for option in ("--set", f"{name}={value}")]
    arguments = ("--positives", seeds, "--negatives", other, "--output", tmp_path / "model", *settings)
    orefine("train-classifier", *arguments)
    answers = {}
    for name, store in stores.items():
        output = tmp_path / name
        arguments = ("score", "toy", "--model", tmp_path / "model/model.bin", "--output", output, "--store", store)
        told = result_of(orefine(*arguments, "--json"))
        files = [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in told["files"]]
        answers[name] = [Path(file).name for file in told["files"]], files, told["rows"], told["quantiles"]
    assert same(answers)[2] == 200


def test_grades_are_the_same_and_kept_in_the_store(stores: dict[str, str], tmp_path: Path):
    answers = {}
    for name, store in stores.items():
        grader = Grader()
        for _ in range(2):
            files = find_files(["toy"], store)
            found = annotate(files, grader, open_store(store), tmp_path / name, Annotation(sample=20))
        assert len(grader.asked) == 40, "the second time all replies lay in the store"
        answers[name] = found
    assert same(answers)["documents"] == 20


def test_trials_of_seeds_are_the_same(stores: dict[str, str], tmp_path: Path):
    pools = {"edu": {"positives": {"hosts": [".edu"]}}}
    plan = tmp_path / "candidates.yaml"
    plan.write_text(yaml.safe_dump({"data": ["toy"], "pools": pools, "keep": 0.3, "train": SETTINGS}))
    candidates, answers = read_candidates(plan), {}
    for name, store in stores.items():
        files = find_files(candidates.data, store)
        answers[name] = verify_seeds(candidates, files, Theorems(), tmp_path / name, 1, lambda line: None)
    (trial,) = same(answers)["trials"]
    assert trial["selected_documents"] > 30


def test_an_ablation_is_the_same_and_a_failed_run_of_it_is_shown(
    stores: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("torch")
    answers = {}
    for name, store in stores.items():
        arms = [text_files(data_location(ref, store)) for ref in ("toy", f"{store}/releases/toy/{version(store)}")]
        output = tmp_path / name
        with monkeypatch.context() as patch:
            patch.setattr("pipeline.ablation.train.train", fails)
            with pytest.raises(FloatingPointError):
                ablate(arms[0], arms[1], output, BUDGET)
        (run,) = result_of(orefine("show", "--runs", "--store", output, "--json"))["unfinished"]
        assert (run["state"], "diverged" in run["attempts"][0]["error"]) == ("failed", True)
        verdict = ablate(arms[0], arms[1], output, BUDGET)
        assert "nothing is leased" in orefine("show", "--runs", "--store", output).stdout
        answers[name] = sorted(path.name for path in (output / "runs").iterdir()), verdict.difference, verdict.verdict
    assert len(same(answers)[0]) == 4


def fails(*_: object) -> None:
    raise FloatingPointError("it diverged")


def version(store: str) -> str:
    return str(result_of(orefine("show", "toy", "--store", store, "--json"))["version"])


def test_explain_and_the_report_are_the_same(stores: dict[str, str]):
    answers = {}
    for name, store in stores.items():
        told = orefine("explain", rows(1)[0]["url"], "--store", store).stdout
        place = open_store(store)
        (page,) = [path for path in place.list("runs") if path.endswith("report.html")]
        text = place.read(page).decode().replace(store, "STORE")
        # Names of runs and seconds differ, and the bars that show seconds.
        answers[name] = told, re.sub(r"\d{8}T\d{6}-\w{6}|[\d.]+ s\b|>\d+\.\d<|<svg.*?</svg>", "", text, flags=re.DOTALL)
    assert "l1_filter" in same(answers)[0]


def test_a_damaged_file_of_a_bucket_is_not_read(stores: dict[str, str]):
    place = open_store(stores["bucket"])
    (file,) = [path for path in place.list("releases") if path.endswith(".parquet")]
    data = bytearray(place.read(file))
    data[len(data) // 2] ^= 1
    place.replace(file, bytes(data))
    with pytest.raises(Damaged, match="is damaged: its sha256"):
        find_files(["toy"], stores["bucket"])


def test_what_is_not_in_the_bucket_is_misuse(stores: dict[str, str], tmp_path: Path):
    model = tmp_path / "none.bin"
    arguments = ("--model", model, "--output", tmp_path / "out", "--store", stores["bucket"])
    said = orefine("score", f"{stores['bucket']}/nothing", *arguments, code=2).stderr
    assert "give the folder of a level or release" in said
    assert "no data set 'toys'" in orefine("score", "toys", *arguments, code=2).stderr
    assert json.loads(orefine("show", "--store", stores["bucket"], "--json").stdout)
