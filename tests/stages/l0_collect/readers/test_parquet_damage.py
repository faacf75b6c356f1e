"""Parquet in: files that are damaged, no Parquet, or larger than they look."""

import random
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.l0_collect.readers import parquet
from stages.l0_collect.readers.footer import FooterCheck, check_shape
from stages.l0_collect.readers.parquet import ParquetSource
from tests.stages.l0_collect.readers.parquet_files import quarantined, read, rows, write


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


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b'{"text": "a"}\n', "JSON; read it with `kind: jsonl`"),
        (b"", "an empty file"),
        (b"no parquet at all", "plain text"),
        (b"<html><body>", "HTML"),
        (b"ARROW1\0\0", "Arrow IPC"),
    ],
)
def test_what_is_no_parquet_is_refused_with_what_it_looks_like(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=f"a.parquet is no Parquet file; it looks like {what}"):
        ParquetSource().units(str(tmp_path / "a.parquet"), "")


def test_a_changed_text_outside_of_the_footers_statistics_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = [f"row {row}" for row in range(100)]
    pq.write_table(pa.table({"text": texts}), path, compression="none", use_dictionary=False)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"row 50", b"zow 50"))
    batches = read(str(path))
    assert rows(batches) == []
    assert {error for _, _, error in quarantined(batches)} == {
        "'text' has values outside of the footer's statistics: it is damaged"
    }
    path.write_bytes(whole)
    assert len(rows(read(str(path)))) == 100


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_random_changes_of_pages_end_in_rows_and_quarantine(tmp_path: Path, compression: str) -> None:
    texts = [None if row % 7 == 0 else f"row {row} of many" for row in range(200)]
    columns = {"text": texts, "id": list(range(200)), "tags": [["a", "b"]] * 200, "date": [datetime(2024, 1, 1)] * 200}
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), path, compression=compression, row_group_size=70)
    whole, places = path.read_bytes(), random.Random(compression)
    pages = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    for _ in range(60):
        bad = bytearray(whole)
        bad[places.randrange(4, pages)] = places.randrange(256)
        path.write_bytes(bad)
        batches = read(str(path))
        known = {entry[0] for entry in quarantined(batches)}
        assert len(rows(batches)) + len(known) >= 200


def test_a_footer_that_contradicts_itself_is_damaged() -> None:
    def footer(rows: int, *groups: tuple[int, int]) -> Any:
        made = [SimpleNamespace(num_columns=columns, num_rows=size) for columns, size in groups]
        return SimpleNamespace(num_columns=2, num_rows=rows, num_row_groups=len(made), row_group=made.__getitem__)

    check_shape(footer(5, (2, 3), (2, 2)))
    check_shape(footer(0))
    for damaged, error in (
        (footer(5, (2, 3), (1, 2)), "2 columns, and row group 1 has 1"),
        (footer(1, (2, 3), (2, -2)), "row group 1 has -2 rows"),
        (footer(6, (2, 3), (2, 2)), "6 rows, and its row groups 5"),
    ):
        with pytest.raises(ValueError, match=f"{error}: it is damaged"):
            check_shape(damaged)


def test_nulls_are_counted_against_the_footer() -> None:
    def check(nulls: int) -> FooterCheck:
        statistics = SimpleNamespace(
            has_null_count=True, null_count=nulls, has_min_max=True, min_raw=b"a", max_raw=b"c"
        )
        chunk = SimpleNamespace(path_in_schema="text", num_values=4, statistics=statistics)
        group = SimpleNamespace(num_columns=1, num_rows=4, column=lambda _: chunk)
        return FooterCheck(cast(Any, SimpleNamespace(row_group=lambda _: group)), 0, "text")

    for nulls, said in ((1, ""), (2, "'text' has 1 nulls in these rows, and by the footer 2")):
        one = check(nulls)
        one.compare(pa.array(["a", None]))
        one.compare(pa.array(["c", "b"]))
        assert one.at_end().startswith(said)
        assert bool(one.at_end()) == bool(said)
    one = check(2)
    one.skip()
    assert one.at_end() == ""
    with pytest.raises(ValueError, match="more nulls than the 0 of the footer"):
        check(0).compare(pa.array(["a", None]))
    for value in ("", "d"):
        with pytest.raises(ValueError, match="outside of the footer's statistics"):
            check(0).compare(pa.array(["b", value]))
