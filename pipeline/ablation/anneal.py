"""Annealing: arms continue a model that is trained already, on a share of the candidate beside the default mix.

About ten times cheaper than training anew (arXiv 2406.03476), and another question: what does the data teach late?
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.ablation.data import Arm, survey
from pipeline.ablation.model import Budget
from pipeline.ablation.tokenizer import BOS
from pipeline.store.shard import file_sha256

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SHARE = 0.3  # of what a run reads is the candidate, as in Ultra-FineWeb (arXiv 2505.05427); the rest is the baseline
SALT = 0x61_6E_6E_65_61_6C


@dataclass(frozen=True)
class Trunk:
    """The model that all arms continue."""

    folder: Path
    identity: str
    """Hash of its weights."""
    tokenizer: Tokenizer
    budget: Budget
    """The one that was asked for, with the model's own sizes."""


def read_trunk(folder: Path, budget: Budget) -> Trunk:
    """A folder as `keep_models` leaves it. ValueError for another architecture or tokenizer, or too short sequences."""
    from tokenizers import Tokenizer

    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} is no model to go on from: {name} is missing; give one of `--keep-models`")
    config = json.loads((folder / "config.json").read_bytes())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    size = config.get("vocab_size")
    if (
        config.get("model_type") != "llama"
        or tokenizer.get_vocab_size() != size
        or tokenizer.token_to_id(BOS) != size - 1
    ):
        raise ValueError(
            f"{folder} has another architecture or tokenizer than proxy models have ({BOS} as the last id); "
            "give a model that `orefine ablate --keep-models` has made"
        )
    if config["max_position_embeddings"] < budget.sequence:
        raise ValueError(
            f"the model in {folder} sees {config['max_position_embeddings']} tokens, and the budget {budget.name} "
            f"trains on {budget.sequence}; give a smaller budget"
        )
    sizes = {
        "width": config["hidden_size"],
        "layers": config["num_hidden_layers"],
        "heads": config["num_attention_heads"],
    }
    own = replace(budget, vocabulary=size, **sizes)
    return Trunk(folder, file_sha256(folder / "model.safetensors"), tokenizer, own)


def mixed(default: Arm, candidate: Arm, run_bytes: int) -> Arm:
    """SHARE of the bytes the candidate's, the rest the default's; as much as a run reads, or the texts allow."""
    size = min(run_bytes, candidate.chosen_bytes / SHARE, default.chosen_bytes / (1 - SHARE))
    both = survey([*default.files, *candidate.files])
    rows = [default.first(round((1 - SHARE) * size), SALT), candidate.first(round(SHARE * size), SALT)]
    return replace(both, chosen=np.concatenate(rows))


def plain(default: Arm, run_bytes: int) -> Arm:
    """The default alone, of the same size: the baseline of an annealing."""
    return replace(default, chosen=default.first(run_bytes, SALT))
