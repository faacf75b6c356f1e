"""Pools of seeds: those whose selection helps are kept, finished trials are found again."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from flows.runs.texts import read_texts
from flows.studies.ablate import Comparison
from flows.studies.seed_pools import read_candidates, verify_seeds
from tests.flows.helpers import orefine, result_of, write_parquet

THEOREMS = [f"the theorem number {n} follows from the lemma by induction on k{n % 7}" for n in range(400)]
SPAM = [f"click here to buy cheap pills order {n} now and save {n % 5}" for n in range(400)]
RECIPES = [f"stir the flour with two eggs and bake it for {n} minutes at low heat" for n in range(400)]
SETTINGS = {
    "dim": 4, "lr": 1.0, "epochs": 10, "min_count": 1, "word_ngrams": 1, "bucket": 100, "minimum_spread": 0.0,
}  # fmt: skip


class Theorems:
    """An ablation that likes theorems: the improvement is how many more of the candidate's texts are some."""

    identity = "theorems"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def compare(self, baseline: Path, candidate: Path, output: Path) -> Comparison:
        self.asked.append((baseline.parent.name.split("-")[0], candidate.parent.name.split("-")[0]))
        gain = self.share(candidate) - self.share(baseline)
        return Comparison(gain > 0.1, gain, gain - 0.1, gain + 0.1, "better" if gain > 0.1 else "no", "report.md")

    def share(self, folder: Path) -> float:
        texts = [text for file in folder.glob("*.parquet") for text in pq.read_table(file)["text"].to_pylist()]
        return sum("theorem" in text for text in texts) / len(texts)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    mixed = [text for three in zip(THEOREMS[100:], SPAM[100:], RECIPES[100:], strict=True) for text in three]
    write_parquet(tmp_path / "data.parquet", [{"url": "", "text": text} for text in mixed])
    for name, texts in (("good", THEOREMS), ("good2", THEOREMS[50:]), ("bad", SPAM), ("few", RECIPES[:3])):
        write_parquet(tmp_path / f"{name}.parquet", [{"text": text} for text in texts[:100]])
    pools = {name: {"positives": {"paths": [str(tmp_path / f"{name}.parquet")]}} for name in ("good", "bad", "few")}
    pools["more"] = {"positives": {"paths": [str(tmp_path / "good2.parquet")]}}
    file = tmp_path / "candidates.yaml"
    fields = {"data": [str(tmp_path / "data.parquet")], "pools": pools, "keep": 0.3, "train": SETTINGS}
    file.write_text(yaml.safe_dump(fields, sort_keys=False))
    return file


def verify(plan: Path, ablation: Theorems, rounds: int = 1) -> dict:
    candidates = read_candidates(plan)
    files = [Path(name) for name in candidates.data]
    return verify_seeds(candidates, files, ablation, plan.parent / "out", rounds, lambda line: None)


def test_pools_that_help_are_kept_and_train_one_classifier(plan: Path):
    ablation = Theorems()
    result = verify(plan, ablation)
    trials = {trial["name"]: trial for trial in result["trials"]}
    assert list(trials) == ["good", "bad", "few", "more", "together"]
    assert result["kept"] == ["good", "more"]
    assert result["chosen"] == "together"
    assert trials["bad"]["comparison"]["improvement"] < -0.2
    assert "50 distinct texts of each class; found 3 pos" in trials["few"]["refused"]
    assert 260 <= trials["good"]["selected_documents"] <= 280  # 30 % of the bytes
    output = plan.parent / "out"
    chosen = output / trials["together"]["folder"]
    assert (output / "model.bin").read_bytes() == (chosen / "model.bin").read_bytes()
    assert json.loads((output / "candidates.json").read_text()) == result
    lines = (output / "candidates.md").read_text().splitlines()
    assert {line.count("|") for line in lines if line.startswith("|")} == {9}
    assert any(line.startswith("| few | 1 | random |") for line in lines)


def test_finished_trials_are_found_and_a_changed_one_runs_again(plan: Path):
    first = verify(plan, Theorems())
    again = Theorems()
    assert verify(plan, again) == first
    assert again.asked == []
    killed = next((plan.parent / "out").glob("more-*.json"))
    killed.unlink()
    assert verify(plan, again) == first
    assert len(again.asked) == 1
    plan.write_text(plan.read_text(encoding="utf-8").replace("keep: 0.3", "keep: 0.2"), encoding="utf-8")
    assert verify(plan, again)["kept"] == ["good", "more"]
    assert len(again.asked) == 5


