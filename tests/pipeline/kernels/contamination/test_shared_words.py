"""Items whose telling words stand in a block of text, in whatever order."""

import numpy as np
import pyarrow as pa

from pipeline.kernels.contamination.item_index import build_index
from pipeline.kernels.contamination.shared_words import BLOCK, build_stem_index, find_shared

ITEMS = [
    ["Which organelle of a plant cell captures sunlight?", "the ribosome", "the chloroplast"],
    ["A passage about the miller and his sacks of flour in the flooded loft.", "never"],
    *([f"Question {word} about nothing", "x"] for word in ("amber", "basalt", "cobalt", "dolerite", "ebony", "flint")),
]
STORY = "He walked home along the road and thought of nothing in particular. " * 30


def found(*texts: str, unwanted: int | None = None) -> list[tuple[int, int, str]]:
    index = build_index(ITEMS, [2, *(0 for _ in ITEMS[1:])])
    wanted = np.arange(len(ITEMS)) != unwanted
    hits = find_shared(build_stem_index(index, wanted), pa.array(texts))
    return [(int(one["row"]), int(one["item"]), texts[one["row"]][one["begin"] : one["end"]]) for one in hits]


def test_words_in_any_order_and_form_make_a_candidate():
    told = "Sunlight is captured by chloroplasts, which are organelles in the cells of plants."
    ((row, item, block),) = found(STORY, STORY + told + STORY)
    assert (row, item) == (1, 0)
    assert told in block
    assert len(block.split()) <= 2 * BLOCK


def test_items_that_are_not_wanted_are_not_sought():
    told = "In the flooded loft stood the sacks of flour of the miller, says a passage."
    assert [item for _, item, _ in found(told)] == [1]
    assert found(told, unwanted=1) == []


def test_empty_texts_hold_nothing():
    assert found("", "  ") == []
