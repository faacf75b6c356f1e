"""Cloze tasks: only the right answer is scored, behind its question."""

import math

import numpy as np
import pytest

from pipeline.ablation.tasks import ClozeItem, Task

ITEMS = (ClozeItem("2+2?", ("four", "a fish"), 0), ClozeItem("Sky?", ("green", "no", "blue"), 2))


def by_bytes(texts: list[str]) -> list[np.ndarray]:
    return [np.frombuffer(text.encode(), np.uint8).astype(np.uint16) for text in texts]


def test_the_right_answer_is_scored_behind_its_question() -> None:
    asked = []

    def scorer(documents: list[np.ndarray], given: list[int]) -> np.ndarray:
        texts = [bytes(ids.astype(np.uint8)).decode() for ids in documents]
        asked.extend((text[:n], text[n:]) for text, n in zip(texts, given, strict=True))
        return np.array([10.0, 8.0, 9.0, 30.0, 7.0])

    bits, accuracy = Task("quiz", ITEMS).score(by_bytes, scorer)
    assert asked == [
        ("2+2?", " four"), ("2+2?", " a fish"), ("Sky?", " green"), ("Sky?", " no"), ("Sky?", " blue"),
    ]  # fmt: skip
    assert bits.tolist() == [10.0, 7.0]
    assert accuracy == 0.5  # bits a byte: 2 against 8/7 is wrong, 7/5 against 1.5 and 10 is right
    assert Task("quiz", ITEMS).sizes.tolist() == [5, 5]


def test_a_sample_is_drawn_from_all_of_the_set() -> None:
    items = tuple(ClozeItem(f"{row:04}", ("ab", "cd"), 0) for row in range(100))  # of eight bytes each
    numbers = [int(item.question) for item in Task("quiz", items).sample(400).items]
    assert len(numbers) == 50
    assert numbers == sorted(numbers)
    assert numbers[-1] > 90
    assert len(Task("quiz", items).sample(1).items) == 8


def test_a_uniform_model_needs_the_same_bits_for_every_byte() -> None:
    import torch

    from pipeline.ablation.evaluate import document_bits
    from pipeline.ablation.model import build_model
    from tests.pipeline.ablation.helpers import TINY

    model = build_model(TINY, 256, seed=0)
    torch.nn.init.zeros_(model.lm_head.weight)
    task = Task("long", (ClozeItem("x" * 100, ("abc", "defg"), 1),))  # the question fills more than a window
    bits, _ = task.score(by_bytes, lambda documents, given: document_bits(model, documents, 255, 64, 2, given))
    assert bits.tolist() == pytest.approx([5 * math.log2(256)])
