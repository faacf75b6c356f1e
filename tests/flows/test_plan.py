"""Misuse ends before the first row, all of it in one answer; `--plan` says what would run."""

import errno
from pathlib import Path

import pytest
import yaml

from tests.flows.helpers import orefine, result_of, rows, write_parquet

L1 = {"alarm": None, "steps": [{"kind": "gopher_quality"}, {"kind": "exact_duplicates"}]}
REWRITE = {"kind": "rewrite", "engine": "template"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_parquet(tmp_path / "a.parquet", rows(120))


def recipe(folder: Path, source: Path, **levels) -> Path:
    path = folder / "recipe.yaml"
    collect = {"source": {"kind": "parquet", "paths": [str(source)]}}
    path.write_text(yaml.safe_dump({"dataset": "toy", "l0_collect": collect, **levels}))
    return path


def problems(path: Path, *options: str) -> list[str]:
    store = path.parent / "store"
    done = orefine("run", path, "--store", store, *options, code=2)
    assert not store.exists(), "something was read or written"
    assert orefine("run", path, "--store", store, "--plan", *options, code=2).stderr == done.stderr
    return [line.removeprefix("orefine: ") for line in done.stderr.splitlines()]


def test_all_misuse_is_told_at_once(tmp_path: Path, source: Path):
    path = recipe(
        tmp_path,
        tmp_path / "gone.parquet",
        l1_filter={"alarm": None, "steps": [{"kind": "url_filter", "domains": "missing.txt"}]},
        l2_select={
            "steps": [
                {"kind": "fasttext_quality", "model": "missing.bin"},
                {"kind": "threshold", "column": "qualty"},
                {"kind": "top_fraction", "per": "language"},
            ]
        },
        l3_synthesize={"steps": [{"kind": "rewrite", "model": "/models/missing"}]},
        l4_verify={"steps": [{"kind": "format"}]},
    )
    found = problems(path)
    beginnings = (
        f"input '{tmp_path}/gone.parquet' matches no file",
        "l1_filter 01 url_filter: `domains` names missing.txt, which is no file",
        "l2_select 01 fasttext_quality: missing.bin: No such file",
        "l2_select 02 threshold: no column 'qualty' here, only id, text",
        "l2_select 03 top_fraction: no column 'language' here",
        "l3_synthesize 01 rewrite: model '/models/missing' is no folder",
    )
    assert len(found) == len(beginnings)
    for line, beginning in zip(found, beginnings, strict=True):
        assert line.startswith(beginning)
    assert "did you mean 'quality'?" in found[3]


def test_checkers_without_rewrites_are_refused(tmp_path: Path, source: Path):
    path = recipe(tmp_path, source, l1_filter=L1, l4_verify={"steps": [{"kind": "format"}, {"kind": "faithfulness"}]})
    first, second = problems(path)
    assert first.startswith("l4_verify 01 format")
    assert "needs the columns form, source_text" in first
    assert second.startswith("l4_verify 02 faithfulness")
    assert "put the level l3_synthesize" in second


def test_an_earlier_version_that_is_not_there_is_refused(tmp_path: Path, source: Path):
    path = recipe(tmp_path, source, l1_filter={"steps": [{"kind": "exact_duplicates", "against": ["2025@nothing"]}]})
    (found,) = problems(path)
    assert found.startswith("l1_filter: against '2025@nothing': no finished level lies there")


def test_a_plan_says_what_would_run_and_what_is_there(tmp_path: Path, source: Path):
    path, store = recipe(tmp_path, source, l1_filter=L1, l3_synthesize={"steps": [REWRITE]}), tmp_path / "store"
    shown = orefine("run", path, "--store", store, "--plan")
    assert not store.exists()
    for line in (
        "l0_collect     to be made  recipe id",
        "l1_filter      to be made",
        "rows in 120, rows out unknown, work of one core unknown",
        "pass 2: 02 exact_duplicates",
        "nothing stands against this run",
    ):
        assert line in shown.stdout
    planned = result_of(orefine("run", path, "--store", store, "--plan", "--json"))
    made = result_of(orefine("run", path, "--store", store, "--json"))
    assert [one["recipe_id"] for one in planned["levels"]] == [one["recipe_id"] for one in made["levels"]]
    assert "form" in planned["levels"][2]["columns"]
    found = result_of(orefine("run", path, "--store", store, "--plan", "--json"))
    assert [one["state"] for one in found["levels"]] == ["found"] * 3
    changed = result_of(
        orefine("run", path, "--store", store, "--plan", "--json", "--set", "l1_filter.gopher_quality.min_doc_words=51")
    )
    assert [one["state"] for one in changed["levels"]] == ["found", "to be made", "to be made"]
    assert changed["levels"][1]["seconds"] is not None
    assert changed["levels"][1]["rows_out"] == made["levels"][1]["rows_out"]


def test_a_classifier_that_is_to_be_trained_is_planned(tmp_path: Path, source: Path):
    train = {"positives": {"hosts": [".edu"]}, "negatives": {"rest": True}}
    step = {"kind": "fasttext_quality", "train": train}
    path = recipe(
        tmp_path, source, l2_select={"steps": [step, {"kind": "threshold"}]}, l3_synthesize={"steps": [REWRITE]}
    )
    planned = result_of(orefine("run", path, "--store", tmp_path / "store", "--plan", "--json"))
    assert [one["state"] for one in planned["levels"]] == ["to be made", "after training", "after training"]
    assert planned["levels"][1]["makes"] == ["01 fasttext_quality trains a classifier from its seeds"]


def test_inputs_that_do_not_fit_stand_beside_the_other_problems(tmp_path: Path):
    source = write_parquet(tmp_path / "b.parquet", [{"body": "a"}])
    path = recipe(tmp_path, source, l2_select={"steps": [{"kind": "threshold"}]})
    column, head = problems(path)
    assert column.startswith("l2_select 01 threshold")
    assert head.startswith(f"l0_collect 00 parquet: {source} has no column 'text', only body")


SEEDS = {"positives": {"hosts": [".edu"]}, "negatives": {"rest": True}}
LOOK_UPS = {
    "listing the inputs": "stages.l0_collect.expand",
    "hashing an input": "stages.l0_collect.identify",
    "the head of an input": "stages.l0_collect.readers.parquet.ParquetSource.units",
    "a model": "stages.l2_select.score.fasttext_quality.FasttextQuality.resolve",
    "a trained model": "flows.runs.models._folder",
    "an earlier version": "flows.runs.against.datasets",
    "the level on the store": "pipeline.run.plan.find_level",
}


@pytest.mark.parametrize("what", LOOK_UPS)
@pytest.mark.parametrize(
    "fault", [OSError(errno.EIO, "the disk is ill"), ConnectionResetError(errno.ECONNRESET, "the network is ill")]
)
def test_a_fault_of_machine_or_network_at_a_look_up_is_not_told_as_misuse(tmp_path, source, monkeypatch, what, fault):
    quality = {"kind": "fasttext_quality", "train": SEEDS}
    duplicates = {"kind": "exact_duplicates", "index": True, "against": ["toy"]}
    path = recipe(tmp_path, source, l1_filter={"alarm": None, "steps": [duplicates]}, l2_select={"steps": [quality]})

    def broken(*arguments, **named):
        raise fault

    monkeypatch.setattr(LOOK_UPS[what], broken)
    for options in ((), ("--plan",)):
        said = orefine("run", path, "--store", tmp_path / "store", *options, code=1).stderr
        assert fault.strerror in said
        assert len(said.splitlines()) == 1
