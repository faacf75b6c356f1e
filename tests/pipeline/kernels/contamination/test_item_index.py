"""The alignment against a plain one, and what is found of items in texts."""

import random

import numpy as np
import pyarrow as pa
import pytest

from pipeline.kernels.contamination.item_index import build_index, common, find_items

WORDS = [f"{a}{b}" for a in "bcdfghjklm" for b in "aeiou"]
ITEMS = [[" ".join(random.Random(n).choices(WORDS, k=20)), "red", "blue green"] for n in range(200)]


@pytest.fixture(scope="module")
def index():
    return build_index(ITEMS, [2] * len(ITEMS))


def plain(item, weights, text):
    table = np.zeros((len(item) + 1, len(text) + 1))
    for i, word in enumerate(item, 1):
        for j, other in enumerate(text, 1):
            match = table[i - 1, j - 1] + weights[i - 1] if word == other else 0
            table[i, j] = max(table[i - 1, j], table[i, j - 1], match)
    return table[-1, -1] / sum(weights)


def test_the_alignment_has_the_weight_of_a_plain_one_and_spans_it_tightly():
    chance = random.Random(0)
    for _ in range(100):
        item = np.array(chance.choices(range(6), k=chance.randint(1, 8)), np.uint64)
        weights = np.array(chance.choices([1, 2, 4], k=len(item)), np.float32)
        text = np.array(chance.choices(range(6), k=chance.randint(0, 14)), np.uint64)
        share, start, stop = common(item, weights, text)
        assert share == pytest.approx(plain(item, weights, text))
        if share:
            assert common(item, weights, text[start:stop])[0] == pytest.approx(share)
            for shorter in (text[start + 1 : stop], text[start : stop - 1]):
                assert common(item, weights, shorter)[0] < share


def test_a_text_without_items_has_no_hits(index):
    assert len(find_items(index, pa.array(["", None, "nothing of it " * 30]))) == 0
    assert len(find_items(index, pa.array([], pa.string()))) == 0


@pytest.mark.parametrize("number", [0, 7, 199])
def test_where_an_item_stands(index, number):
    text = "Some words come first. " + ITEMS[number][0].upper() + "! red, blue green. And some after it."
    hits = find_items(index, pa.array(["other", text]))
    hit = hits[hits["item"] == number][0]
    assert (hit["row"], hit["question"], hit["answer"], hit["parts"], hit["words"]) == (1, 1, 1, 1, 20)
    assert text.encode()[hit["begin"] : hit["end"]].decode() == ITEMS[number][0].upper()


def test_swapped_words_lower_the_share(index):
    words = ITEMS[5][0].split()
    words[3], words[11] = "zz", "yy"
    (hit,) = [hit for hit in find_items(index, pa.array([" ".join(words)])) if hit["item"] == 5]
    assert 0.8 < hit["question"] < 1
    assert hit["answer"] == 0


def test_more_hits_than_there_was_room_for(index):
    hits = find_items(index, pa.array([item[0] for item in ITEMS]))
    assert {(int(hit["row"]), int(hit["item"])) for hit in hits} >= {(n, n) for n in range(200)}


def test_an_item_of_three_words_is_found_by_its_shorter_runs():
    index = build_index([["which reflects light", "mirror"], *ITEMS], [1] * 201)
    (hit,) = find_items(index, pa.array(["So: which reflects light? A mirror."]))
    assert (hit["item"], hit["question"], hit["answer"]) == (0, 1, 1)
