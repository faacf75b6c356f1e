"""Parquet footers over which Arrow ends the process are refused by name before it sees them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.l0_collect.readers.footer import _check, check_bytes
from stages.l0_collect.readers.parquet import ParquetSource

ROOT = {5: 2}
TEXT: dict[int, Any] = {1: 6, 3: 1}  # an optional byte array
NUMBER: dict[int, Any] = {1: 2, 3: 0}  # a required int64


def footer(*columns: dict[int, Any], schema: tuple[dict[int, Any], ...] = (ROOT, TEXT, NUMBER)) -> dict[int, Any]:
    return {2: list(schema), 4: [{1: [{3: column} for column in columns]}]}


def test_a_footer_that_agrees_with_itself() -> None:
    text = {1: 6, 12: {5: b"any length"}, 16: {1: 99, 2: [], 3: [1, 2]}}
    _check(footer(text, {1: 2, 12: {1: bytes(8)}, 16: {3: [3]}}))
    tags = ({5: 1}, {3: 1, 5: 1}, {3: 2, 5: 1}, {1: 7, 2: 5, 3: 1})  # an optional list of optional values of 5 bytes
    _check(footer({1: 7, 12: {6: bytes(5)}, 16: {2: [1, 2], 3: [1, 2, 3, 4]}}, schema=tags))
    _check({2: [{5: 1}, TEXT]})


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (({1: 6}, {1: 1}), "of type 2 is of type 1"),
        (({1: 6},), "the schema has 2 columns and row group 0 has 1"),
        (({1: 6, 16: {3: [1, 2, 3]}}, {1: 2}), "counts 3 levels of a column that has 2"),
        (({1: 6, 16: {2: [1, 2]}}, {1: 2}), "counts 2 levels of a column that has 1"),
        (({1: 6}, {1: 2, 16: {1: 7}}), "counts the bytes of a column of type 2"),
        (({1: 6}, {1: 2, 12: {2: b"abc"}}), "bound of a column has 3 bytes, and its values have 8"),
    ],
)
def test_a_footer_that_contradicts_itself(columns: tuple[dict[int, Any], ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        _check(footer(*columns))


def test_a_schema_that_does_not_add_up_and_a_column_that_cannot_be_seen() -> None:
    with pytest.raises(ValueError, match="schema has no end"):
        _check({2: [{5: 2}, TEXT], 4: []})
    with pytest.raises(ValueError, match="more than 200 deep"):
        _check({2: [{5: 1}] * 300, 4: []})
    with pytest.raises(ValueError, match="row group 0 is encrypted"):
        _check({2: [{5: 1}, TEXT], 4: [{1: [{8: {}}]}]})


@pytest.mark.parametrize("footer", ["00", "19 0c 00", "29 1c 15 03 00 00", "25 02 00"])  # no schema, or another thing
def test_a_footer_that_lacks_what_each_has(tmp_path: Path, footer: str) -> None:
    thrift = bytes.fromhex(footer)
    (tmp_path / "in").write_bytes(b"PAR1" + thrift + len(thrift).to_bytes(4, "little") + b"PAR1")
    with (tmp_path / "in").open("rb") as stream, pytest.raises(ValueError, match="lacks what a footer has"):
        check_bytes(stream)


def write(folder: Path) -> Path:
    table = pa.table({
        "text": ["a text", None], "tags": [["x"], []], "about": [{"k": 1}, None], "yes": [True, False],
        "key": pa.array([bytes(16), None], pa.binary(16)), "when": pa.array([1, 2], pa.timestamp("ms")),
        "cost": pa.array([None, 3], pa.decimal128(20, 2)), "nothing": pa.nulls(2),
    })  # fmt: skip
    pq.write_table(table, folder / "in.parquet", write_page_index=True)
    return folder / "in.parquet"


def test_what_writers_write_is_taken(tmp_path: Path) -> None:
    with write(tmp_path).open("rb") as stream:
        check_bytes(stream)
        assert stream.tell() == 0


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1", b"no Parquet at all"])
def test_what_does_not_end_as_parquet_is_left_to_arrow(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in").write_bytes(content)
    with (tmp_path / "in").open("rb") as stream:
        check_bytes(stream)


def test_each_changed_byte_of_a_footer_is_taken_or_refused_in_words(tmp_path: Path) -> None:
    path = write(tmp_path)
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    refused = []
    for at in range(len(content) - 8 - length, len(content) - 8):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x03]) + content[at + 1 :])
        with path.open("rb") as stream:
            try:
                check_bytes(stream)
            except ValueError as error:
                refused.append((at, str(error)))
    assert all(error.endswith("it is damaged") for _, error in refused)
    assert any("is of type" in error for _, error in refused)
    assert any("levels of a column" in error for _, error in refused)
    at = next(at for at, error in refused if "is of type" in error)
    path.write_bytes(content[:at] + bytes([content[at] ^ 0x03]) + content[at + 1 :])
    source = ParquetSource(paths=(str(path),))
    [unit] = source.units(str(path), "")
    [batch] = source.read(unit)
    assert "is of type" in batch.quarantined[0][2]
