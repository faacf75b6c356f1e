"""The hook end to end, with models so small that a run takes a fraction of a second."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.ablation import ablate
from pipeline.ablation.data import survey
from pipeline.ablation.evaluate import document_bits
from pipeline.ablation.heldout import domains
from tests.pipeline.ablation.helpers import TINY, sentences, write


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "data.parquet", sentences(300, 1))


def shuffled(text: str) -> str:
    words = text.split()
    random.Random(text).shuffle(words)
    return " ".join(words)


def test_the_same_data_in_both_arms_differs_by_exactly_nothing(data: Path, tmp_path: Path) -> None:
    verdict = ablate([data], [data], tmp_path / "out", TINY, aa=True)
    assert verdict.difference.per_seed == (0.0,) * 4
    assert (verdict.difference.low, verdict.difference.high) == (0.0, 0.0)
    assert verdict.verdict == "not distinguishable"
    result = json.loads(verdict.result.read_text())
    bpb = [run["bpb"]["mean"] for run in result["runs"]]
    assert bpb[0] != bpb[1], "two seeds must give two models"
    assert {run["tokens"] for run in result["runs"]} == {TINY.tokens}
    assert [(run["arm"], run["seed"]) for run in result["runs"]] == [
        (arm, seed) for arm in ("baseline", "candidate") for seed in range(4)
    ]
    assert result["noise_floor"]["baseline"]["per_seed"] == pytest.approx([bpb[2] - bpb[0], bpb[3] - bpb[1]])
    assert result["noise_floor"]["candidate"] == result["noise_floor"]["baseline"]
    assert "baseline against itself" in verdict.report.read_text()
    assert json.loads(json.dumps(verdict.summary()))["verdict"] == verdict.verdict


def test_controls_stand_beside_the_candidates_and_a_small_one_meets_a_random_selection(tmp_path: Path) -> None:
    data = write(tmp_path / "data.parquet", sentences(300, 1))
    few = write(tmp_path / "few.parquet", sentences(10, 1))
    held = write(tmp_path / "real.parquet", sentences(120, 2))
    verdict = ablate([data], {"few": [few], "all": [data]}, tmp_path / "out", TINY, [held], with_controls=True)
    found = json.loads(verdict.result.read_text())
    pairs = [(one["first"], one["second"]) for one in found["comparisons"]]
    assert pairs == [("baseline", "few"), ("baseline", "all"), ("random_few", "few")]
    assert [check["second"] for check in found["controls"]] == ["shuffled", "repeated", "target"]
    arms = found["setting"]["arms"]
    assert arms["random_few"]["chosen_bytes"] == pytest.approx(arms["few"]["chosen_bytes"], rel=0.2)
    (missing,) = found["setting"]["controls_missing"]
    assert missing.startswith("random_all: no run reads the all twice")


def test_a_sweep_and_the_density_of_its_shares(tmp_path: Path) -> None:
    data = write(tmp_path / "data.parquet", sentences(300, 1))
    scored = tmp_path / "scored.parquet"
    pq.write_table(pa.table({"text": sentences(300, 3), "quality": [float(row) for row in range(300)]}), scored)
    held = write(tmp_path / "real.parquet", sentences(30, 2))
    verdict = ablate(
        [data], [scored], tmp_path / "out", TINY, [held], sweep=("quality", [0.5]), with_density=True, second_rate=True
    )  # fmt: skip
    found = json.loads(verdict.result.read_text())
    assert [one["second"] for one in found["comparisons"]] == ["candidate", "candidate_0.5"]
    assert list(found["sweep"]["curve"]) == ["0.5"]
    assert set(found["density"]) == {"candidate", "candidate_0.5"}
    assert found["density"]["candidate"]["models"]["rho"] == pytest.approx(1, abs=0.8)
    page = verdict.report.read_text()
    assert "## Density" in page
    assert "## Share kept" in page
    slowly = found["comparisons"][0]["at_second_rate"]
    assert slowly["mean"] != found["comparisons"][0]["difference"]["mean"]
    assert f"at a smaller learning rate {slowly['mean']:+.4f}" in page


def test_shuffled_words_lose_against_real_text(data: Path, tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.parquet", [shuffled(text) for text in sentences(300, 1)])
    real = write(tmp_path / "real.parquet", sentences(30, 2))
    budget = replace(TINY, steps=60)
    verdict = ablate([bad], [data], tmp_path / "out", budget, heldout=[real], seeds=4)
    assert verdict.difference.mean < -0.05
    found = json.loads(verdict.result.read_text())["comparisons"][0]
    assert found["second_opinion"]["high"] < -0.05, "n-grams have less noise than models of so few steps"


def test_finished_runs_are_not_trained_again(data: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.parquet", sentences(300, 3), column="content")
    lines: list[str] = []
    first = ablate([data], [other], tmp_path / "out", TINY, progress=lines.append)
    runs = sorted((tmp_path / "out" / "runs").iterdir())
    assert len(runs) == 4
    assert sum("training on" in line for line in lines) == 4

    runs[0].unlink()
    lines.clear()
    assert ablate([data], [other], tmp_path / "out", TINY, progress=lines.append) == first
    assert sum("training on" in line for line in lines) == 1

    lines.clear()
    ablate([data], [other], tmp_path / "out", replace(TINY, learning_rate=1e-3), progress=lines.append)
    assert sum("training on" in line for line in lines) == 4, "another setting needs other runs"


def test_a_kept_model_loads_and_scores_as_it_did(data: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    verdict = ablate([data], [data], tmp_path / "out", TINY, keep_models=True)
    run = json.loads(next((tmp_path / "out" / "runs").glob("candidate-1-*.json")).read_text())
    folder = next((tmp_path / "out" / "models").glob("candidate-1-*"))
    assert (folder / "model.safetensors").is_file()
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    held = domains({"candidate": survey([data])}, (), TINY.heldout_bytes)[0]
    documents = [tokenizer(text, return_tensors="np")["input_ids"][0] for text in held.texts]
    bits = document_bits(model, documents, tokenizer.bos_token_id, TINY.sequence, 4)
    assert bits.tolist() == pytest.approx(run["bits"]["candidate"], rel=1e-5)
    assert verdict.candidate > 0


def test_one_seed_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="seeds=1 gives no interval"):
        ablate([data], [data], tmp_path / "out", TINY, seeds=1)
