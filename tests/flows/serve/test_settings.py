"""What a serve.yaml may say, and what is said against it."""

import re
from pathlib import Path

import pytest

from flows.runs.recipe import RecipeError
from flows.serve.settings import load_service, seconds

RECIPE = "dataset: toy\nl0_collect: {source: {kind: jsonl, paths: [PATH]}}\n"


def service(folder: Path, text: str, paths: str = "/data/x.jsonl") -> Path:
    (folder / "r.yaml").write_text(RECIPE.replace("PATH", paths))
    (folder / "serve.yaml").write_text(text)
    return folder / "serve.yaml"


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path):
    text = "store: out\ndeployments:\n- {name: a, recipe: r.yaml, inputs: [in, 's3://bucket/in'], every: 15m}\n"
    (one,) = load_service(service(tmp_path, text)).deployments
    assert one.recipe == str(tmp_path / "r.yaml")
    assert one.inputs == (str(tmp_path / "in"), "s3://bucket/in")
    assert one.store == str(tmp_path / "out")
    assert one.parameters()["inputs"] == [str(tmp_path / "in"), "s3://bucket/in"]


def test_a_deployment_may_have_a_store_of_its_own_and_a_recipe_that_comes_with_orefine(tmp_path: Path):
    text = "deployments:\n- {name: a, recipe: ultra_fineweb_en, inputs: [in], store: 's3://b/p', cron: '0 3 * * *'}\n"
    (one,) = load_service(service(tmp_path, text)).deployments
    assert (one.recipe, one.store) == ("ultra_fineweb_en", "s3://b/p")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{name: a, recipe: r.yaml, every: 5}", "every"),
        ("{name: a, recipe: r.yaml, every: soon}", "'soon' is no span; give a number and s, m, h or d"),
        ("{name: a, recipe: r.yaml, every: 1h, cron: '0 3 * * *'}", "give one of the two"),
        ("{name: A b, recipe: r.yaml}", "name"),
        ("{name: a, recipe: gone.yaml}", "deployment 'a': recipe 'gone.yaml' is not there"),
        ("{name: a, recipe: r.yaml, timezone: Mars/Olympus}", "'Mars/Olympus' is unknown"),
        ("{name: a, recipe: r.yaml, interval: 3}", "interval: Extra inputs"),
        ("{name: a, recipe: r.yaml}\n- {name: a, recipe: r.yaml}", "two deployments are called 'a'"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_starts(tmp_path: Path, line: str, said: str):
    with pytest.raises(RecipeError, match=re.escape(said)):
        load_service(service(tmp_path, f"deployments:\n- {line}\n"))


def test_a_relative_path_in_the_recipe_itself_is_refused(tmp_path: Path):
    with pytest.raises(RecipeError, match="is a relative path; name it under"):
        load_service(service(tmp_path, "deployments:\n- {name: a, recipe: r.yaml}\n", paths="here.jsonl"))


def test_a_webhook_is_an_address(tmp_path: Path):
    with pytest.raises(RecipeError, match="webhook 'hooks' is no"):
        load_service(service(tmp_path, "webhooks: [hooks]\ndeployments:\n- {name: a, recipe: r.yaml}\n"))


def test_an_unknown_deployment_names_those_there_are(tmp_path: Path):
    loaded = load_service(service(tmp_path, "deployments:\n- {name: a, recipe: r.yaml}\n"))
    assert loaded.named("a").name == "a"
    with pytest.raises(RecipeError, match="no deployment 'b'; there are: a"):
        loaded.named("b")


def test_spans():
    assert [seconds(span) for span in ("90s", "15m", "6h", "1d", "m", "-1s", "1.5h", "")] == [
        90, 900, 21_600, 86_400, 0, 0, 0, 0,
    ]  # fmt: skip
