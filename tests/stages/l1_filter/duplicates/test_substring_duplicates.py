"""Passages that occur twice: one copy stays, whole characters, nothing but copies goes."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.run.level import InputFile, run_level
from pipeline.run.passes import Level
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from pipeline.store.shard import file_sha256
from stages.l0_collect import ParquetSource
from stages.l1_filter.duplicates.exact_duplicates import ExactDuplicates
from stages.l1_filter.duplicates.substring_duplicates import SubstringDuplicates, cut, repeated_spans
from tests.pipeline.helpers import silent

pytest.importorskip("pydivsufsort", reason="pip install 'orefine[substrings]'")


def text(seed: int, size: int, letters: str = "abcdefghij ") -> str:
    return "".join(random.Random(seed).choices(letters, k=size))


def spans(texts: list[str], minimum: int) -> list[tuple[int, int]]:
    data = [one.encode() for one in texts]
    offsets = np.cumsum([0, *map(len, data)])
    found = repeated_spans(np.frombuffer(b"".join(data), np.uint8), offsets, minimum)
    return list(zip(*(side.tolist() for side in found), strict=True))


def covered_by_hand(texts: list[str], minimum: int) -> set[int]:
    """Bytes in a window of `minimum` bytes that equals, without overlap, the first of its kind."""
    first: dict[bytes, int] = {}
    covered: set[int] = set()
    start = 0
    for one in texts:
        data = one.encode()
        for place in range(len(data) - minimum + 1):
            seen = first.setdefault(data[place : place + minimum], start + place)
            if seen + minimum <= start + place:
                covered |= set(range(start + place, start + place + minimum))
        start += len(data)
    return covered


@pytest.mark.parametrize("seed", range(20))
def test_spans_as_by_hand(seed: int):
    draw = random.Random(seed)
    pieces = [text(seed * 100 + number, draw.randrange(5, 90)) for number in range(6)]
    texts = ["".join(draw.choices(pieces, k=draw.randrange(0, 5))) for _ in range(8)]
    found = spans(texts, 50)
    assert {place for start, stop in found for place in range(start, stop)} == covered_by_hand(texts, 50)
    ends = np.cumsum([len(one.encode()) for one in texts])
    assert all((ends <= start).sum() == (ends < stop).sum() for start, stop in found)  # none crosses documents


def test_a_run_of_one_letter_keeps_one_window():
    assert spans(["a" * 300], 50) == [(50, 300)]


def test_cuts_lie_between_characters():
    passage = text(1, 60, "äöüß漢")
    texts = [f"x\u00e4{passage}\u00e5", f"y\u00f4{passage}\u00e6"]  # the letters around share a byte with each other
    ((start, stop),) = spans(texts, 50)
    before = len(texts[0].encode())
    left = cut(texts[1], [start - before, stop - before])
    assert left == "y\u00f4\u00e6"


def test_documents_lose_passages_and_later_steps_see_what_is_left(tmp_path: Path):
    passage, own = text(1, 800), [text(number, 300) for number in (2, 3, 4)]
    texts = [own[0] + passage, own[1] + passage, passage[:600], own[2] + passage, own[2]]
    pq.write_table(pa.table({"text": texts, "url": [f"u{row}" for row in range(5)]}), tmp_path / "in.parquet")
    store, runner = LocalStore(tmp_path / "store"), InlineRunner()
    inputs = [InputFile(str(tmp_path / "in.parquet"), file_sha256(tmp_path / "in.parquet"))]
    first = run_level(Level("l0_collect", "toy", (), ParquetSource()), store, runner, silent, inputs)
    steps = (SubstringDuplicates(), ExactDuplicates())
    manifest = run_level(Level("l1_filter", "toy", steps), store, runner, silent, parent=first).manifest
    kept = pq.read_table(next((tmp_path / "store" / "l1_filter").glob("*/data/*.parquet")))
    assert sorted(kept["text"].to_pylist()) == sorted([own[0] + passage, own[1], own[2]])
    assert manifest.changed == {"substring_duplicates.passages_cut": 2}
    assert manifest.dropped == {"exact_duplicates.repeat": 1, "substring_duplicates.nothing_left": 1}
