"""L2's selection steps in a recipe: two classifiers, their ensemble, a share, repeats."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import yaml

from stages.l2_select.train.settings import TrainSettings
from stages.l2_select.train.train_classifier import train
from tests.flows.helpers import orefine, result_of, rows, write_parquet

SETTINGS = TrainSettings(
    dim=4, lr=0.5, epochs=3, min_count=1, word_ngrams=1, bucket=100, minimum_auc=0, minimum_spread=0
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("models")
    texts = [row["text"] for row in rows(240)]
    halves = {"even": (texts[::2], texts[1::2]), "late": (texts[120:], texts[:120])}
    for name, (positives, negatives) in halves.items():
        train(pa.array(positives), pa.array(negatives), SETTINGS, folder / name)
    return [str(folder / name / "model.bin") for name in halves]


def select(
    folder: Path, models: list[str], cuts: list[int], *steps: dict, ray: bool = False
) -> tuple[dict, list[dict]]:
    """The L2 level of a run over 60 documents in files cut there, and its rows by id."""
    documents = rows(60)
    inputs = [
        write_parquet(folder / f"{start}.parquet", documents[start:stop])
        for start, stop in zip([0, *cuts], [*cuts, 60], strict=True)
    ]
    scorers = [{"kind": "fasttext_quality", "model": model, "column": f"q{n}"} for n, model in enumerate(models)]
    recipe = {
        "dataset": "toy",
        "l0_collect": {"source": {"kind": "parquet", "paths": [str(path) for path in inputs]}},
        "l2_select": {"steps": [*scorers, *steps]},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    arguments = ["run", str(folder / "recipe.yaml"), "--store", str(folder / "store"), "--json"]
    if ray:  # in a process of its own: after a second Ray in one process, actors die as they start
        command = [sys.executable, "-m", "flows.cli", *arguments, "--runner", "ray", "--workers", "2"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    else:
        done = orefine(*arguments, "--runner", "inline")
    level = result_of(done)["levels"][-1]
    found = {}
    for role in ("data", "dropped"):
        parts = ds.dataset((folder / "store" / level["manifest"]).parent / role).to_table().to_pylist()
        found |= {row["id"]: row for row in parts}
    return level, [found[name] for name in sorted(found)]


ENSEMBLE = {"kind": "ensemble", "columns": ["q0", "q1"], "column": "both"}


@pytest.mark.parametrize(
    ("step", "dropped"),
    [
        ({"kind": "top_fraction", "column": "both", "fraction": 0.25}, {"top_fraction.below_top_fraction": 45}),
        ({"kind": "upsample", "column": "both"}, {"upsample.zero_repeats": 24}),
        ({"kind": "top_fraction", "column": "q0", "per": "source"}, {"top_fraction.below_top_fraction": 54}),
    ],
    ids=lambda value: value.get("kind"),
)
def test_selection_after_an_ensemble_is_the_same_for_any_files(tmp_path: Path, models, step, dropped):
    level, found = select(tmp_path / "a", models, [20], ENSEMBLE, step)
    assert level["dropped"] == dropped
    assert level["rows_in"] == level["rows_out"] + sum(dropped.values())
    _, again = select(tmp_path / "b", models, [7, 30, 41], ENSEMBLE, step)
    assert again == found
    kept = [row for row in found if "reason" not in row]
    assert all(row["q0"] is not None and row["q1"] is not None and row["both"] is not None for row in kept)
    assert all(row["value"] <= row["threshold"] for row in found if "reason" in row)
    (card,) = (tmp_path / "a" / "store" / "releases").glob("*/*/README.md")
    assert ("`repeats`" in card.read_text().splitlines()[-1]) == (step["kind"] == "upsample")
    if step["kind"] == "upsample":
        assert sum(row["repeats"] for row in kept) == 96


@pytest.mark.ray
def test_selection_on_ray_is_the_same(tmp_path: Path, models):
    steps = (ENSEMBLE, {"kind": "upsample", "column": "both"})
    level, found = select(tmp_path / "ray", models, [7, 30, 41], *steps, ray=True)
    inline, same = select(tmp_path / "inline", models, [7, 30, 41], *steps)
    assert level["content_id"] == inline["content_id"]
    assert found == same
