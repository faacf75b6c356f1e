"""Cutting texts and putting them together, against plain Python."""

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.tokens.chunks import CODES, NOTHING, Edges, cut, join_chunks
from pipeline.kernels.utf8 import text_buffers

LEFTS, SEAMS = np.zeros(CODES, np.uint8), np.zeros(CODES, np.uint8)
LEFTS[[ord(one) for one in "ab12中é"]], LEFTS[[ord(one) for one in ".。"]] = 1, 2
SEAMS[[ord(one) for one in ".。"]], SEAMS[ord(" ")] = 1, 3
FAR = "\U0001002e\U00010061"  # the low bits of "." and "a"
TEXTS = st.lists(st.text(st.sampled_from("aabb12中中é.。 '" + FAR)))


def chunks_of(texts: list[str]) -> list[list[str]]:
    data, offsets = text_buffers(pa.array(texts, pa.string()))
    cuts, first = cut(data, offsets, SEAMS, LEFTS)
    strings = [data[start:stop].tobytes().decode() for start, stop in pairwise(cuts)]
    return [strings[start:stop] for start, stop in pairwise(first)]


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_texts_are_cut_between_what_shares_a_bit(texts: list[str]) -> None:
    expected = [re.sub("(?<=[ab12中é])(?=[.。 ])|(?<=[.。])(?= )", "\0", text).split("\0") for text in texts]
    assert chunks_of(texts) == [[chunk for chunk in chunks if chunk] for chunks in expected]


def test_neither_edges_nor_other_texts_count_as_neighbours() -> None:
    assert chunks_of(["a", " b.", "", " ", ". ."]) == [["a"], [" b", "."], [], [" "], [".", " ."]]


def test_white_space_at_the_edges_of_a_text_is_stripped() -> None:
    # tokens: 0 "a", 1 white space, 2 " b" (3 without the space), 4 "c " (5 without)
    left, right = [0, NOTHING, 3, 3, 4, 5], [0, NOTHING, 2, 3, 5, 5]
    edges = Edges(np.array(left, np.int32), np.array(right, np.int32))
    tokens, begins = np.array([1, 2, 0, 4, 1, 1], np.int32), np.array([0, 2, 4, 6])  # chunks: 1 2, 0 4, 1 1
    numbers, first = np.array([2, 0, 1, 2, 2, 0, 0], np.int32), np.array([0, 4, 5, 5, 7])
    joined, offsets = join_chunks(numbers, first, tokens, begins, edges)
    texts = [joined[start:stop].tolist() for start, stop in pairwise(offsets)]
    assert texts == [[3, 0, 5], [], [], [3, 1, 2]]
