"""Where texts share many telling words with an item in any order: candidates for items told in other words.

`item_index.py` needs runs of words that stayed; a paraphrase keeps few. Here a text is cut into blocks of BLOCK words,
each half over the one before, and per block the stems (`plain_words.py`) that an item's question or answer has too are
added up by weight, each once. Stems that more than COMMON items have say nothing and would cost most of the time. What
is found is no finding: most candidates are pages about the same things, so whoever calls looks closer
(`stages/l4_verify/reworded.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.contamination.item_index import ItemIndex
from pipeline.kernels.contamination.plain_words import plain_words
from pipeline.kernels.utf8 import Array

BLOCK, BESIDE = 100, 25
"""Words of a block, and beside it of what is handed on: a paraphrase may begin before its block."""
COMMON = 1000
SHARE, FLOOR = 0.14, 8.0
"""Of an item's weight, and weight in natural logarithms. Of 38 paraphrases that share few words with their items, 34
have as much."""
FOUND = np.dtype([("row", "i4"), ("item", "i4"), ("share", "f4"), ("begin", "i4"), ("end", "i4")])
"""begin, end: bytes of the block and what is beside it."""


class StemIndex(NamedTuple):
    slots: Array
    """Open addressing: a place in `stems`; -1 is a free slot."""
    stems: Array
    starts: Array
    """Of the postings of each stem, and behind them their number."""
    items: Array
    weights: Array
    totals: Array
    """Weight of all stems of each item."""


def build_stem_index(index: ItemIndex, wanted: Array) -> StemIndex:
    """The stems of question and answer of the items that are marked in `wanted`."""
    owner = np.repeat(np.arange(len(wanted)), np.diff(index.first))
    place = np.arange(len(owner)) - index.first[owner]
    chosen = wanted[owner] & ((place == 0) | (place == index.answer[owner]))
    words = np.repeat(chosen, np.diff(index.parts))
    owners = np.repeat(owner, np.diff(index.parts))[words]
    pairs = np.unique(np.stack([index.stems[words], owners.astype(np.uint64)]), axis=1)
    stems, having = np.unique(pairs[0], return_counts=True)
    weights = np.repeat(np.log((int(wanted.sum()) + 1) / having), having).astype(np.float32)
    items = pairs[1].astype(np.int32)
    totals = np.bincount(items, weights, len(wanted)).astype(np.float32)
    few = having <= COMMON
    kept = np.repeat(few, having)
    starts = np.concatenate([[0], np.cumsum(having[few])]).astype(np.int64)
    slots = np.full(1 << max(4, int(np.ceil(np.log2(max(len(stems), 1) * 2)))), -1, np.int64)
    _fill(slots, stems[few])
    return StemIndex(slots, stems[few], starts, items[kept], weights[kept], totals)


def find_shared(index: StemIndex, texts: pa.StringArray) -> Array:
    """Of each text and item that share enough the block with the largest share (FOUND), by row and item."""
    words = plain_words(texts)
    room = 1024
    found = np.zeros(room, FOUND)
    while (count := _scan(words.stems, words.offsets, words.begin, words.end, index, found)) > room:
        room = count
        found = np.zeros(room, FOUND)
    found = found[:count]
    order = np.lexsort((-found["share"], found["item"], found["row"]))
    found = found[order]
    same = (found["row"][1:] == found["row"][:-1]) & (found["item"][1:] == found["item"][:-1])
    return np.asarray(found[np.concatenate([np.ones(min(count, 1), np.bool_), ~same])])


@njit(cache=True, nogil=True)
def _fill(slots, stems):
    mask = np.uint64(len(slots) - 1)
    for i in range(len(stems)):
        slot = (stems[i] ^ (stems[i] >> np.uint64(31))) & mask
        while slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = i


@njit(cache=True, nogil=True)
def _scan(stems, offsets, begin, end, index, found):
    slots, known, starts, items, weights = index.slots, index.stems, index.starts, index.items, index.weights
    mask = np.uint64(len(slots) - 1)
    seen = np.zeros(len(known), np.int64)  # the last block that had the stem
    last, score = np.zeros(len(index.totals), np.int64), np.zeros(len(index.totals), np.float32)
    touched = np.empty(len(index.totals), np.int32)
    count, block = 0, 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        while at < stop:
            block += 1
            some = 0
            for i in range(at, min(at + BLOCK, stop)):
                slot = (stems[i] ^ (stems[i] >> np.uint64(31))) & mask
                while slots[slot] >= 0 and known[slots[slot]] != stems[i]:
                    slot = (slot + np.uint64(1)) & mask
                stem = slots[slot]
                if stem < 0 or seen[stem] == block:
                    continue
                seen[stem] = block
                for k in range(starts[stem], starts[stem + 1]):
                    item = items[k]
                    if last[item] != block:
                        last[item], score[item] = block, 0
                        touched[some] = item
                        some += 1
                    score[item] += weights[k]
            for k in range(some):
                item = touched[k]
                if score[item] >= FLOOR and score[item] >= SHARE * index.totals[item]:
                    if count < len(found):
                        found[count].row, found[count].item = row, item
                        found[count].share = score[item] / index.totals[item]
                        found[count].begin = begin[max(at - BESIDE, offsets[row])]
                        found[count].end = end[min(at + BLOCK + BESIDE, stop) - 1]
                    count += 1
            if at + BLOCK >= stop:
                break
            at += BLOCK // 2
    return count
