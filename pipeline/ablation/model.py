"""Budgets, and the Llama-style proxy model that each one trains.

The sizes of `small` and `medium` follow DataDecide's grid (arXiv 2504.11393: 10M at batch 32 and 100 tokens a
parameter; 30M lies between its 20M and 60M) with a quarter of its learning rates, since rankings of small runs hold
better at a clearly reduced one (arXiv 2512.24503). `toy` is narrow and shallow: a core reads
26,000 tokens a second with it, 7,500 with width 128 and four layers, and at so few tokens more text teaches more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


INITIAL = 0.8
"""Standard deviation of initial weights times √width: 0.02 at width 1,600. With 0.02 a model of width 64 stays on a
plateau for a third of a toy run, and how long is a matter of the seed: after 256 steps the loss of four seeds was 6.03
nats a token, standard deviation .06; with 0.1 it is 5.77 and .03."""


@dataclass(frozen=True)
class Budget:
    """What one run costs; the same for every run of an ablation."""

    name: str
    width: int
    layers: int
    heads: int
    vocabulary: int
    """At most; fewer if the text does not give so many merges."""
    sequence: int
    """Tokens the model sees at once."""
    batch: int
    """Sequences per step."""
    steps: int
    learning_rate: float
    """At its peak: it rises over the first tenth of the steps and falls to zero over the last three."""
    seeds: int
    """Runs per arm."""
    heldout_bytes: int
    """Per domain, at most."""
    tokenizer_bytes: int
    """Training text of the tokenizer, per arm."""
    ngram_tokens: int
    """Tokens that the n-grams of the second opinion are counted on."""
    micro_batch: int = 16
    """Sequences in memory at once; gradients of a batch add up over them."""
    cpu_threads: int = 2
    """Of a run. Fixed, since their number decides the order of sums and so their rounding. Unused on a GPU."""

    @property
    def tokens(self) -> int:
        """Tokens a run trains on."""
        return self.steps * self.batch * self.sequence


BUDGETS = {
    budget.name: budget
    for budget in (
        Budget(
            "toy", 64, 2, 2, 2_048, 128, 8, 512, 4e-3, 3, 100_000, 1_000_000, 1_000_000, cpu_threads=1
        ),  # 0.24 M x 0.52 M tokens
        # 10 M x 1 G, and 30 M x 3 G
        Budget("small", 320, 6, 5, 8_192, 2_048, 32, 15_117, 2.5e-3, 3, 2_000_000, 50_000_000, 20_000_000),
        Budget("medium", 512, 7, 8, 16_384, 2_048, 64, 22_888, 1.9e-3, 3, 5_000_000, 100_000_000, 20_000_000),
    )
}


def build_model(budget: Budget, vocabulary: int, seed: int) -> LlamaForCausalLM:
    """A new model, initialised from the seed alone. The last id of the vocabulary is BOS."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=budget.width,
        intermediate_size=-(-budget.width * 8 // 3 // 32) * 32,  # Llama's 8/3, rounded up to a multiple of 32
        num_hidden_layers=budget.layers,
        num_attention_heads=budget.heads,
        num_key_value_heads=budget.heads,
        max_position_embeddings=budget.sequence,
        tie_word_embeddings=True,
        initializer_range=INITIAL / math.sqrt(budget.width),
        bos_token_id=vocabulary - 1,
        eos_token_id=vocabulary - 1,
        use_cache=False,
    )
    return LlamaForCausalLM(config)


def continued(folder: Path) -> LlamaForCausalLM:
    """The model in a folder of Hugging Face's layout, to train on."""
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(folder, use_cache=False)
