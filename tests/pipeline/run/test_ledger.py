"""Replies of models: found by key, written in parts that never overwrite each other, lost at most a few at a kill."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.run.ledger import DIRECTORY, PART_REPLIES, REPLY_SCHEMA, Ledger
from pipeline.steps import Reply
from pipeline.store.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def reply(key: str, text: str = "text") -> Reply:
    return Reply(key, text, "length", 3, 5, "none")


def test_a_reply_comes_back_as_it_was(store: LocalStore):
    ledger = Ledger(store)
    ledger.record(reply("a"))
    ledger.record(reply("b", "other"))
    ledger.flush()
    assert Ledger(store).find(["b", "a", "a", "absent"]) == {"a": reply("a"), "b": reply("b", "other")}
    assert Ledger(store).find([]) == {}


def test_few_replies_wait_and_no_more(store: LocalStore):
    ledger = Ledger(store)
    for number in range(PART_REPLIES - 1):
        ledger.record(reply(str(number)))
    assert store.list(DIRECTORY) == []
    ledger.record(reply("last"))
    (part,) = store.list(DIRECTORY)
    assert pq.read_table(store.shown(part)).num_rows == PART_REPLIES
    ledger.flush()  # what is written is not written again, and nothing is no part
    assert store.list(DIRECTORY) == [part] == [f"{DIRECTORY}/part-000000.parquet"]


def test_writers_at_once_take_the_next_free_number(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    first, second = Ledger(store), Ledger(store)
    monkeypatch.setattr(second, "_parts", list)  # it looked before the first one wrote
    for ledger, key in ((first, "a"), (second, "b"), (second, "c")):
        ledger.record(reply(key))
        ledger.flush()
    assert store.list(DIRECTORY) == [f"{DIRECTORY}/part-{number:06d}.parquet" for number in range(3)]
    assert set(first.find("abc")) == {"a", "b", "c"}
    assert store.list("tmp") == []


def test_the_reply_of_the_lowest_part_stands(store: LocalStore):
    for text in ("first", "second"):
        ledger = Ledger(store)
        ledger.record(reply("a", text))
        ledger.flush()
    assert Ledger(store).find("a")["a"].text == "first"


def test_a_part_has_no_nulls_and_small_counts(store: LocalStore):
    assert {str(field.type) for field in REPLY_SCHEMA if field.name.endswith("_tokens")} == {"int32"}
    assert not any(field.nullable for field in REPLY_SCHEMA)
    assert REPLY_SCHEMA.names == ["key", "text", "finish_reason", "prompt_tokens", "completion_tokens", "error"]


def test_one_flipped_bit_is_seen(store: LocalStore, tmp_path: Path):
    ledger = Ledger(store)
    ledger.record(reply("a", "some text that takes a few bytes " * 50))
    ledger.flush()
    path = tmp_path / DIRECTORY / "part-000000.parquet"
    data = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(0).column(1)
    data[column.dictionary_page_offset + column.total_compressed_size - 1] ^= 1
    path.write_bytes(data)
    with pytest.raises(OSError, match=r"checksum|CRC|crc"):
        ledger.find("a")
