"""Rows by id, a few at a time, from files that are read again for each lot."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from pipeline.run.in_order import InOrder

FILES = [["d", "a"], ["f"], [], ["b", "e", "c"]]


def read() -> Iterator[pa.RecordBatch]:
    for names in FILES:
        ids = pa.array(names, pa.string())
        yield pa.RecordBatch.from_pydict({"id": ids, "text": ids})


def take(rows: InOrder, number: int) -> str:
    return "".join(name for batch in rows.take(number) for name in batch.column("id").to_pylist())


@pytest.mark.parametrize("held", [1, 2, 4, 100])
def test_the_next_by_id_until_there_are_none(held: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.run.in_order.HELD", held)
    seen: list[int] = []
    rows = InOrder(read, lambda batch: seen.append(batch.num_rows))
    assert seen == [2, 1, 0, 3]
    assert [take(rows, number) for number in (1, 3, 1, 9, 9)] == ["a", "bcd", "e", "f", ""]
    assert list(rows.rest()) == []


def test_the_rest_comes_as_it_lies_in_the_files():
    rows = InOrder(read, lambda batch: None)
    assert take(rows, 2) == "ab"
    assert [name for batch in rows.rest() for name in batch.column("id").to_pylist()] == ["d", "f", "e", "c"]
    assert rows.take(1) == []


def test_no_rows():
    rows = InOrder(lambda: iter(()), lambda batch: None)
    assert rows.take(5) == []
    assert list(rows.rest()) == []
