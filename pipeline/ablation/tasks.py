"""Cloze tasks: how many bits a model needs for the right answer, and how often it likes that one best.

Below some billion parameters accuracy is near chance and jumps; bits per byte of the right answer, given the question,
move long before it. So a task is a held-out domain of which only the answers are scored. Beside it stands the accuracy
by least bits per byte among the choices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.ablation.data import I64Array
from pipeline.ablation.tokenizer import TokenArray
from pipeline.rows.document import content_hash
from pipeline.steps import FloatArray

MINIMUM_ITEMS = 8
Scorer = Callable[[Sequence[TokenArray], Sequence[int]], FloatArray]
"""Bits of each document behind its first so many tokens."""


@dataclass(frozen=True)
class ClozeItem:
    question: str
    choices: tuple[str, ...]
    answer: int
    """Which of the choices is right."""

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.question, *self.choices)


@dataclass(frozen=True)
class Task:
    """The items of one evaluation set."""

    name: str
    items: tuple[ClozeItem, ...]

    @property
    def sizes(self) -> I64Array:
        """UTF-8 bytes of each right answer, the blank before it included: it is scored with the answer."""
        return np.array([len(_behind(item.choices[item.answer]).encode()) for item in self.items], np.int64)

    @property
    def sites(self) -> I64Array:
        return np.arange(len(self.items))

    def sample(self, size: int) -> Task:
        """Items of about `size` bytes, drawn by content: sets are ordered by subject. ValueError for too few items."""
        if len(self.items) < MINIMUM_ITEMS:
            raise ValueError(
                f"the task '{self.name}' has {len(self.items)} items with choices, it needs {MINIMUM_ITEMS}: "
                "give the whole set"
            )
        order = sorted(range(len(self.items)), key=lambda row: content_hash(*self.items[row].texts))
        lengths = [sum(len(text.encode()) for text in self.items[row].texts) for row in order]
        chosen = sorted(order[: max(MINIMUM_ITEMS, int(np.searchsorted(np.cumsum(lengths), size, "right")))])
        return Task(self.name, tuple(self.items[row] for row in chosen))

    def score(self, encode: Callable[[Sequence[str]], Sequence[TokenArray]], bits: Scorer) -> tuple[FloatArray, float]:
        """Bits of each right answer, and the accuracy."""
        owner = np.repeat(np.arange(len(self.items)), [len(item.choices) for item in self.items])
        questions = encode([item.question for item in self.items])
        texts = [_behind(choice) for item in self.items for choice in item.choices]
        choices = encode(texts)
        documents = [np.concatenate([questions[of], ids]) for of, ids in zip(owner, choices, strict=True)]
        found = bits(documents, [len(questions[of]) for of in owner])
        rates = found / np.array([len(text.encode()) for text in texts])
        first = np.concatenate([[0], np.cumsum([len(item.choices) for item in self.items])])
        best = [int(np.argmin(rates[begin:end])) for begin, end in pairwise(first)]
        right = np.array([item.answer for item in self.items])
        return found[first[:-1] + right], float(np.mean(np.array(best) == right))


def _behind(choice: str) -> str:
    return f" {choice}"
