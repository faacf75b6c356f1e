"""A run is found by all that decides it, and says what it cost; here nothing is trained."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.ablation import evaluate, train
from pipeline.ablation.data import Arm, survey
from pipeline.ablation.heldout import Domain
from pipeline.ablation.runs import Runs, write_json
from pipeline.ablation.tokenizer import train_tokenizer
from tests.pipeline.ablation.helpers import TINY, sentences, write

SETTING = {
    "protocol": 1, "tokenizer": "t", "device": "cpu", "versions": {}, "ruler": {"identity": "h"}, "seeds": 2,
    "weight_decay": 0.1, "trunk": "",
}  # fmt: skip
HELD = [
    Domain("web", ("ab", "cdef"), np.arange(2, dtype=np.uint64)),
    Domain("books", ("abcd", "ef"), np.arange(2, dtype=np.uint64)),
]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds that were trained, by a stand-in that costs three bits a document and their number."""
    seeds: list[int] = []
    model = SimpleNamespace(model=SimpleNamespace(num_parameters=lambda: 7), curve=[(9, 1.5)])
    monkeypatch.setattr(
        train, "train", lambda budget, vocabulary, corpus, seed, tell, decay, path, trunk: seeds.append(seed) or model
    )
    monkeypatch.setattr(
        evaluate, "document_bits", lambda model, documents, bos, sequence, batch, given: np.arange(len(documents)) + 3.0
    )
    return seeds


@pytest.fixture
def arm(tmp_path: Path) -> Arm:
    return survey([write(tmp_path / "a.parquet", sentences(3, 1))])


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "out", TINY, train_tokenizer(sentences(3, 1), 300), HELD, SETTING, print, False)


def test_a_record_says_what_was_scored_and_what_it_cost(trained: list[int], arm: Arm, runs: Runs) -> None:
    first, second = runs.of("baseline", arm, range(2))
    assert trained == [0, 1]
    assert (first["arm"], first["seed"], second["seed"]) == ("baseline", 0, 1)
    assert first["bits"] == {"web": [3.0, 4.0], "books": [3.0, 4.0]}
    assert first["bpb"] == {"web": 7 / 6, "books": 7 / 6, "mean": 7 / 6}
    assert (first["parameters"], first["tokens"]) == (7, TINY.tokens)
    assert first["epochs"] == pytest.approx(TINY.tokens / first["unique_tokens"])
    assert first["curve"] == [[9, 1.5]]
    assert first["ngram_bpb"]["web"] > 0
    assert first["ngram_bits"]["web"] != second["ngram_bits"]["web"], "n-grams read the seed's order, too"
    assert 0 <= first["train_seconds"] < 60
    assert 0 <= first["evaluate_seconds"] < 60
    assert runs.of("baseline", arm, range(2)) == [first, second]
    assert trained == [0, 1]  # found


def test_who_waits_is_told(trained: list[int], arm: Arm, runs: Runs) -> None:
    lines: list[str] = []
    replace(runs, progress=lines.append).of("baseline", arm, range(1))
    assert lines == [
        "baseline, seed 0: training on 5,120 tokens",
        "baseline, seed 0: web 1.1667 BPB, books 1.1667 BPB, mean 1.1667 BPB",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"setting": SETTING | {"protocol": 2}}, {"setting": SETTING | {"tokenizer": "u"}},
        {"setting": SETTING | {"device": "gpu"}}, {"setting": SETTING | {"versions": {"torch": "1"}}},
        {"setting": SETTING | {"ruler": {"identity": "i"}}}, {"budget": replace(TINY, steps=11)},
    ],
)  # fmt: skip
def test_all_that_decides_a_run_is_in_its_name(arm: Arm, runs: Runs, change: dict[str, Any]) -> None:
    key = runs._key(arm, 0)
    assert len(key) == 12
    assert replace(runs, **change)._key(arm, 0) != key
    assert runs._key(arm, 1) != key
    assert runs._key(replace(arm, chosen=~arm.chosen), 0) != key


def test_the_tokens_of_files_in_another_order_are_others(tmp_path: Path, runs: Runs) -> None:
    parts = [write(tmp_path / f"{seed}.parquet", sentences(2, seed)) for seed in (1, 2)]
    one, other = survey(parts), survey(parts[::-1])
    assert runs._key(one, 0) == runs._key(other, 0), "the same text makes the same run"
    assert runs._shard("a", one) != runs._shard("a", other)
    longer = replace(runs, budget=replace(TINY, steps=99))
    assert longer._shard("a", one) == runs._shard("a", one)


def test_what_decides_nothing_is_not(arm: Arm, runs: Runs) -> None:
    other = replace(runs, budget=replace(TINY, name="other", seeds=5), setting=SETTING | {"seeds": 9})
    assert other._key(arm, 0) == runs._key(arm, 0)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    for value in ("é", "b"):
        write_json(tmp_path / "a.json", {"key": value})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "key": "b"\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_models_are_made_again_only_where_they_are_asked_for_and_gone(
    trained: list[int], arm: Arm, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Path] = []
    monkeypatch.setattr(
        "pipeline.ablation.runs._save",
        lambda model, tokenizer, folder: (saved.append(folder), folder.mkdir(parents=True)),
    )
    runs.of("baseline", arm, range(1))
    assert (trained, saved) == ([0], [])
    keeping = replace(runs, keep_models=True)
    for _ in range(2):
        keeping.of("baseline", arm, range(1))
        assert trained == [0, 0]
    record = next((runs.output / "runs").glob("*.json"))
    assert saved == [runs.output / "models" / record.stem]
    assert json.loads(record.read_text())["seed"] == 0
