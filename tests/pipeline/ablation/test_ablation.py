"""The hook end to end, with models so small that a run takes a fraction of a second."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.ablation import Budget, ablate
from pipeline.ablation.data import choose, domains, in_slice, survey
from pipeline.ablation.evaluate import document_bits, windows
from pipeline.ablation.model import build_model
from pipeline.ablation.tokenizer import BOS, encode, tokenize, train_tokenizer
from pipeline.ablation.train import token_stream, train

TINY = Budget("tiny", 32, 2, 2, 300, 64, 8, 10, 2e-2, 2, 8_000, 50_000, cpu_threads=1)
NOUNS = ["river", "mill", "bridge", "farmer", "market", "winter", "letter", "garden", "soldier", "window"]
VERBS = ["crossed", "repaired", "painted", "left", "remembered", "sold", "watched", "found"]


def sentences(count: int, seed: int) -> list[str]:
    """Documents with a grammar that a small model can learn: the noun decides the verb."""
    choice = random.Random(seed)

    def place() -> str:  # so that no two documents share 13 words
        return "".join(choice.choices("abcdefghij", k=3))

    documents = []
    for number in range(count):
        subjects = choice.choices(range(len(NOUNS)), k=12)
        words = [
            f"the {NOUNS[s]} {VERBS[s % len(VERBS)]} the {NOUNS[(s * 3 + 1) % len(NOUNS)]} at {place()}."
            for s in subjects
        ]
        documents.append(f"{seed}-{number} {' '.join(words)}")
    return documents


def shuffled(text: str) -> str:
    words = text.split()
    random.Random(text).shuffle(words)
    return " ".join(words)


def write(path: Path, texts: list[str], column: str = "text") -> Path:
    pq.write_table(pa.table({column: texts}), path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "data.parquet", sentences(300, 1))


def test_the_same_data_in_both_arms_differs_by_exactly_nothing(data: Path, tmp_path: Path) -> None:
    verdict = ablate([data], [data], tmp_path / "out", TINY, aa=True)
    assert verdict.difference.per_seed == (0.0, 0.0)
    assert verdict.bootstrap == (0.0, 0.0)
    assert verdict.verdict == "no significant difference"
    result = json.loads(verdict.result.read_text())
    bpb = [run["bpb"]["mean"] for run in result["runs"]]
    assert bpb[0] != bpb[1], "two seeds must give two models"
    assert {run["tokens"] for run in result["runs"]} == {TINY.tokens}
    assert [(run["arm"], run["seed"]) for run in result["runs"]] == [
        *(("baseline", seed) for seed in range(4)),
        *(("candidate", seed) for seed in range(2)),
    ]
    assert result["noise_floor"]["per_seed"][0] == pytest.approx(bpb[2] - bpb[0])
    assert [warning.split(":")[0] for warning in verdict.warnings] == [
        "two seeds",
        "the difference is no larger than that between runs on the same data with other seeds",
    ]
    assert "noise floor" in verdict.report.read_text()
    assert json.loads(json.dumps(verdict.summary()))["verdict"] == verdict.verdict


def test_shuffled_words_lose_against_real_text(data: Path, tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.parquet", [shuffled(text) for text in sentences(300, 1)])
    real = write(tmp_path / "real.parquet", sentences(30, 2))
    budget = replace(TINY, steps=60)
    verdict = ablate([bad], [data], tmp_path / "out", budget, heldout=[real], seeds=4)
    assert verdict.verdict == "candidate better"
    assert verdict.difference.mean < -0.05
    assert verdict.report.read_text().startswith("# Candidate better")


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


def test_a_diverging_run_stops_with_the_learning_rate(data: Path, tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match=r"lower the budget's learning rate of 1e\+30"):
        ablate([data], [data], tmp_path / "out", replace(TINY, learning_rate=1e30))


def test_held_out_documents_are_never_trained_on(data: Path) -> None:
    # Each document comes twice, since a repeat must not carry a held-out text into training.
    arm = survey([data, data])
    held = domains({"baseline": arm}, (), 10**9)[0]
    free = choose(arm, "baseline", held.hashes, 10**9)
    tokenizer = train_tokenizer(sentences(300, 1), 300)
    corpus = tokenize(free, tokenizer)
    stream = tokenizer.decode(token_stream(corpus, len(corpus.tokens), 0).tolist(), skip_special_tokens=False)
    trained = set(stream.split(BOS)[1:])
    assert len(held.texts) == sum(in_slice(survey([data]).hashes)) > 10
    assert trained == set(sentences(300, 1)) - set(held.texts)
    assert corpus.unique_tokens * 2 == len(corpus.tokens)


def test_held_out_files_are_taken_out_of_both_arms(data: Path, tmp_path: Path) -> None:
    texts = sentences(300, 1)
    given = write(tmp_path / "given.parquet", texts[:20])
    arm = survey([data])
    held = domains({"baseline": arm}, [given], 10**9)
    assert [domain.name for domain in held] == ["given"]
    free = choose(arm, "baseline", held[0].hashes, 10**9)
    left = {text for batch in free.texts(free.chosen) for text in batch.to_pylist()}
    assert left.isdisjoint(texts[:20])
    assert left < set(texts)


def test_shared_documents_come_in_the_same_order_in_both_arms(tmp_path: Path) -> None:
    texts = sentences(60, 1)
    all_of_them = write(tmp_path / "all.parquet", texts)
    every_third = write(tmp_path / "third.parquet", texts[::-3])
    tokenizer = train_tokenizer(texts, 300)

    def order(path: Path) -> list[str]:
        corpus = tokenize(survey([path]), tokenizer)
        stream = token_stream(corpus, len(corpus.tokens), seed=5)
        return tokenizer.decode(stream.tolist(), skip_special_tokens=False).split(BOS)[1:]

    shared = set(order(every_third))
    assert len(shared) == 20
    assert [text for text in order(all_of_them) if text in shared] == order(every_third)


def test_a_short_arm_is_repeated_in_another_order() -> None:
    import numpy as np

    from pipeline.ablation.tokenizer import Corpus

    corpus = Corpus(np.arange(20, dtype=np.uint16), np.arange(0, 21, 2), np.arange(10, dtype=np.uint64), 20)
    stream = token_stream(corpus, 45, seed=0)
    first, second = stream[:20].tolist(), stream[20:40].tolist()
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert len(stream) == 45


@pytest.mark.parametrize("length", [1, 16, 17, 100])
def test_windows_score_each_token_once_with_context(length: int) -> None:
    scored = [token for start, first, end in windows(length, 16) for token in range(first, end)]
    assert scored == list(range(length))
    for start, first, end in windows(length, 16):
        assert end - start <= 16
        assert first == 0 or first - start >= 4


def test_a_uniform_model_costs_log2_of_the_vocabulary_per_token() -> None:
    import math

    import numpy as np
    import torch

    model = build_model(TINY, 256, seed=0)
    torch.nn.init.zeros_(model.lm_head.weight)  # tied: all logits are 0
    documents = [np.arange(length, dtype=np.uint16) for length in (3, 64, 150)]
    bits = document_bits(model, documents, 255, 64, 2)
    assert bits.tolist() == pytest.approx([math.log2(256) * length for length in (3, 64, 150)])


def test_bits_equal_a_plain_sum_over_tokens() -> None:
    import math

    import numpy as np
    import torch

    model = build_model(TINY, 256, seed=3).eval()
    ids = np.random.default_rng(0).integers(0, 255, 64).astype(np.uint16)
    expected = 0.0
    for i, token in enumerate(ids):
        logits = model(input_ids=torch.tensor([[255, *ids[:i].tolist()]])).logits[0, -1]
        expected -= math.log2(torch.softmax(logits.double(), 0)[int(token)].item())
    # The second document pads the first.
    bits = document_bits(model, [ids[:20], ids], 255, 64, 2)
    assert bits[1] == pytest.approx(expected, rel=1e-6)


def test_micro_batches_change_nothing_but_rounding(data: Path) -> None:
    import torch

    tokenizer = train_tokenizer(sentences(300, 1), 300)
    corpus = tokenize(survey([data]), tokenizer)
    whole, parts = (
        train(replace(TINY, steps=3, micro_batch=size), tokenizer.get_vocab_size(), corpus, 0, print).state_dict()
        for size in (8, 3)
    )
    for name, value in whole.items():
        assert torch.allclose(value, parts[name], atol=1e-4), name


def test_the_tokenizer_is_lossless_and_text_cannot_spell_bos() -> None:
    tokenizer = train_tokenizer(sentences(50, 1), 300)
    text = f"Größe 中文 \U0001f600 {BOS}\tthe river\n"
    ids = encode(tokenizer, [text])[0].tolist()
    assert tokenizer.decode(ids) == text
    assert tokenizer.token_to_id(BOS) == tokenizer.get_vocab_size() - 1
    assert tokenizer.token_to_id(BOS) not in ids
