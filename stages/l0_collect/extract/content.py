"""Which blocks of a page are its text: two rows of boosted trees, the second of which sees what the first said around.

Each block gets the share of its words that should be kept. Of the blocks in order of that share so many are kept that
the F1 to expect of the whole page is highest, so that no threshold is tuned; that F1 says how sure the choice is.
The model (content_model.npz) is made by benchmarks/l0_content_model.py from WCXB's development pages.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import Fault
from pipeline.kernels.blocks import ancestry
from stages.l0_collect.extract.features import TEXT_FEATURES, Matrix, Odds, Outline, features, outline, shifted
from stages.l0_collect.extract.trees import Trees

MODEL = Path(__file__).with_name("content_model.npz")
AROUND = (-4, -3, -2, -1, 1, 2, 3, 4)
UP = (0, 1, 2, 3, 5)
WINDOWS = (5, 15)
WORDS = TEXT_FEATURES.index("words")
SHOWN = ("table", "code", "formula")
"""Blocks of few words that the text around them speaks of."""
LINES = ("paragraph", "list_item", "quote")


@dataclass(frozen=True, slots=True)
class Model:
    odds: Odds
    first: Trees
    second: Trees
    columns: int
    """Features that it was trained on."""

    def shares(self, page: Outline) -> Matrix:
        """Of each block, the share of its words that should be kept."""
        seen = features(page, self.odds)
        if seen.shape[1] != self.columns:
            raise Fault(
                f"{MODEL.name} was trained on {self.columns} features of a block, and there are {seen.shape[1]}: "
                "train it again, python -m benchmarks.l0_content_model train"
            )
        return self.second.predict(context(seen, self.first.predict(seen), page))

    def save(self, path: Path) -> None:
        about = {"names": self.odds.names, "words": self.odds.words, "columns": self.columns}
        tables = json.dumps(about, sort_keys=True, ensure_ascii=False)
        arrays = {**self.first.arrays("first"), **self.second.arrays("second")}
        np.savez_compressed(path, tables=np.frombuffer(tables.encode(), np.uint8), **arrays)  # type: ignore[arg-type]


@cache
def load(path: Path) -> Model:
    with np.load(path, allow_pickle=False) as arrays:
        tables = json.loads(arrays["tables"].tobytes())
        return Model(Odds(tables["names"], tables["words"]), Trees.from_arrays(arrays, "first"),
                     Trees.from_arrays(arrays, "second"), tables["columns"])  # fmt: skip


def choose(blocks: Sequence[Any], html: str, title: str, said: str = "") -> tuple[list[bool], float]:
    """(which blocks to keep, the F1 to expect); blocks are all those of the page in document order."""
    if not blocks:
        return [], 0.0
    page = outline(blocks, html, title, said)
    kept, expected = best_cut(load(MODEL).shares(page), page.texts[:, WORDS])
    return completed(blocks, kept.tolist()), expected


def completed(blocks: Sequence[Any], kept: Sequence[bool]) -> list[bool]:
    """The choice with what belongs to it: a table, code or formula beside a kept block, a heading over one, a line
    without links between two kept ones of its kind in the same element, and one that says there what a kept one says.

    On every fifth of WCXB's development pages the first is worth .0017 of F1 and the second costs .0011: its truth
    often leaves the page's own heading out, which readers of the text want. The lines change 17 of 343 pages and
    nothing of F1 (.00002): they are for songs and tables of contents, whose repeated lines are judged one by one.
    """
    found = list(kept)
    holders = [block.element.getparent() for block in blocks]
    for at, block in enumerate(blocks):
        if block.kind in SHOWN:
            found[at] |= any(kept[max(at - 1, 0) : at + 2])
        elif not kept[at] and block.kind in LINES and not block.links and 0 < at < len(blocks) - 1:
            found[at] = all(
                kept[beside] and blocks[beside].kind == block.kind and holders[beside] is holders[at]
                for beside in (at - 1, at + 1)
            )
    said = {(holder, block.text) for holder, block, is_kept in zip(holders, blocks, found, strict=True) if is_kept}
    for at, block in enumerate(blocks):
        found[at] |= block.kind in LINES and not block.links and (holders[at], block.text) in said
    for at in range(len(blocks) - 2, -1, -1):
        found[at] |= blocks[at].kind == "heading" and found[at + 1]
    return found


def best_cut(shares: Matrix, words: Matrix) -> tuple[npt.NDArray[np.bool_], float]:
    """(the blocks to keep so that the expected F1 of words is highest, that F1)"""
    shares, words = shares.astype(np.float64), np.maximum(words.astype(np.float64), 1)
    order = np.argsort(-shares, kind="stable")
    hits = np.cumsum((shares * words)[order])
    expected = 2 * hits / (np.cumsum(words[order]) + hits[-1])
    last = int(expected.argmax())
    kept = np.zeros(len(shares), bool)
    kept[order[: last + 1]] = True
    return kept, float(expected[last])


def context(seen: Matrix, shares: Matrix, page: Outline) -> Matrix:
    """`seen` with what the first trees said of each block and of those around it."""
    count = len(shares)
    words = np.maximum(page.texts[:, WORDS].astype(np.float64), 1)
    hits = shares * words
    holder, parent = page.holder, page.parent
    columns: list[npt.NDArray[Any]] = [shares]
    for step in AROUND:
        column = np.full(count, -1, np.float32)
        here, there = shifted(step)
        column[there] = shares[here]
        columns.append(column)
    own = np.stack([np.bincount(holder, values, len(parent)) for values in (hits, words)], 1)
    below = own.copy()
    ancestry.add_up(below, parent)
    columns.append(own[holder, 0] / own[holder, 1])
    below = below[:, 0] / np.maximum(below[:, 1], 1)
    at, steps = holder, 0
    for up in UP[1:]:
        while steps < up:
            at, steps = parent[at], steps + 1
        columns.append(below[at])
    alike = page.look[holder]
    columns.append(np.bincount(alike, hits)[alike] / np.bincount(alike, words)[alike])
    to_here, words_to_here = (np.concatenate([[0.0], np.cumsum(values)]) for values in (hits, words))
    place = np.arange(count)
    for width in WINDOWS:
        start, end = np.maximum(place - width, 0), np.minimum(place + width + 1, count)
        columns.append((to_here[end] - to_here[start]) / (words_to_here[end] - words_to_here[start]))
    total, all_of_them = to_here[-1], words_to_here[-1]
    kept, expected = best_cut(shares, page.texts[:, WORDS])
    kept_words = np.cumsum(np.where(kept, words, 0))[-1]
    columns += [np.full(count, value) for value in (total / all_of_them, total, shares.max(), expected)]
    columns += [to_here[1:] / max(total, 1e-9), kept, np.full(count, kept_words / all_of_them)]
    return np.column_stack([seen, *columns]).astype(np.float32)
