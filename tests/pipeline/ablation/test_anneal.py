"""Annealing: arms go on from one model, on 30 % of the candidate beside the baseline; other models are refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.ablation.anneal import mixed, plain, read_trunk
from pipeline.ablation.compare import ablate
from pipeline.ablation.data import survey
from pipeline.ablation.train import schedule
from tests.pipeline.ablation.helpers import TINY, sentences, write


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trunk")
    data, held = write(folder / "a.parquet", sentences(300, 1)), write(folder / "held.parquet", sentences(30, 2))
    ablate([data], [data], folder / "out", replace(TINY, steps=60), [held], keep_models=True)
    return sorted((folder / "out" / "models").iterdir())[0]


def test_a_mix_holds_its_share_of_the_candidate_and_as_much_as_the_baseline(tmp_path: Path) -> None:
    default = survey([write(tmp_path / "default.parquet", [f"{row:09d}" for row in range(1_000)])])
    candidate = survey([write(tmp_path / "candidate.parquet", [f"c{row:08d}" for row in range(1_000)])])
    both = mixed(default, candidate, 900)
    ours = both.chosen[1_000:].sum() / both.chosen.sum()
    assert ours == pytest.approx(0.3, abs=0.02)
    assert both.chosen.sum() == pytest.approx(plain(default, 900).chosen.sum(), abs=3)
    few = replace(candidate, chosen=np.arange(1_000) < 12)
    assert mixed(default, few, 900).chosen.sum() == pytest.approx(40, abs=3), "a small candidate makes a small mix"


def test_arms_go_on_from_the_model_and_learn_what_is_new(trunk: Path, tmp_path: Path) -> None:
    old = write(tmp_path / "old.parquet", sentences(300, 1))
    fresh = write(tmp_path / "new.parquet", [text.upper() for text in sentences(300, 3)])
    held = write(tmp_path / "held.parquet", [text.upper() for text in sentences(30, 4)])
    lines: list[str] = []
    found = ablate([old], [fresh], tmp_path / "out", TINY, [held], seeds=3, progress=lines.append, anneal=trunk)
    assert found.verdict == "candidate better"
    assert "training the tokenizer" not in lines
    setting = json.loads(found.result.read_text())["setting"]
    assert setting["budget"]["width"] == TINY.width
    assert setting["trunk"] == read_trunk(trunk, TINY).identity
    assert f"go on from the model with the weights `{setting['trunk']}`" in found.report.read_text()
    anew = ablate([old], [fresh], tmp_path / "anew", TINY, [write(tmp_path / "same.parquet", sentences(30, 4))])
    again = ablate([old], [fresh], tmp_path / "again", TINY, [tmp_path / "same.parquet"], anneal=trunk)
    assert again.baseline < anew.baseline, "the baseline does not profit from the model's training"


def test_the_learning_rate_falls_from_the_first_step_on() -> None:
    rates = [schedule(step, 10, anneals=True) for step in range(10)]
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 0.1 < 0.6 < rates[0] < 1


@pytest.mark.parametrize(
    ("file", "change", "problem"),
    [
        ("config.json", {"model_type": "gpt2"}, "another architecture or tokenizer"),
        ("config.json", {"vocab_size": 301}, "another architecture or tokenizer"),
        ("config.json", {"max_position_embeddings": 32}, "sees 32 tokens, and the budget tiny trains on 64"),
        ("model.safetensors", None, "model.safetensors is missing"),
    ],
)
def test_models_that_cannot_be_continued_are_refused(
    trunk: Path, tmp_path: Path, file: str, change, problem: str
) -> None:
    for one in trunk.iterdir():
        (tmp_path / one.name).write_bytes(one.read_bytes())
    if change is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(json.dumps(json.loads((tmp_path / file).read_text()) | change))
    with pytest.raises(ValueError, match=problem):
        read_trunk(tmp_path, TINY)
