"""Training speed of the proxy models: ours against a plain loop over transformers' own model, in turn, in one run.

    python -m benchmarks.ablation_throughput [--budget toy] [--steps 60] [--rounds 5]

The plain loop is what a user would write: random batches that lie in memory, the model's own loss, AdamW as torch has
it, gradients clipped, no report, no schedule, no mean of checkpoints. Ours reads from a token shard on disk. On a GPU
the model FLOPs utilisation is printed, of 6 FLOPs a parameter and token, against --peak TFLOP/s.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ablation.data import survey
from pipeline.ablation.model import BUDGETS, Budget, build_model
from pipeline.ablation.tokenizer import Corpus, tokenize, train_tokenizer
from pipeline.ablation.train import WEIGHT_DECAY, deterministic, train


def corpus(folder: Path, budget: Budget) -> tuple[Corpus, int]:
    """Random words: what they say does not matter for speed."""
    words = np.random.default_rng(0).integers(0, 5_000, (4_000, 200))
    texts = [" ".join(f"w{word}" for word in row) for row in words]
    pq.write_table(pa.table({"text": texts}), folder / "arm.parquet")
    tokenizer = train_tokenizer(texts[:500], budget.vocabulary)
    return tokenize(survey([folder / "arm.parquet"]), tokenizer, folder / "tokens"), tokenizer.get_vocab_size()


def plain(budget: Budget, vocabulary: int) -> None:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = build_model(budget, vocabulary, 0).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), budget.learning_rate, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY
    )
    rows = torch.randint(0, vocabulary, (budget.steps, budget.batch, budget.sequence), device=device)
    for step in range(budget.steps):
        for part in rows[step].split(budget.micro_batch):
            with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
                loss = model(input_ids=part, labels=part).loss * (len(part) / budget.batch)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    loss.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", choices=BUDGETS, default="toy")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", type=float, default=990.0, help="TFLOP/s of the GPU in bf16; an H100 has 990")
    options = parser.parse_args()
    budget = replace(BUDGETS[options.budget], steps=options.steps)
    import torch

    with tempfile.TemporaryDirectory() as folder, deterministic(budget.cpu_threads):
        tokens, vocabulary = corpus(Path(folder), budget)
        parameters = build_model(budget, vocabulary, 0).num_parameters()
        rates: dict[str, list[float]] = {"plain": [], "ours": []}
        for round_ in range(options.rounds + 1):
            for name in rates:
                begun = time.perf_counter()
                if name == "plain":
                    plain(budget, vocabulary)
                else:
                    train(budget, vocabulary, tokens, 0, lambda line: None)
                if round_:  # the first round warms up
                    rates[name].append(budget.tokens / (time.perf_counter() - begun))
    for name, of in rates.items():
        rate = statistics.median(of)
        used = f", {6 * parameters * rate / options.peak / 1e12:.3f} of the peak" if torch.cuda.is_available() else ""
        print(f"{name}, {parameters:,} parameters: {rate:,.0f} tokens a second [{min(of):,.0f}, {max(of):,.0f}]{used}")
    ratios = [ours / other for ours, other in zip(rates["ours"], rates["plain"], strict=True)]
    print(f"ours / plain: {statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]")


if __name__ == "__main__":
    main()
