"""What deploy/ names exists, and agrees with pyproject.toml. No image is built and no cluster started here."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from flows.cli import app
from flows.runs.metrics import Metrics
from flows.runs.recipe import load_recipe

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RAY = PROJECT["optional-dependencies"]["ray"][0].partition("==")[2]
CONTAINERFILE = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8")
JOB = yaml.safe_load((ROOT / "deploy/kuberay.yaml").read_text(encoding="utf-8"))
README = (ROOT / "deploy/README.md").read_text(encoding="utf-8")
RUN = re.compile(r"^(?:  -- )?((?:orefine|python -m flows\.cli) run .*)$", re.M)
COMMANDS = [JOB["spec"]["entrypoint"], *RUN.findall(README)]


def test_the_image_copies_what_is_there():
    for line in re.findall(r"^COPY (.*) \S+$", CONTAINERFILE, re.M):
        assert all((ROOT / name).exists() for name in line.split())


def test_versions_are_those_of_the_project():
    assert f'"ray[default]=={RAY}"' in CONTAINERFILE
    assert JOB["spec"]["rayClusterSpec"]["rayVersion"] == RAY
    tags = {f"orefine:{PROJECT['version']}"}
    assert set(re.findall(r"image: (\S+)", (ROOT / "deploy/kuberay.yaml").read_text(encoding="utf-8"))) == tags
    assert set(re.findall(r"orefine:[\d.]+", CONTAINERFILE)) == tags
    (python,) = re.findall(r"^FROM .*python:(\d\.\d+)", CONTAINERFILE, re.M)
    assert PROJECT["requires-python"].startswith(f">={python}")
    assert f"orefine-{PROJECT['version']}-py3-none-any.whl" in README


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_such(command: str):
    words = shlex.split(command.removeprefix("python -m flows.cli").removeprefix("orefine"))
    run = typer.main.get_command(app).commands[words[0]]  # type: ignore[attr-defined]
    context = run.make_context("run", words[1:])
    assert context.params["ray_address"]
    load_recipe(context.params["recipe"])


def test_every_group_of_the_cluster_has_the_store_s_credentials():
    cluster = JOB["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        (container,) = group["template"]["spec"]["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": "orefine-store"}}]
        assert container["resources"]["limits"]["memory"]


def test_the_dashboard_shows_the_metrics_that_there_are_and_no_others(tmp_path: Path):
    pytest.importorskip("prometheus_client")
    dashboard = (ROOT / "deploy/grafana.json").read_text(encoding="utf-8")
    panels = json.loads(dashboard)["panels"]
    queries = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    families = {family.name for family in Metrics(str(tmp_path / "orefine.prom")).registry.collect()}
    assert set(re.findall(r"\borefine_\w+", queries)) == families == set(re.findall(r"\borefine_\w+", dashboard))
    assert len({panel["id"] for panel in panels}) == len(panels)
    labels = {"level", "outcome", "reason", "dataset", "instance"}  # the last is Prometheus' own
    assert set(re.findall(r"\{\{(\w+)\}\}", dashboard)) <= labels
    assert set(re.findall(r"(\w+)[!=]~?\"", queries)) <= labels
