"""Texts that a small model can learn from, and a budget so small that a run takes a fraction of a second."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ablation import Budget

TINY = Budget("tiny", 32, 2, 2, 300, 64, 8, 10, 2e-2, 2, 8_000, 50_000, 5_000, cpu_threads=1)
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


def write(path: Path, texts: Sequence[str | None], column: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({column: texts}), path)
    return path


def words(count: int, seed: int) -> str:
    """Random words, of which no two calls share any."""
    return " ".join(f"w{random.Random(f'{seed}-{i}').randrange(10**9)}" for i in range(count))
