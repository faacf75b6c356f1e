"""What a model is trained on, in which order, and how fast."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.ablation.data import survey
from pipeline.ablation.tokenizer import BOS, Corpus, tokenize, train_tokenizer
from pipeline.ablation.train import deterministic, document_order, schedule, token_stream, train
from tests.pipeline.ablation.helpers import TINY, sentences, write


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
    corpus = Corpus(np.arange(20, dtype=np.uint16), np.arange(0, 21, 2), np.arange(10, dtype=np.uint64), 20)
    stream = token_stream(corpus, 45, seed=0)
    first, second = stream[:20].tolist(), stream[20:40].tolist()
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert len(stream) == 45


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a model is slower with more."""
    with deterministic(1):
        yield


@pytest.fixture
def corpus() -> Corpus:
    """Fifty documents of a hundred tokens, each one more than the one before."""
    tokens = (np.arange(5_000) * 7 % 300).astype(np.uint16)
    return Corpus(tokens, np.arange(0, 5_001, 100), np.arange(50, dtype=np.uint64), 5_000)


def test_micro_batches_change_nothing_but_rounding(corpus: Corpus) -> None:
    import torch

    whole, parts = (
        train(replace(TINY, steps=3, micro_batch=size), 300, corpus, 0, print).state_dict() for size in (8, 3)
    )
    for name, value in whole.items():
        assert torch.allclose(value, parts[name], atol=1e-4), name


def test_a_diverging_run_stops_with_the_learning_rate(corpus: Corpus) -> None:
    with pytest.raises(FloatingPointError, match=r"loss is .* of 10 \(seed 4\); lower .* learning rate of 1e\+30"):
        train(replace(TINY, learning_rate=1e30), 300, corpus, 4, print)


def test_the_order_of_documents_is_that_of_earlier_runs() -> None:
    # As in test_data.py: another order is another run, so `compare.PROTOCOL` goes up with it.
    ten = Corpus(np.zeros(0, np.uint16), np.zeros(1, np.int64), np.arange(10, dtype=np.uint64), 0)
    assert document_order(ten, seed=0, epoch=0).tolist() == [0, 7, 3, 1, 9, 5, 4, 6, 8, 2]
    assert document_order(ten, seed=0, epoch=1).tolist() == [6, 0, 8, 1, 4, 5, 3, 7, 2, 9]
    assert document_order(ten, seed=1, epoch=0).tolist() == [6, 1, 2, 3, 9, 7, 8, 4, 5, 0]


def test_the_learning_rate_rises_over_a_tenth_and_falls_to_nearly_nothing() -> None:
    rates = [schedule(step, 20) for step in range(20)]
    assert rates[:2] == [0.5, 1.0]
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[10] == pytest.approx(0.5 * (1 + math.cos(math.pi * 9 / 19)))  # of the 18 after the warm-up the ninth
    assert 0 < rates[-1] < 0.01
    assert schedule(0, 3) == 1.0  # one step of warm-up at least


def test_torch_is_left_as_it_was_also_by_a_run_that_fails() -> None:
    import torch

    def settings() -> tuple[int, bool]:
        return torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()

    def fail(threads: int) -> None:
        with deterministic(threads):
            assert settings() == (threads, True)
            raise ZeroDivisionError

    before = settings()
    with pytest.raises(ZeroDivisionError):
        fail(before[0] + 1)
    assert settings() == before


def test_long_training_says_how_far_it_is(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1_000, 3))
    monkeypatch.setattr("pipeline.ablation.train.time.monotonic", lambda: next(clock))
    lines: list[str] = []
    train(TINY, 300, corpus, 0, lines.append)
    assert [line.split(",")[0] for line in lines] == ["step 3 of 10", "step 6 of 10", "step 9 of 10"]
    assert all(0 < float(line.split("loss ")[1].removesuffix(" nats a token")) < 7 for line in lines)


def test_training_learns(corpus: Corpus) -> None:
    import torch

    model = train(replace(TINY, steps=12, learning_rate=2e-2), 300, corpus, 0, print)
    ids = torch.tensor([corpus.tokens[:64].tolist()])
    assert model(input_ids=ids, labels=ids).loss.item() < 4.5  # log 300 is 5.7
