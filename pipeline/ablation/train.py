"""Training of one proxy model.

Pieces of documents are packed one after another, each document behind a BOS, and attention crosses their borders: no
padding. On the CPU a run is deterministic for one machine type and set of library versions; other CPUs, and any GPU,
may round differently.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.ablation.model import Budget, build_model, continued
from pipeline.ablation.order import Stream
from pipeline.ablation.tokenizer import Corpus

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlamaForCausalLM

WARM_UP, DECAY = 0.1, 0.3  # of the steps; between them the learning rate stands. MiniCPM: a tenth of decay suffices
AVERAGED = 0.1  # of the steps, the last ones: the weights of a run are the mean of so many checkpoints there
CHECKPOINTS = 8
REPORT_EVERY = 8.0  # seconds; who waits for a run should not wait ten without a line
SAVE_EVERY = 60.0  # seconds; a run that takes less is not worth a file
CURVE_POINTS = 40
WEIGHT_DECAY, MOST_WEIGHT_DECAY = 0.1, 0.8
FREE_EPOCHS = 4.0  # up to here repetition costs little (arXiv 2305.16264)


@dataclass
class Trained:
    """A model and how its training went."""

    model: LlamaForCausalLM
    curve: list[tuple[int, float]] = field(default_factory=list)
    """Tokens read, and the mean loss since the point before, in nats a token."""


@dataclass
class _State:
    """What a checkpoint holds beside model and optimizer."""

    step: int = 0
    averaged: int = 0
    curve: list[tuple[int, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


def weight_decay(epochs: float) -> float:
    """For all arms of an ablation whose most repeated one is read so often: raised in proportion above FREE_EPOCHS."""
    return round(min(MOST_WEIGHT_DECAY, WEIGHT_DECAY * max(1.0, epochs / FREE_EPOCHS)), 2)


def train(
    budget: Budget,
    vocabulary: int,
    corpus: Corpus,
    seed: int,
    progress: Callable[[str], None],
    decay: float = WEIGHT_DECAY,
    checkpoint: Path | None = None,
    trunk: Path | None = None,
) -> Trained:
    """A model after `budget.steps` steps; the seed decides its initialisation and the order of the pieces.

    With `trunk` the model in that folder is continued, and the learning rate falls from the first step on.
    With `checkpoint`, a run that takes long leaves its state there, and goes on from it when it is made again.
    """
    import torch

    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    model = (build_model(budget, vocabulary, seed) if trunk is None else continued(trunk)).to(device)
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=budget.learning_rate, betas=(0.9, 0.95), fused=True)
    stream = Stream(corpus, seed, budget.sequence)
    mean = [torch.zeros_like(parameter) for parameter in model.parameters()]
    state = _load(checkpoint, model, optimizer, mean) or _State()
    every = max(1, round(budget.steps * AVERAGED / CHECKPOINTS))
    first = state.step
    begun = reported = saved = time.monotonic()
    for step in range(state.step, budget.steps):
        for group in optimizer.param_groups:
            group["lr"] = budget.learning_rate * schedule(step, budget.steps, anneals=trunk is not None)
        loss = 0.0
        for rows in range(0, budget.batch, budget.micro_batch):
            count = min(budget.micro_batch, budget.batch - rows)
            start = (step * budget.batch + rows) * budget.sequence
            tokens = stream.read(start, start + count * budget.sequence + 1)
            part = torch.from_numpy(tokens.astype(np.int64)).to(device)
            part_loss = token_loss(model, part, count, cuda) * (count / budget.batch)
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
        state.step = step + 1
        left = budget.steps - state.step
        if left < every * CHECKPOINTS and left % every == 0:
            state.averaged += 1
            for total, parameter in zip(mean, model.parameters(), strict=True):
                total.add_((parameter.detach() - total) / state.averaged)
        state.losses.append(loss)
        if len(state.losses) >= budget.steps / CURVE_POINTS or not left:
            state.curve.append((state.step * budget.batch * budget.sequence, float(np.mean(state.losses))))
            state.losses.clear()
        now = time.monotonic()
        if now - reported > REPORT_EVERY:
            reported = now
            remaining = (now - begun) / (state.step - first) * left
            progress(f"step {state.step} of {budget.steps}, loss {loss:.3f} nats a token, {remaining:.0f} s left")
        if checkpoint is not None and now - saved > SAVE_EVERY and left:
            saved = now
            _save(checkpoint, model, optimizer, mean, state)
    with torch.no_grad():
        for parameter, total in zip(model.parameters(), mean, strict=True):
            parameter.copy_(total)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return Trained(model, state.curve)


def token_loss(model: LlamaForCausalLM, part: Tensor, rows: int, cuda: bool) -> Tensor:
    """Mean nats a token over `rows` sequences that follow one another in `part`, which is one token longer."""
    import torch

    with torch.autocast("cuda" if cuda else "cpu", torch.bfloat16, enabled=cuda):
        logits = model(input_ids=part[:-1].view(rows, -1)).logits
    return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), part[1:])


def schedule(step: int, steps: int, anneals: bool = False) -> float:
    """Share of the peak learning rate: linear warm-up, a stable part, and a decay to zero as 1 - √x; or that alone."""
    warm_up, decay = (0, steps) if anneals else (max(1, round(WARM_UP * steps)), max(1, round(DECAY * steps)))
    if step < warm_up:
        return (step + 1) / warm_up
    if step < steps - decay:
        return 1.0
    return 1 - math.sqrt((step - (steps - decay) + 1) / (decay + 1))


def _save(path: Path, model: Any, optimizer: Any, mean: list[Tensor], state: _State) -> None:
    """Under a temporary name first, so that a checkpoint that is there is whole."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    torch.save(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "mean": mean, **vars(state)}, temporary
    )
    temporary.replace(path)


def _load(path: Path | None, model: Any, optimizer: Any, mean: list[Tensor]) -> _State | None:
    import torch

    if path is None or not path.is_file():
        return None
    found = torch.load(path, weights_only=True)
    model.load_state_dict(found.pop("model"))
    optimizer.load_state_dict(found.pop("optimizer"))
    for total, value in zip(mean, found.pop("mean"), strict=True):
        total.copy_(value)
    return _State(found["step"], found["averaged"], found["curve"], found["losses"])


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
