"""By which sizes a Parquet file is cut: what rows decode to, and what the footer says of its columns."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.store import bounded
from pipeline.store.bounded import BATCH_ROWS, FEWEST, BoundedFile, decoded_bytes

WORDS = pa.array(["a", "bcd", None, "a"]).dictionary_encode()  # five bytes, and eight for the place of each

PAIRS = pa.MapArray.from_arrays(pa.array([0, 1, 2], pa.int32()), WORDS.slice(0, 2), pa.array([1, 2], pa.int16()))


@pytest.mark.parametrize(
    ("array", "size"),
    [
        (WORDS, 4 * 8 + 5),
        (WORDS.slice(1, 2), 2 * 8 + 3),
        (pa.array([None, None], pa.string()).dictionary_encode(), 2 * 8),
        (pa.array([1, 2, 3], pa.int64()), 24),
        (pa.StructArray.from_arrays([WORDS, pa.array([1, 2, 3, 4], pa.int16())], ["x", "y"]), 4 + 37 + 8),
        (pa.ListArray.from_arrays(pa.array([0, 1, 4], pa.int32()), WORDS), 2 * 8 + 37),
        (pa.ListArray.from_arrays(pa.array([0, 1, 4], pa.int32()), WORDS).slice(1), 8 + 3 * 8 + 4),
        (pa.LargeListArray.from_arrays(pa.array([0, 4], pa.int64()), WORDS), 8 + 37),
        (pa.FixedSizeListArray.from_arrays(WORDS, 2), 2 * 8 + 37),
        (PAIRS, 2 * 4 + (2 * 8 + 4) + 4),
        (PAIRS.slice(1), 4 + (8 + 3) + 2),
    ],
)  # fmt: skip
def test_rows_take_what_their_values_take_each_time_they_come(array: pa.Array, size: int):
    assert decoded_bytes(pa.RecordBatch.from_arrays([array], ["column"])) == size
    assert decoded_bytes(pa.RecordBatch.from_arrays([array, array], ["column", "other"])) == 2 * size


def rows_at_once(folder: Path, columns: dict[str, Any], names: list[str] | None = None, **settings: Any) -> int:
    pq.write_table(pa.table(columns), folder / "a.parquet", compression="none", **settings)
    with open(folder / "a.parquet", "rb") as stream:
        return BoundedFile(stream)._rows_at_once(0, names)


def test_small_rows_come_4096_at_a_time(tmp_path: Path):
    assert rows_at_once(tmp_path, {"text": ["x"] * 9}) == BATCH_ROWS == 4096


def test_large_rows_come_as_many_as_make_up_a_batch(tmp_path: Path):
    columns = {"text": [f"{number:04d}" * 10_000 for number in range(20)], "number": list(range(20))}
    assert rows_at_once(tmp_path, columns, use_dictionary=False) == pytest.approx((4 << 20) // 40_000, abs=1)
    assert rows_at_once(tmp_path, columns, ["number"], use_dictionary=False) == BATCH_ROWS
    twice = columns | {"other": columns["text"]}
    assert rows_at_once(tmp_path, twice, use_dictionary=False) == pytest.approx((2 << 20) // 40_000, abs=1)
    assert rows_at_once(tmp_path, twice, ["text"], use_dictionary=False) == pytest.approx((4 << 20) // 40_000, abs=1)


def test_rows_larger_than_a_batch_come_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounded, "BATCH_BYTES", 10)
    assert rows_at_once(tmp_path, {"text": ["x" * 100] * 3}) == 1


def test_wide_and_nested_values_count_though_their_repeats_take_no_room(tmp_path: Path):
    wide = pa.array([b"x" * 40_000] * 1000, pa.binary(40_000))
    assert rows_at_once(tmp_path, {"column": wide}) == (4 << 20) // 40_000
    sixteen = pa.array([b"x" * 16] * 1000, pa.binary(16))  # as a UUID has
    assert rows_at_once(tmp_path, {"column": sixteen}) == BATCH_ROWS
    lists = pa.array([[7] * 10_000] * 100, pa.list_(pa.int32()))
    assert rows_at_once(tmp_path, {"column": lists}) == pytest.approx((4 << 20) // 40_000, abs=1)


def test_columns_of_prefixes_come_few_at_a_time_but_not_too_few(tmp_path: Path):
    texts = [f"{number:05d}" * 2_000 for number in range(400)]  # 4 MB in all
    settings = {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}
    assert rows_at_once(tmp_path, {"text": texts}, **settings) == FEWEST == 16
    few = rows_at_once(tmp_path, {"text": texts[:20]}, **settings)  # 0.2 MB: 64 MiB would hold it 335 times
    assert few == pytest.approx((64 << 20) // 200_000, rel=0.05)


def test_a_part_is_halved_until_it_is_small_or_one_row(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounded, "BATCH_BYTES", 10)
    batch = pa.RecordBatch.from_arrays([pa.array([1, 2, 3, 4, 5], pa.int64())], ["column"])
    assert [part.num_rows for part in bounded._cut(batch)] == [2, 1, 2]
    monkeypatch.setattr(bounded, "BATCH_BYTES", 4)
    assert [part.num_rows for part in bounded._cut(batch)] == [1] * 5
    monkeypatch.setattr(bounded, "BATCH_BYTES", 20)  # five rows take 40 bytes: twice the size is allowed
    assert [part.num_rows for part in bounded._cut(batch)] == [5]
