"""Parquet in: every row comes out as a row or a quarantine entry, whatever is wrong with the file."""

import random
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.steps import SourceBatch, Unit
from stages.l0_collect.readers import parquet
from stages.l0_collect.readers.footer import FooterCheck, check_shape
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
    "second": (pa.timestamp("s", "UTC"), st.integers(-(2**55), 2**55)),
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
