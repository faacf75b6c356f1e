"""Parquet in: columns of any type, under any name."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.l0_collect.readers.parquet import ParquetSource
from tests.stages.l0_collect.readers.parquet_files import quarantined, read, rows, write


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_every_kind_of_string_is_text(tmp_path: Path, kind: pa.DataType) -> None:
    path = write(tmp_path / "a.parquet", {"text": pa.array(["käse", None], pa.string()).cast(kind)})
    batches = read(path)
    assert [row["text"] for row in rows(batches)] == ["käse"]
    assert batches[0].rows.column("text").type == pa.string()
    assert quarantined(batches) == [("a.parquet#1", "", "text is null")]


def odd(kind: pa.DataType, *values: int) -> pa.Array:
    return pa.array(values, pa.int64()).view(kind) if kind.bit_width == 64 else pa.array(values, pa.int32()).view(kind)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([b"\x12" * 16] * 2, pa.uuid()), "12121212-1212-1212-1212-121212121212"),
        (pa.array([b"\x12" * 16] * 2, pa.binary(16)), "12121212-1212-1212-1212-121212121212"),
        (pa.array([b"\x12\xff"] * 2, pa.binary(2)), "12ff"),
        (pa.array([["a", None]] * 2), '["a", null]'),
        (pa.array([{"b": 1, "a": "ä"}] * 2), '{"a": "ä", "b": 1}'),
        (pa.array([[("k", 1.5)]] * 2, pa.map_(pa.string(), pa.float64())), '[["k", 1.5]]'),
        (pa.array(["a", "a"]).dictionary_encode(), "a"),
        (pa.array(["a", "a"], pa.large_string()), "a"),
        (pa.array([7, 7], pa.decimal128(5, 2)), "7.00"),
        (pa.nulls(2), ""),
        (odd(pa.timestamp("us"), 253402300800000000, 0), "10000-01-01 00:00:00.000000"),
        (odd(pa.timestamp("ns"), 1, 0), "1970-01-01 00:00:00.000000001"),
        (odd(pa.timestamp("us", "Mars/Phobos"), 0, 0), "1970-01-01 00:00:00.000000Z"),
        (odd(pa.date32(), -800000, 0), "-0221-09-04"),
    ],
)
def test_identity_of_every_type_becomes_text(tmp_path: Path, column: pa.Array, expected: str) -> None:
    path = write(
        tmp_path / "a.parquet", {name: column for name in ("id", "source", "date", "url")} | {"text": ["a", "b"]}
    )
    found = rows(read(path))
    assert [row["text"] for row in found] == ["a", "b"]
    assert [found[0][name] for name in ("source", "date", "url")] == [expected] * 3
    assert found[0]["source_id"] == (expected or None)


def test_repeated_columns_get_numbers_unless_the_document_needs_them(tmp_path: Path) -> None:
    names = ["text", "x", "x", "id", "source_id", "Text", "x_2"]
    table = pa.table([pa.array([f"v{number}"]) for number in range(7)], names=names)
    pq.write_table(table, tmp_path / "a.parquet")
    [row] = rows(read(str(tmp_path / "a.parquet")))
    assert row == {
        "text": "v0", "url": "", "source": "", "date": "", "source_id": "v3",
        "x": "v1", "x_3": "v2", "source_source_id": "v4", "Text": "v5", "x_2": "v6",
    }  # fmt: skip
    for name in ("text", "url", "id"):
        pq.write_table(pa.table([["a"], ["b"], ["c"]], names=["text", name, name]), tmp_path / "b.parquet")
        with pytest.raises(ValueError, match=f"b.parquet has several columns '{name}', and a document needs one"):
            ParquetSource().units(str(tmp_path / "b.parquet"), "")


def test_null_and_empty_are_one_thing(tmp_path: Path) -> None:
    columns = {name: pa.array([None, ""], pa.string()) for name in ("url", "date", "source", "id")}
    first, second = rows(read(write(tmp_path / "a.parquet", {"text": ["a", "a"]} | columns)))
    assert first == second == {"text": "a", "url": "", "source": "", "date": "", "source_id": None}


def test_bytes_that_name_a_row_need_not_be_text(tmp_path: Path) -> None:
    ids = pa.array([b"key", bytes(range(128, 148)), None, b"\xff" * 16], pa.binary())
    batches = read(write(tmp_path / "a.parquet", {"text": ["some words"] * 4, "id": ids}))
    assert [row["source_id"] for row in rows(batches)] == [
        "key", bytes(range(128, 148)).hex(), None, "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ]  # fmt: skip


ODD_COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    "uuid": (pa.binary(16), st.binary(min_size=16, max_size=16)),
    "hash": (pa.binary(20), st.binary(min_size=20, max_size=20)),
    "bytes": (pa.binary(), st.binary(max_size=9)),
    "list": (pa.list_(pa.float64()), st.lists(st.floats(), max_size=3)),
    "struct": (
        pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))]),
        st.fixed_dictionaries({"a": st.none() | st.integers(-9, 9), "b": st.lists(st.text(max_size=3), max_size=2)}),
    ),
    "map": (pa.map_(pa.string(), pa.int64()), st.lists(st.tuples(st.text(max_size=3), st.integers(0, 9)), max_size=2)),
    "number": (pa.float64(), st.floats()),
    "whole": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "decimal": (pa.decimal128(20, 4), st.decimals(-(10**9), 10**9, places=4)),
    "moment": (pa.timestamp("us"), st.integers(-(2**62), 2**62)),
    "second": (pa.timestamp("s", "UTC"), st.integers(-(2**53), 2**53)),
    "day": (pa.date32(), st.integers(-(2**31), 2**31 - 1)),
    "time": (pa.time64("us"), st.integers(0, 86_399_999_999)),
    "length": (pa.duration("ms"), st.integers(-(2**50), 2**50)),
    "yes": (pa.bool_(), st.booleans()),
}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_columns_of_any_type_under_any_name(tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject) -> None:
    """Nulls anywhere, odd types as id, source, date or something else: rows without text are named, all others stay."""
    count = draw.draw(st.integers(1, 6))
    texts = draw.draw(
        st.lists(st.sampled_from(["words", "more words", None, "", " \u00a0"]), min_size=count, max_size=count)
    )
    columns: dict[str, object] = {"text": pa.array(texts, pa.string())}
    for name in draw.draw(
        st.sets(st.sampled_from(["id", "source", "date", "timestamp", "url", "extra", "meta"]), max_size=4)
    ):
        kind, values = ODD_COLUMNS[draw.draw(st.sampled_from(sorted(ODD_COLUMNS)))]
        columns[name] = pa.array(draw.draw(st.lists(st.none() | values, min_size=count, max_size=count)), kind)
    path = write(tmp_path_factory.getbasetemp() / "odd.parquet", columns)
    batches = read(path)
    blank = [number for number, text in enumerate(texts) if not text or not text.strip()]
    assert [name for name, _, _ in quarantined(batches)] == [f"odd.parquet#{number}" for number in blank]
    read_texts = [text for batch in batches for text in batch.rows.column("text").to_pylist()]
    assert read_texts == [text for text in texts if text and text.strip()]
    for batch in batches:
        for name in ("url", "source", "date", "source_id"):
            if name in batch.rows.schema.names:
                assert batch.rows.schema.field(name).type == pa.string()
                batch.rows.column(name).validate(full=True)
