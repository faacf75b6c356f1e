"""Parquet in: every row comes out as a row or a quarantine entry, whatever is wrong with the file."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.steps import Unit
from stages.l0_collect.readers import parquet
from stages.l0_collect.readers.parquet import ParquetSource
from tests.stages.l0_collect.readers.parquet_files import quarantined, read, rows, write


def test_columns_are_mapped_and_the_others_passed_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {
        "id": [7], "text": ["hello"], "url": ["http://a.test/"], "timestamp": ["2024-05-18"], "dump": ["x"],
        "source": ["their label"],
    })  # fmt: skip
    assert rows(read(path, source="crawl")) == [{
        "text": "hello", "url": "http://a.test/", "source": "crawl", "date": "2024-05-18", "source_id": "7",
        "dump": "x", "source_source": "their label",
    }]  # fmt: skip


def test_rows_without_text_are_quarantined_by_position(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"text": ["one", None, "", " \n\t\u00a0", "two"], "url": list("abcde")})
    batches = read(path)
    assert [row["text"] for row in rows(batches)] == ["one", "two"]
    assert quarantined(batches) == [
        ("a.parquet#1", "b", "text is null"),
        ("a.parquet#2", "c", "text is empty"),
        ("a.parquet#3", "d", "text is empty"),
    ]


@pytest.mark.parametrize("kind", [pa.string(), pa.binary()])
def test_a_row_that_is_no_utf8_costs_only_itself(tmp_path: Path, kind: pa.DataType) -> None:
    text = pa.array([b"ok", b"a\xff", None], pa.binary()).view(kind)
    batches = read(write(tmp_path / "a.parquet", {"text": text}))
    assert [row["text"] for row in rows(batches)] == ["ok"]
    assert [(position, "UTF8" in error) for position, _, error in quarantined(batches)] == [
        ("a.parquet#1", True),
        ("a.parquet#2", False),
    ]


def test_units_are_runs_of_row_groups_and_cover_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "UNIT_BYTES", 5_000)
    texts = [f"{row:04d}" * 50 for row in range(95)]
    path = write(tmp_path / "a.parquet", {"text": texts}, row_group_size=10, use_dictionary=False)
    source = ParquetSource()
    units = source.units(path, "hash")
    assert [(unit.start, unit.stop) for unit in units] == [(0, 20), (20, 40), (40, 60), (60, 80), (80, 95)]
    assert [row["text"] for unit in units for row in rows(list(source.read(unit)))] == texts


def test_batches_are_bounded_even_where_long_texts_come_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "BATCH_BYTES", 1_000)
    texts = ["x"] * 50 + ["y" * 400] * 20
    batches = read(write(tmp_path / "a.parquet", {"text": texts}))
    assert [row["text"] for row in rows(batches)] == texts
    assert max(sum(map(len, batch.rows.column("text").to_pylist())) for batch in batches) <= 1_000


def test_absent_text_column_is_refused_before_anything_starts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"content": ["x"], "n": [1]})
    with pytest.raises(ValueError, match=r"a\.parquet has no column 'text', only content, n; set `text_column`"):
        ParquetSource().units(path, "hash")
    with pytest.raises(ValueError, match="column 'n' is int64 and must be string; set `text_column`"):
        ParquetSource(text_column="n").units(path, "hash")
    with pytest.raises(ValueError, match=r"no column 'when'.*set `date_column`"):
        ParquetSource(text_column="content", date_column="when").units(path, "hash")


def test_file_without_rows_is_no_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"text": pa.array([], pa.string())})
    assert read(path) == []


def test_missing_file_is_an_error_and_no_quarantine(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(ParquetSource().read(Unit(str(tmp_path / "gone.parquet"), "hash")))


def test_real_files(shared_data: Path) -> None:
    batches = read(str(shared_data / "fineweb" / "part-00004.parquet"))
    assert (sum(len(batch.rows) for batch in batches), quarantined(batches)) == (600, [])
    assert batches[0].rows.column("date")[0].as_py().startswith("20")


def test_a_files_own_source_counts_where_the_recipe_names_none(tmp_path: Path):
    path = tmp_path / "mixed.parquet"
    pq.write_table(pa.table({"text": ["a b", "c d"], "source": ["news", None]}), path)
    for name, expected in (("", ["news", ""]), ("crawl", ["crawl", "crawl"])):
        source = ParquetSource(source=name)
        (found,) = source.read(source.units(str(path), "")[0])
        rows = found.rows.to_pylist()
        assert [row["source"] for row in rows] == expected
        assert ("source_source" in rows[0]) == bool(name)


def test_a_row_that_arrow_cannot_turn_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = parquet._as_text

    def picky(values: pa.Array) -> pa.StringArray:
        if "bad" in values.to_pylist():
            raise pa.ArrowInvalid("picky")
        return real(values)

    monkeypatch.setattr(parquet, "_as_text", picky)
    batches = read(write(tmp_path / "a.parquet", {"text": ["a", "b", "bad", "d", "e"]}))
    assert [row["text"] for row in rows(batches)] == ["a", "b", "d", "e"]
    assert quarantined(batches) == [("a.parquet#2", "", "ArrowInvalid: picky")]


def test_a_fault_is_no_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_values: pa.Array) -> pa.StringArray:
        raise MemoryError

    monkeypatch.setattr(parquet, "_as_text", full)
    with pytest.raises(MemoryError):
        read(write(tmp_path / "a.parquet", {"text": ["a", "b"]}))


def test_all_texts_null_is_no_error(tmp_path: Path) -> None:
    batches = read(write(tmp_path / "a.parquet", {"text": pa.nulls(3, pa.string())}))
    assert [error for _, _, error in quarantined(batches)] == ["text is null"] * 3
