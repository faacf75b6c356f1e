"""Which prompts a document is asked for: drawn by weight from a hash of its id, so the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.rows.document import content_hash
from stages.l3_synthesize.prompts.prompt import Prompt


def draw(fitting: Sequence[tuple[Prompt, float]], wanted: int, document_id: str, seed: int) -> list[Prompt]:
    """So many of these prompts with their weights; each round is a draw without replacement.

    Efraimidis and Spirakis 2006: the prompts in the order of u ** (1 / weight), u from a hash.
    """
    if len(fitting) == 1:
        return [fitting[0][0]] * wanted
    chosen: list[Prompt] = []
    for turn in range(-(-wanted // len(fitting)) if fitting else 0):
        ranks = {
            prompt.id: _uniform(document_id, prompt.id, str(turn), str(seed)) ** (1 / weight)
            for prompt, weight in fitting
        }
        chosen += sorted((prompt for prompt, _ in fitting), key=lambda prompt: -ranks[prompt.id])
    return chosen[:wanted]


def _uniform(*parts: str) -> float:
    return (int(content_hash(*parts)[:13], 16) + 0.5) / 16**13  # 52 bits: exact, between 0 and 1