def test_rounds_go_on_while_the_next_classifier_helps_against_the_last(plan: Path):
    ablation = Theorems()
    result = verify(plan, ablation, rounds=3)
    second = result["trials"][-1]
    assert (second["name"], second["round"], second["against"]) == ("round_2", 2, "together")
    assert not second["comparison"]["helps"]  # the first selection is all theorems already
    assert result["chosen"] == "together"


def test_no_pool_that_helps_gives_no_model(plan: Path):
    fields = yaml.safe_load(plan.read_text(encoding="utf-8"))
    fields["pools"] = {"bad": fields["pools"]["bad"]}
    plan.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")
    result = verify(plan, Theorems(), rounds=2)
    assert (result["kept"], result["chosen"]) == ([], None)
    assert not (plan.parent / "out" / "model.bin").exists()
    assert "kept: none" in (plan.parent / "out" / "candidates.md").read_text()


def test_seeds_that_are_held_out_are_left_out(plan: Path):
    fields = yaml.safe_load(plan.read_text(encoding="utf-8"))
    write_parquet(plan.parent / "heldout.parquet", [{"text": text} for text in THEOREMS[:80]])
    fields["heldout"] = [str(plan.parent / "heldout.parquet")]
    plan.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")
    trials = {trial["name"]: trial for trial in verify(plan, Theorems())["trials"]}
    assert "found 20 pos" in trials["good"]["refused"]
    assert trials["bad"]["refused"] == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: [a.parquet]\n", "pools: Field required"),
        ("data: [a.parquet]\npools: {a b: {}}\n", "pools.a b"),
        ("data: [nothing.parquet]\npools: {a: {positives: {paths: [x]}}}\n", "'nothing.parquet' is no Parquet"),
        ("{", "is no YAML"),
    ],
)
def test_a_wrong_file_is_one_line_and_exit_code_2(tmp_path: Path, text: str, message: str):
    (tmp_path / "c.yaml").write_text(text)
    arguments = ["train-classifier", "--candidates", tmp_path / "c.yaml", "--output", tmp_path / "out"]
    done = orefine(*arguments, "--store", tmp_path, code=2)
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    orefine("train-classifier", "--output", tmp_path / "out", code=2)


@pytest.mark.slow
def test_the_real_hook_finds_the_pool_that_helps(tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch):
    """Prose among text read backwards, and models far below the toy budget, which still see the difference."""
    from pipeline.ablation import BUDGETS

    tiny = replace(BUDGETS["toy"], width=64, layers=2, steps=100, sequence=128, heldout_bytes=20_000, cpu_threads=1)
    monkeypatch.setitem(BUDGETS, "toy", tiny)
    batches = read_texts([str(shared_data / "wikipedia" / "en.jsonl.gz")])
    texts = islice((text for batch in batches for text in batch.to_pylist()), 1000)
    prose = [text[:2000] for text in texts]
    backwards = [text[::-1] for text in prose]
    parts = {
        "data": [*prose[200:500], *backwards[100:]],
        "prose": prose[:100],
        "backwards": backwards[:100],
        "heldout": prose[500:700],
    }
    paths = {name: str(write_parquet(tmp_path / f"{name}.parquet", [{"text": one} for one in part]))
             for name, part in parts.items()}  # fmt: skip
    pool = {"positives": {"paths": [paths["prose"]]}, "negatives": {"paths": [paths["backwards"]]}}
    fields = {"data": [paths["data"]], "heldout": [paths["heldout"]], "pools": {"prose": pool}, "train": SETTINGS}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(fields))
    # Five runs an arm: three gave an improvement of 0.28 bits per byte with an interval from -0.01 to 0.57.
    arguments = ["train-classifier", "--candidates", tmp_path / "c.yaml", "--output", tmp_path / "out", "--seeds", "5"]
    arguments.append("--json")
    result = result_of(orefine(*arguments))
    assert result["kept"] == ["prose"]
    assert result["trials"][0]["comparison"]["low"] > 0
    assert result_of(orefine(*arguments)) == result
