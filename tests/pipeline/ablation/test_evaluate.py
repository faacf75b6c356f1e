"""Bits per byte: every token is scored once, in context, and costs what the model says."""

import math

import numpy as np
import pytest

from pipeline.ablation.evaluate import document_bits, windows
from pipeline.ablation.model import build_model
from tests.pipeline.ablation.helpers import TINY


@pytest.mark.parametrize("length", [1, 16, 17, 100])
def test_windows_score_each_token_once_with_context(length: int) -> None:
    scored = [token for start, first, end in windows(length, 16) for token in range(first, end)]
    assert scored == list(range(length))
    for start, first, end in windows(length, 16):
        assert end - start <= 16
        assert first == 0 or first - start >= 4


def test_a_uniform_model_costs_log2_of_the_vocabulary_per_token() -> None:
    import torch

    model = build_model(TINY, 256, seed=0)
    torch.nn.init.zeros_(model.lm_head.weight)  # tied: all logits are 0
    documents = [np.arange(length, dtype=np.uint16) for length in (3, 64, 150)]
    bits = document_bits(model, documents, 255, 64, 2)
    assert bits.tolist() == pytest.approx([math.log2(256) * length for length in (3, 64, 150)])


def test_bits_equal_a_plain_sum_over_tokens() -> None:
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


def test_bits_equal_the_loss_that_transformers_computes() -> None:
    import torch

    model = build_model(TINY, 256, seed=3).eval()
    ids = np.random.default_rng(1).integers(0, 255, 63).astype(np.uint16)
    row = torch.tensor([[255, *ids.tolist()]])
    loss = model(input_ids=row, labels=row).loss.item()  # nats a token, the first of which is predicted from BOS
    (bits,) = document_bits(model, [ids], 255, 64, 2)
    assert bits == pytest.approx(loss * len(ids) / math.log(2), rel=1e-5)
