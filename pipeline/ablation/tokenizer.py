"""The byte-level BPE tokenizer that all runs of an ablation share, trained on both arms in equal parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.ablation import megatron
from pipeline.ablation.data import Arm, I64Array, U64Array

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BOS = "<|bos|>"  # begins every document; the last id of the vocabulary
TokenArray = np.ndarray[tuple[int], np.dtype[np.integer]]


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Byte-level BPE with at most `vocabulary` ids, the last of them BOS. Any text can be encoded, without loss."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([BOS])
    tokenizer.encode_special_tokens = True  # a document that spells BOS out must not produce it
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[TokenArray]:
    return [np.array(encoding.ids, np.uint16) for encoding in tokenizer.encode_batch_fast(list(texts))]


@dataclass(frozen=True)
class Corpus:
    """The chosen documents of an arm as tokens, each after a BOS, in file order."""

    tokens: TokenArray
    starts: I64Array
    """Where each document begins, and the end."""
    keys: U64Array
    repeats: I64Array
    """How often a pass reads each document."""
    unique_tokens: int
    """Without exact repeats of documents."""

    @property
    def pass_tokens(self) -> int:
        """Tokens of one pass."""
        return int(np.diff(self.starts) @ self.repeats)


def tokenize(arm: Arm, tokenizer: Tokenizer, prefix: Path) -> Corpus:
    """The chosen documents in the shard `prefix`.bin and .idx, which is made if it is not there."""
    if not prefix.with_name(f"{prefix.name}.idx").is_file():
        prefix.parent.mkdir(parents=True, exist_ok=True)
        megatron.write(prefix, documents(arm, tokenizer), tokenizer.get_vocab_size())
    tokens, starts = megatron.read(prefix)
    _, first = np.unique(arm.hashes[arm.chosen], return_index=True)
    unique = int(np.diff(starts)[first].sum())
    return Corpus(tokens, starts, arm.keys[arm.chosen], arm.repeats[arm.chosen], unique)


def documents(arm: Arm, tokenizer: Tokenizer) -> Iterator[TokenArray]:
    """Each chosen document behind a BOS."""
    bos = np.array([tokenizer.token_to_id(BOS)], np.uint16)
    for texts in arm.texts(arm.chosen):
        for ids in encode(tokenizer, texts.to_pylist()):
            yield np.concatenate([bos, ids])
