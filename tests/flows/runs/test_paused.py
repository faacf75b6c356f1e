"""A prompt whose rows L4 refuses too often is named, and left out by the next run where the recipe says so."""

import json
from pathlib import Path

import pytest
import yaml

from tests.flows.helpers import orefine, result_of, rows, write_parquet

RECIPE = """
dataset: pausing
l0_collect: {{source: {{kind: parquet, paths: [x]}}}}
l3_synthesize:
  steps: [{{kind: rewrite, engine: template, min_words: 10, prompts: [rephrase, question_answer], weights: [1, 1]}}]
l4_verify:
  steps:
    - {{kind: format}}
    - {{kind: faithfulness, on_abstain: keep}}
    - {{kind: policy, needs: {needs}, pause_over: 0.5, pause: {pause}}}
"""
PROSE_ONLY = "{prose: [format, faithfulness]}"
"""Nothing certifies pairs, so every row of question_answer is refused."""


def recipe(folder: Path, pause: str, needs: str = PROSE_ONLY) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.format(pause=pause, needs=needs), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("first")
    source = write_parquet(folder / "a.parquet", rows(40))
    command = ("run", recipe(folder, "next_run"), "--input", source, "--store", folder / "store", "--json")
    return folder, command, result_of(orefine(*command))


def test_the_certificate_names_the_prompt_and_says_why(first):
    _, _, result = first
    made = json.loads(Path(result["certificate"]).read_text(encoding="utf-8"))
    found = made["defects"]["question_answer@1 by template@1"]
    assert found["refused"] == {"policy.not_certified_kind": {"rows": found["rows"], "share": 1.0}}
    assert found["over_limit"] is True
    assert made["defects"]["rephrase@1 by template@1"]["over_limit"] is False
    assert result["levels"][-1]["dropped"]["policy.not_certified_kind"] == found["rows"]
    assert "verified" in orefine("verify-certificate", result["certificate"]).stdout


def test_the_report_shows_it(first):
    _, _, result = first
    page = Path(result["report"]).read_text(encoding="utf-8")
    assert "Defects by prompt" in page
    assert "to be paused:\n<b>question_answer@1 by template@1</b>" in page
    assert "100.0 % policy.not_certified_kind" in page
    assert "number_changed" in page


def test_the_next_runs_leave_it_out_and_say_so(first):
    _, command, result = first
    again = orefine(*command)
    assert f"prompt question_answer@1 is paused by the certificate of version {result['version']}" in again.stderr
    second = result_of(again)
    kept = yaml.safe_load(Path(second["release"], "recipe.yaml").read_text(encoding="utf-8"))
    (rewrite,) = kept["l3_synthesize"]["steps"]
    assert (rewrite["prompts"], rewrite["weights"]) == (["rephrase"], [1.0])
    assert second["levels"][1]["rows_out"] == 40
    assert "is paused" in orefine("run", *command[1:-1], "--plan").stderr
    third = result_of(orefine(*command))  # the version without it does not bring it back
    assert (third["version"], third["levels"][1]["reused"]) == (second["version"], True)


def test_a_recipe_that_only_reports_pauses_nothing(first, tmp_path: Path):
    _, command, _ = first
    done = orefine("run", recipe(tmp_path, "report"), *command[2:])
    assert "is paused" not in done.stderr
    assert result_of(done)["levels"][1]["reused"]


def test_a_run_without_any_prompt_left_is_refused(first, tmp_path: Path):
    _, command, _ = first
    path = recipe(tmp_path, "next_run")
    path.write_text(path.read_text().replace("[rephrase, question_answer], weights: [1, 1]", "[question_answer]"))
    done = orefine("run", path, *command[2:], code=2)
    assert "every prompt is paused (question_answer@1)" in done.stderr


def test_a_pilot_leaves_it_out_too(first):
    _, command, _ = first
    tried = orefine(*(part for part in command if part != "--json"), "--pilot", "4", "--json")
    assert list(result_of(tried)["prompts"]) == ["rephrase@1"]
    assert "prompt question_answer@1 is paused by the certificate of version" in tried.stderr
