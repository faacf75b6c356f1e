"""Parquet in: every row comes out as a row or a quarantine entry, whatever is wrong with the file."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.steps import SourceBatch, Unit
from stages.l0_collect.readers import parquet
from stages.l0_collect.readers.parquet import ParquetSource


def write(path: Path, columns: dict[str, object], **options: object) -> str:
    pq.write_table(pa.table(columns), path, write_page_checksum=True, **options)
    return str(path)


def read(path: str, **settings: str) -> list[SourceBatch]:
    source = ParquetSource(paths=(path,), **settings)
    return [batch for unit in source.units(path, "hash") for batch in source.read(unit)]


def rows(batches: list[SourceBatch]) -> list[dict[str, object]]:
    return [row for batch in batches for row in batch.rows.to_pylist()]


def quarantined(batches: list[SourceBatch]) -> list[tuple[str, str, str]]:
    return [entry for batch in batches for entry in batch.quarantined]


def test_columns_are_mapped_and_the_others_passed_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {
        "id": [7], "text": ["hello"], "url": ["http://a.test/"], "timestamp": ["2024-05-18"], "dump": ["x"],
        "source": ["their label"],
    })  # fmt: skip
    assert rows(read(path, source="crawl")) == [{
        "text": "hello", "url": "http://a.test/", "source": "crawl", "date": "2024-05-18", "source_id": "7",
        "dump": "x", "source_source": "their label",
    }]  # fmt: skip


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_every_kind_of_string_is_text(tmp_path: Path, kind: pa.DataType) -> None:
    path = write(tmp_path / "a.parquet", {"text": pa.array(["käse", None], pa.string()).cast(kind)})
    batches = read(path)
    assert [row["text"] for row in rows(batches)] == ["käse"]
    assert batches[0].rows.column("text").type == pa.string()
    assert quarantined(batches) == [("a.parquet#1", "", "text is null")]


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


@pytest.mark.parametrize("damage", [b"PAR1", None])
def test_unreadable_footer_is_one_quarantine_entry(tmp_path: Path, damage: bytes | None) -> None:
    path = write(tmp_path / "a.parquet", {"text": ["x"] * 100})
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    batches = read(path)
    assert rows(batches) == []
    assert [position for position, _, _ in quarantined(batches)] == ["a.parquet"]
    assert sum(batch.unread_bytes for batch in batches) == Path(path).stat().st_size


def test_damaged_page_costs_the_rest_of_its_row_group_only(tmp_path: Path) -> None:
    texts = [f"row {row} " + "word " * 200 for row in range(40)]
    path = write(tmp_path / "a.parquet", {"text": texts}, row_group_size=10, compression="none", use_dictionary=False)
    whole = bytearray(Path(path).read_bytes())
    where = whole.index(b"row 23 ")
    whole[where + 50] ^= 1
    Path(path).write_bytes(whole)
    batches = read(path)
    found = [row["text"] for row in rows(batches)]
    lost = [position for position, _, error in quarantined(batches) if "CRC" in error]
    assert found == texts[:20] + texts[30:]
    assert lost == [f"a.parquet#{row}" for row in range(20, 30)]


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


def test_a_row_that_decodes_to_too_much_is_dropped_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MAXIMUM_ROW", 1_000)
    monkeypatch.setattr("pipeline.store.bounded.BATCH_BYTES", 500)
    path = write(tmp_path / "a.parquet", {"text": ["one", "two", "three"], "other": ["x", "y" * 5_000, "z"]})
    batches = read(path)
    assert [row["text"] for row in rows(batches)] == ["one", "three"]
    assert [entry for batch in batches for entry in batch.dropped] == [("a.parquet#1", "", "too_large")]


def test_a_column_that_is_a_bomb_costs_its_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.store.bounded.RATIO_FROM", 100_000)
    columns = {"text": ["x"] * 3, "other": [[0], [0] * 500_000, [0]]}
    batches = read(write(tmp_path / "a.parquet", columns, compression="zstd"))
    assert rows(batches) == []
    assert [position for position, _, _ in quarantined(batches)] == [f"a.parquet#{row}" for row in range(3)]
    assert "a bomb" in quarantined(batches)[0][2]


def test_a_footer_that_promises_any_number_of_rows_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    (batch,) = parquet._lost("a.parquet", 5, 10**12, "gone")
    assert batch.quarantined == [("a.parquet#5-999999999999", "", "gone")]
    monkeypatch.setattr(parquet, "BATCH_ROWS", 2)
    assert [len(batch.quarantined) for batch in parquet._lost("a.parquet", 0, 5, "gone")] == [2, 2, 1]
