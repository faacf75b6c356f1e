"""Whatever a Parquet file decodes to, its rows come in parts of bounded memory, in the file's types, or are refused."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.store import bounded
from pipeline.store.bounded import BoundedFile, decoded_bytes

WORDS = ["a", None, "bb"] * 3
KINDS = {
    "string": pa.array(WORDS),
    "large": pa.array(WORDS, pa.large_string()),
    "view": pa.array(WORDS, pa.string_view()),
    "bytes": pa.array([b"\xff", None, b""] * 3),
    "dictionary": pa.array(WORDS).dictionary_encode(),
    "list": pa.array([["a", "b"], None, []] * 3),
    "fixed_list": pa.array([["a", "b"], ["c", None], ["d", "e"]] * 3, pa.list_(pa.string(), 2)),
    "struct": pa.array([{"x": "u", "y": ["q"]}, None, {"x": None, "y": None}] * 3),
    "map": pa.array([[("k", "v")], None, []] * 3, pa.map_(pa.string(), pa.string())),
    "json": pa.array(["1", "2", None] * 3, pa.json_()),
    "uuid": pa.array([b"1" * 16, None, b"2" * 16] * 3, pa.uuid()),
    "number": pa.array([1, None, 2] * 3),
}
PEAK = r"""
import re, sys
from stages.l0_collect.readers.parquet import ParquetSource
source, path = ParquetSource(), sys.argv[1]
counts = [0, 0, 0]
for unit in source.units(path, ""):
    for batch in source.read(unit):
        counts = [a + len(b) for a, b in zip(counts, (batch.rows, batch.dropped, batch.quarantined))]
print(*counts, int(re.search(r'VmHWM:\s*(\d+) kB', open('/proc/self/status').read())[1]) >> 10)
"""


def parts(path: Path, columns: list[str] | None = None) -> list[pa.RecordBatch]:
    with open(path, "rb") as stream:
        file = BoundedFile(stream)
        return [
            file.decode(part) for group in range(file.metadata.num_row_groups) for part in file.parts(group, columns)
        ]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_come_back_in_the_files_own_type_however_they_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    table = pa.table({"column": KINDS[kind], "other": pa.array(range(9))})
    pq.write_table(table, tmp_path / "a.parquet")
    expected = pq.read_table(tmp_path / "a.parquet")
    for size in (1, 20, 1 << 20):
        monkeypatch.setattr(bounded, "BATCH_BYTES", size)
        found = pa.Table.from_batches(parts(tmp_path / "a.parquet"))
        assert found.schema.equals(expected.schema)
        assert found.equals(expected)
        assert parts(tmp_path / "a.parquet", ["column"])[0].schema.names == ["column"]


@pytest.mark.parametrize("wrap", [lambda a: a, lambda a: pa.array([[x] for x in a.to_pylist()]),
                                  lambda a: pa.StructArray.from_arrays([a], ["x"])])  # fmt: skip
def test_parts_are_cut_by_what_they_decode_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrap: Any):
    monkeypatch.setattr(bounded, "BATCH_BYTES", 10_000)
    texts = pa.array(["x"] * 50 + ["y" * 5_000] * 20 + ["z" * 50_000])
    pq.write_table(pa.table({"column": wrap(texts)}), tmp_path / "a.parquet")
    found = parts(tmp_path / "a.parquet")
    assert pa.Table.from_batches(found).column("column").combine_chunks().equals(wrap(texts))
    assert all(part.num_rows == 1 or decoded_bytes(part) <= 20_000 for part in found)
    assert found[0].num_rows > 1


BOMB = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), pa.array(["word " * 200_000]))
SMALL = pa.array(["some text"] * 1000)


@pytest.mark.parametrize(
    ("columns", "settings"),
    [
        ({"text": BOMB}, {}),
        ({"text": SMALL, "other": BOMB}, {}),
        ({"text": SMALL, "other": pa.StructArray.from_arrays([BOMB], ["x"])}, {}),
        ({"text": SMALL, "other": pa.ListArray.from_arrays(pa.array(range(1001), pa.int32()), BOMB)}, {}),
        ({"text": BOMB}, {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}),
    ],
    ids=["text", "other", "struct", "list", "prefixes"],
)
def test_a_small_file_of_a_gigabyte_takes_little_memory(tmp_path: Path, columns: Any, settings: Any):
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table(columns), path, compression="zstd", store_schema=False, **settings)
    assert path.stat().st_size < 100_000
    done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True, timeout=200)
    rows, dropped, quarantined, megabytes = map(int, done.stdout.split())
    assert (rows, dropped, quarantined) == (1000, 0, 0)
    assert megabytes < 600


def test_a_column_that_unpacks_far_beyond_its_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounded, "RATIO_FROM", 100_000)
    plain = {"use_dictionary": False, "compression": "zstd"}
    for name, column in (
        ("plain", pa.array([f"{n}" + "x" * 1000 for n in range(1000)])),
        ("list", pa.array([[0] * 100_000])),
    ):
        pq.write_table(pa.table({"id": pa.array(range(len(column))), "column": column}), tmp_path / name, **plain)
        with pytest.raises(ValueError, match=r"column 'column.*' unpacks from \d+ bytes to \d+: a bomb"):
            parts(tmp_path / name)
        assert sum(part.num_rows for part in parts(tmp_path / name, ["id"])) == len(column)
        monkeypatch.setattr(bounded, "MAXIMUM_RATIO", 100_000)
        assert sum(part.num_rows for part in parts(tmp_path / name)) == len(column)
        monkeypatch.setattr(bounded, "MAXIMUM_RATIO", 100)


def test_wide_values_of_one_width_come_few_at_a_time(tmp_path: Path):
    wide = pa.array([b"x" * 100_000] * 500, pa.binary(100_000))
    pq.write_table(pa.table({"column": wide}), tmp_path / "a.parquet")
    assert max(part.nbytes for part in parts(tmp_path / "a.parquet")) <= bounded.BATCH_BYTES
