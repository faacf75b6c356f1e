"""Shapes and units of chunks, against plain Python."""

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.tokens.shapes import LONGEST_CHUNK, shapes, unit_ends
from pipeline.kernels.utf8 import text_buffers


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
    chunks = [" rivers,", "it's", "1234b", "'space", "中国。", "龥龦", "x" * 2000]
    shape, begins = shapes(*text_buffers(pa.array(chunks)))
    found = [shape[start:stop].tobytes() for start, stop in pairwise(begins)]
    assert found == [b" a,", b"a's", b"1111a", b"'spa", b"\xff" + "。".encode(), b"\xff" + "龦".encode(), b""]
    assert LONGEST_CHUNK < 2000
