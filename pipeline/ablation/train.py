"""Training of one proxy model.

Documents are packed one after another, each behind a BOS, and attention crosses their borders. On the CPU a run is
deterministic for one machine type and set of library versions; other CPUs, and any GPU, may round differently.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from pipeline.ablation.data import I64Array, mix
from pipeline.ablation.model import Budget, build_model
from pipeline.ablation.tokenizer import Corpus, TokenArray

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

WARM_UP = 0.1  # of the steps
REPORT_EVERY = 8.0  # seconds; who waits for a run should not wait ten without a line


def train(
    budget: Budget, vocabulary: int, corpus: Corpus, seed: int, progress: Callable[[str], None]
) -> LlamaForCausalLM:
    """A model after `budget.steps` steps; the seed decides its initialisation and the order of documents."""
    import torch

    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    model = build_model(budget, vocabulary, seed).to(device)
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=budget.learning_rate, betas=(0.9, 0.95))
    stream = torch.from_numpy(token_stream(corpus, budget.tokens + 1, seed).astype(np.int32))
    reported = time.monotonic()
    for step in range(budget.steps):
        for group in optimizer.param_groups:
            group["lr"] = budget.learning_rate * schedule(step, budget.steps)
        loss = 0.0
        for rows in range(0, budget.batch, budget.micro_batch):
            count = min(budget.micro_batch, budget.batch - rows)
            start = (step * budget.batch + rows) * budget.sequence
            part = stream[start : start + count * budget.sequence + 1].to(device).long()
            with torch.autocast(device, torch.bfloat16, enabled=cuda):
                logits = model(input_ids=part[:-1].view(count, -1)).logits
            part_loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), part[1:])
            part_loss = part_loss * (count / budget.batch)
            part_loss.backward()
            loss += part_loss.item()
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss} at step {step} of {budget.steps} (seed {seed}); "
                f"lower the budget's learning rate of {budget.learning_rate}"
            )
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if time.monotonic() - reported > REPORT_EVERY:
            reported = time.monotonic()
            progress(f"step {step + 1} of {budget.steps}, loss {loss:.3f} nats a token")
    return model


def schedule(step: int, steps: int) -> float:
    """Share of the peak learning rate: linear warm-up, then a cosine to zero."""
    warm_up = max(1, round(WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up + 1) / (steps - warm_up + 1)))


def token_stream(corpus: Corpus, tokens: int, seed: int) -> TokenArray:
    """So many tokens, in an order of documents that the seed gives anew for each pass over the corpus."""
    parts: list[TokenArray] = []
    missing, epoch = tokens, 0
    while missing > 0:
        for row in document_order(corpus, seed, epoch):
            part = corpus.tokens[corpus.starts[row] : corpus.starts[row + 1]][:missing]
            parts.append(part)
            missing -= len(part)
            if missing == 0:
                break
        epoch += 1
    return np.concatenate(parts)


def document_order(corpus: Corpus, seed: int, epoch: int) -> I64Array:
    """By a hash of content, seed and epoch: documents that two arms share come in the same relative order."""
    salt = mix(np.array([seed * 1_000_003 + epoch], np.uint64))
    return np.argsort(mix(corpus.keys ^ salt), kind="stable")


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """On the CPU, equal runs give equal bits in this block. torch's settings are put back after it."""
    import torch

    usual, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    if not torch.cuda.is_available():
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
        torch.use_deterministic_algorithms(before)
