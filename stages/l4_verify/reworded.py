"""Is a stretch of text an evaluation item told in other words? By a small sentence-embedding model, on a processor.

Three looks, from cheap to dear, each only at what the one before leaves:

1. `pipeline/kernels/contamination/shared_words.py` names blocks that share telling words with an item.
2. Runs of sentences of about the item's length are compared with it by the sum of their tokens' vectors, as the model
   holds them before its first layer, weighted by how rare a token is: COARSE.
3. The nearest run goes through the model: FINE, the cosine with question and answer.

An embedding says "about the same", never "the same question": its cosine stands in the evidence, and the limits were
chosen on written paraphrases and on pages with nothing planted (`benchmarks/l4_contamination.py`). Each run of
sentences goes through the model by itself, since padding to others would move the last digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.kernels.contamination.item_index import ItemIndex
from pipeline.kernels.contamination.shared_words import build_stem_index, find_shared
from pipeline.kernels.utf8 import Array
from stages.l4_verify.evaluation_sets import Item

COARSE, FINE = 0.55, 0.72
MOST_TOKENS = 256
SHORTEST, LONGEST, LOOSE = 0.6, 1.8, 8
"""Of a run of sentences, in words, as multiples of the item's, and some more."""
COUNTED = 10_000
"""Items by whose tokens it is told how rare a token is."""
ENDS = re.compile(r"(?<=[.!?。！？])\s+|\n+|(?<=[。！？])")


class Found(NamedTuple):
    row: int
    item: int
    cosine: float
    begin: int
    end: int


class Reworded:
    """Finds items in other words; holds the model and what was embedded of the items."""

    def __init__(self, folder: Path, index: ItemIndex, items: Sequence[Item]) -> None:
        from tokenizers import Tokenizer
        from transformers import AutoModel

        # Data, no code: neither Python files of the model's own nor pickled weights.
        self._model = AutoModel.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, use_safetensors=True
        ).eval()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._items = items
        self._index = build_stem_index(index, np.array([item.part == "question" for item in items], np.bool_))
        self._vectors = self._weighted_tokens()
        self._told = lru_cache(maxsize=100_000)(self._told_item)
        self._embed = lru_cache(maxsize=100_000)(self._embedding)

    def find(self, texts: pa.Array) -> Iterator[Found]:
        """Of each text its reworded items, in the order of row and item."""
        shared = find_shared(self._index, texts)
        block: tuple[int, int, int] | None = None
        sentences = Sentences([], np.zeros(0), np.zeros((1, 1)))
        for one in np.sort(shared, order=["row", "begin", "item"]):
            place = int(one["row"]), int(one["begin"]), int(one["end"])
            if place != block:
                block = place
                text = texts[place[0]].as_py().encode()[place[1] : place[2]].decode(errors="replace")
                sentences = self._sentences(text)
            nearest = self._nearest(sentences, int(one["item"]))
            if nearest is None:
                continue
            run = "".join(sentences.texts[nearest[0] : nearest[1]])
            cosine = float(self._embed(run) @ self._embed(told(self._items[int(one["item"])])))
            if cosine >= FINE:
                begin = place[1] + len("".join(sentences.texts[: nearest[0]]).encode())
                yield Found(place[0], int(one["item"]), cosine, begin, begin + len(run.encode()))

    def _sentences(self, text: str) -> Sentences:
        ends = [0, *(match.end() for match in ENDS.finditer(text)), len(text)]
        texts = [text[one:other] for one, other in pairwise(ends) if other > one]
        words = np.array([max(len(one.split()), 1) for one in texts], np.float64)
        sums = np.zeros((len(texts) + 1, self._vectors.shape[1]), np.float32)
        for place, encoded in enumerate(self._tokenizer.encode_batch(texts, add_special_tokens=False)):
            sums[place + 1] = sums[place] + self._vectors[encoded.ids].sum(0)
        return Sentences(texts, words, sums)

    def _nearest(self, sentences: Sentences, item: int) -> tuple[int, int] | None:
        """The run of sentences that is nearest to the item by its tokens, if it is near enough."""
        told, size = self._told(item)
        ends = np.concatenate([[0.0], np.cumsum(sentences.words)])
        length = ends[None, :] - ends[:, None]
        fits = (length >= SHORTEST * size) & (length <= LONGEST * size + LOOSE)
        firsts, stops = np.nonzero(fits)
        if not len(firsts):
            return None
        sums = sentences.sums[stops] - sentences.sums[firsts]
        cosines = (sums @ told) / (np.linalg.norm(sums, axis=1) + 1e-6)
        best = int(np.argmax(cosines))
        return (int(firsts[best]), int(stops[best])) if cosines[best] >= COARSE else None

    def _told_item(self, item: int) -> tuple[Array, int]:
        text = told(self._items[item])
        vector = self._vectors[self._tokenizer.encode(text, add_special_tokens=False).ids].sum(0)
        return vector / (np.linalg.norm(vector) + 1e-6), max(len(text.split()), 1)

    def _embedding(self, text: str) -> Array:
        """The mean of the last layer over all tokens, of length 1."""
        import torch

        ids = self._tokenizer.encode(text).ids
        tokens = torch.tensor([[*ids[: MOST_TOKENS - 1], ids[-1]] if len(ids) > MOST_TOKENS else ids])
        with torch.inference_mode():
            states = self._model(input_ids=tokens, attention_mask=torch.ones_like(tokens)).last_hidden_state
        vector = states[0].mean(0).double().numpy()
        return np.asarray(vector / np.linalg.norm(vector))

    def _weighted_tokens(self) -> Array:
        """Each token's vector without what all have in common, times the logarithm of how rare it is in the items."""
        vectors = self._model.get_input_embeddings().weight.detach().numpy()
        vectors = vectors - vectors.mean(0)
        _, directions = np.linalg.eigh(vectors.T @ vectors)
        common = directions[:, -2:]  # the two that most of the variance lies in say how frequent a token is
        vectors = vectors - vectors @ common @ common.T
        step = len(self._items) // COUNTED + 1
        having = np.ones(len(vectors))
        texts = [told(item) for item in self._items[::step]]
        for encoded in self._tokenizer.encode_batch(texts, add_special_tokens=False):
            having[np.unique(encoded.ids)] += 1
        return np.asarray(vectors * np.log((len(texts) + 1) / having)[:, None], np.float32)


class Sentences(NamedTuple):
    texts: list[str]
    words: Array
    sums: Array
    """Of the weighted vectors of all tokens before each sentence."""


def told(item: Item) -> str:
    """Question and answer: what a paraphrase tells in other words."""
    return f"{item.texts[0]} {item.texts[item.answer]}" if item.answer else item.texts[0]
