"""Chunks, shapes and edges, against plain Python."""

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.chunks import CODES, LONGEST_CHUNK, NOTHING, Edges, cut, join_chunks, shapes, unit_ends
from pipeline.kernels.utf8 import text_buffers

LEFTS, SEAMS = np.zeros(CODES, np.uint8), np.zeros(CODES, np.uint8)
LEFTS[[ord(one) for one in "ab12中é"]], LEFTS[[ord(one) for one in ".。"]] = 1, 2
SEAMS[[ord(one) for one in ".。"]], SEAMS[ord(" ")] = 1, 3
TEXTS = st.lists(st.text(st.sampled_from("aabb12中中é.。 🙂'st")))


def chunks_of(texts: list[str]) -> list[list[str]]:
    data, offsets = text_buffers(pa.array(texts, pa.string()))
    cuts, first = cut(data, offsets, SEAMS, LEFTS)
    strings = [data[start:stop].tobytes().decode() for start, stop in pairwise(cuts)]
    return [strings[start:stop] for start, stop in pairwise(first)]


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_texts_are_cut_between_what_shares_a_bit(texts: list[str]) -> None:
    expected = [re.sub("(?<=[abst12中é])(?=[.。 ])|(?<=[.。])(?= )", "\0", text).split("\0") for text in texts]
    assert chunks_of(texts) == [[chunk for chunk in chunks if chunk] for chunks in expected]


def test_neither_edges_nor_other_texts_count_as_neighbours() -> None:
    assert chunks_of(["a", " b.", "", " ", ". ."]) == [["a"], [" b", "."], [], [" "], [".", " ."]]


def units(chunk: str) -> list[str]:
    """The bytes and runs that a shape is made of, plainly."""
    found, rest = [], chunk
    while rest:
        before = chunk[: len(chunk) - len(rest)]
        contraction = re.search("'[a-z]?$", before) and re.match("[a-z]", rest)
        run = None if contraction else re.match("[a-z]+|[\u4e00-\u9fa5]+", rest)
        found.append(run.group() if run else rest[0])
        rest = rest[len(found[-1]) :]
    return found


def shape_of(chunk: str) -> bytes:
    parts = [(unit, len("".join(units(chunk)[:place]))) for place, unit in enumerate(units(chunk))]
    return b"".join(
        b"\xff" if re.match("[\u4e00-\u9fa5]", unit)
        else b"1" if re.match("[0-9]", unit)
        else b"a" if re.match("[a-z]", unit) and not re.search("'[a-z]?$", chunk[:at])
        else unit.encode()
        for unit, at in parts
    )  # fmt: skip


@given(st.lists(st.text(st.sampled_from("abz12中国é.'' 🙂sA"), min_size=1)))
@settings(max_examples=300, deadline=None)
def test_a_shape_has_a_byte_for_each_unit(chunks: list[str]) -> None:
    data, offsets = text_buffers(pa.array(chunks, pa.string()))
    shape, begins = shapes(data, offsets)
    assert [shape[start:stop].tobytes() for start, stop in pairwise(begins)] == [shape_of(chunk) for chunk in chunks]
    ends, expected = unit_ends(data, offsets).tolist(), []
    for chunk, start in zip(chunks, offsets, strict=False):
        sizes = [len(part) for unit in units(chunk) for part in _bytes_of(unit)]
        expected += (start + np.cumsum(sizes)).tolist()
    assert ends == expected


def _bytes_of(unit: str) -> list[bytes]:
    """A character of several bytes that is no Han is as many units."""
    encoded = unit.encode()
    return [encoded] if re.match("[a-z\u4e00-\u9fa5]", unit) else [encoded[i : i + 1] for i in range(len(encoded))]


def test_known_shapes() -> None:
    shape, begins = shapes(*text_buffers(pa.array([" rivers,", "it's", "1234b", "'space", "中国。", "x" * 2000])))
    found = [shape[start:stop].tobytes() for start, stop in pairwise(begins)]
    assert found == [b" a,", b"a's", b"1111a", b"'spa", b"\xff" + "。".encode(), b""]
    assert LONGEST_CHUNK < 2000


def test_white_space_at_the_edges_of_a_text_is_stripped() -> None:
    # tokens: 0 "a", 1 white space, 2 " b" (3 without the space), 4 "c " (5 without)
    left, right = [0, NOTHING, 3, 3, 4, 5], [0, NOTHING, 2, 3, 5, 5]
    edges = Edges(np.array(left, np.int32), np.array(right, np.int32))
    tokens, begins = np.array([1, 2, 0, 4, 1, 1], np.int32), np.array([0, 2, 4, 6])  # chunks: 1 2, 0 4, 1 1
    numbers, first = np.array([2, 0, 1, 2, 2, 0, 0], np.int32), np.array([0, 4, 5, 5, 7])
    joined, offsets = join_chunks(numbers, first, tokens, begins, edges)
    texts = [joined[start:stop].tolist() for start, stop in pairwise(offsets)]
    assert texts == [[3, 0, 5], [], [], [3, 1, 2]]
