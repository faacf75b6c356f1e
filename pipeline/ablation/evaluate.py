"""Bits per byte on held-out documents: Σ NLL in nats / (ln 2 · UTF-8 bytes), whatever the tokenizer.

A document's first token is predicted from BOS, its end is not predicted. A document longer than the model's sequence
is read in windows that overlap by a quarter, so that every later token has at least a quarter sequence of context.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.ablation.tokenizer import TokenArray
from pipeline.steps import FloatArray

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


def windows(length: int, sequence: int) -> list[tuple[int, int, int]]:
    """(start, first scored, end) over `length` tokens: each token is scored once, from what precedes it in its window.

    `start` counts in the document behind its BOS, so position 0 is BOS and token i stands at i + 1.
    """
    overlap, result, done = sequence // 4, [], 0
    while done < length:
        start = max(0, done - overlap)
        end = min(start + sequence, length)
        result.append((start, done, end))
        done = end
    return result


def document_bits(
    model: LlamaForCausalLM,
    documents: Sequence[TokenArray],
    bos: int,
    sequence: int,
    batch: int,
    given: Sequence[int] | None = None,
) -> FloatArray:
    """Minus log2 of the probability that the model gives to each document behind its first `given` tokens (0)."""
    import torch

    bits = np.zeros(len(documents))
    given = given or [0] * len(documents)
    jobs = [
        (row, start, max(scored, given[row]), end)
        for row, ids in enumerate(documents)
        for start, scored, end in windows(len(ids), sequence)
        if end > given[row]
    ]
    jobs.sort(key=lambda job: job[1] - job[3])  # equal lengths together: little padding
    model.eval()
    with torch.inference_mode():
        for first in range(0, len(jobs), batch):
            part = jobs[first : first + batch]
            length = max(end - start for _, start, _, end in part)
            inputs = np.full((len(part), length), bos, np.int64)  # padding on the right is never looked at
            targets = np.full((len(part), length), -100, np.int64)
            for i, (row, start, scored, end) in enumerate(part):
                ids = documents[row]
                inputs[i, : end - start] = np.concatenate([[bos], ids])[start:end]
                targets[i, scored - start : end - start] = ids[scored:end]
            logits = model(input_ids=torch.from_numpy(inputs).to(model.device)).logits.float()
            nats = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), torch.from_numpy(targets).to(model.device).flatten(), reduction="none"
            )
            sums = nats.view(len(part), length).double().sum(1).cpu().numpy()
            np.add.at(bits, [job[0] for job in part], sums / math.log(2))
    return bits
