"""How a model is trained, how fast it learns, and how an interrupted run goes on."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.ablation import train as trainer
from pipeline.ablation.model import build_model
from pipeline.ablation.tokenizer import Corpus
from pipeline.ablation.train import deterministic, schedule, train, weight_decay
from tests.pipeline.ablation.helpers import TINY


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a model is slower with more."""
    with deterministic(1):
        yield


@pytest.fixture
def corpus() -> Corpus:
    """Fifty documents of a hundred tokens, each one more than the one before."""
    tokens = (np.arange(5_000) * 7 % 300).astype(np.uint16)
    return Corpus(tokens, np.arange(0, 5_001, 100), np.arange(50, dtype=np.uint64), np.ones(50, np.int64), 5_000)


def test_micro_batches_change_nothing_but_rounding(corpus: Corpus) -> None:
    import torch

    whole, parts = (
        train(replace(TINY, steps=3, micro_batch=size), 300, corpus, 0, print).model.state_dict() for size in (8, 3)
    )
    for name, value in whole.items():
        assert torch.allclose(value, parts[name], atol=1e-4), name


def test_a_diverging_run_stops_with_the_learning_rate(corpus: Corpus) -> None:
    with pytest.raises(FloatingPointError, match=r"loss is .* of 10 \(seed 4\); lower .* learning rate of 1e\+30"):
        train(replace(TINY, learning_rate=1e30), 300, corpus, 4, print)


def test_the_learning_rate_rises_stands_and_falls_to_nearly_nothing() -> None:
    rates = [schedule(step, 20) for step in range(20)]
    assert rates[:2] == [0.5, 1.0]
    assert set(rates[1:14]) == {1.0}
    assert rates[14:] == pytest.approx([1 - math.sqrt(x / 7) for x in range(1, 7)])  # 1 - sqrt over the last three
    assert schedule(0, 3) == 1.0  # one step of warm-up at least


@pytest.mark.parametrize(("epochs", "decay"), [(0.1, 0.1), (4, 0.1), (8, 0.2), (1000, 0.8)])
def test_weights_decay_more_where_text_is_repeated(epochs: float, decay: float) -> None:
    assert weight_decay(epochs) == decay


def test_a_run_goes_on_from_its_checkpoint_to_the_same_bits(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    whole = train(TINY, 300, corpus, 0, print)
    monkeypatch.setattr("pipeline.ablation.train.SAVE_EVERY", -1.0)
    usual, path = trainer.token_loss, tmp_path / "run.pt"
    calls: list[int] = []

    def breaks(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 10:  # the last step: the checkpoint is in the averaged part
            raise ConnectionError
        return usual(*arguments)

    monkeypatch.setattr(trainer, "token_loss", breaks)
    with pytest.raises(ConnectionError):
        train(TINY, 300, corpus, 0, print, checkpoint=path)
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]
    rest = train(TINY, 300, corpus, 0, print, checkpoint=path)
    assert len(calls) == 11, "only the last step was left"
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, rest.model.state_dict()[name]), name
    assert rest.curve == whole.curve
    assert not path.exists()


def test_the_curve_tells_the_loss_by_tokens(corpus: Corpus) -> None:
    curve = train(TINY, 300, corpus, 0, print).curve
    assert [tokens for tokens, _ in curve] == [512 * step for step in range(1, 11)]
    assert curve[0][1] == pytest.approx(math.log(300), abs=0.5)
    assert curve[-1][1] < curve[0][1]


def test_the_loss_is_that_of_transformers(corpus: Corpus) -> None:
    import torch

    model = build_model(TINY, 300, 0)
    part = torch.from_numpy(corpus.tokens[:129].astype(np.int64))
    rows = torch.stack([part[:65], part[64:129]])  # transformers shifts the labels itself
    theirs = model(input_ids=rows, labels=rows).loss
    assert trainer.token_loss(model, part, 2, False).item() == pytest.approx(theirs.item(), abs=1e-6)


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
    assert all(0 < float(line.split("loss ")[1].split(" nats")[0]) < 7 for line in lines)
    assert lines[0].endswith(" s left")


def test_training_learns(corpus: Corpus) -> None:
    import torch

    model = train(replace(TINY, steps=12, learning_rate=2e-2), 300, corpus, 0, print).model
    ids = torch.tensor([corpus.tokens[:64].tolist()])
    assert model(input_ids=ids, labels=ids).loss.item() < 4.5  # log 300 is 5.7
