"""Replies of models: found by key, written in parts that never overwrite each other, lost at most a few at a kill."""

from pathlib import Path

import pytest

from pipeline.run.ledger import DIRECTORY, PART_REPLIES, REPLY_SCHEMA, Ledger, Part
from pipeline.steps import Reply
from pipeline.store.local import LocalStore
from pipeline.store.store import Store, open_store


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
    assert store.list(DIRECTORY) == [Part(0, 1).path] == [f"{DIRECTORY}/part-000000000-1.arrow"]
    assert len(list(ledger.replies())) == PART_REPLIES
    ledger.flush()  # what is written is not written again, and nothing is no part
    assert len(store.list(DIRECTORY)) == 1


def write(store: LocalStore, key: str, text: str = "text", ledger: Ledger | None = None) -> None:
    ledger = ledger or Ledger(store)
    ledger.record(reply(key, text))
    ledger.flush()


def test_writers_at_once_take_the_next_free_number(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    first, second = Ledger(store), Ledger(store)
    monkeypatch.setattr(second, "_parts", list)  # it looked before the first one wrote
    for ledger, key in ((first, "a"), (second, "b"), (second, "c")):
        write(store, key, ledger=ledger)
    assert store.list(DIRECTORY) == [Part(number, 1).path for number in range(3)]
    assert set(first.find("abc")) == {"a", "b", "c"}
    assert store.list("tmp") == []


def test_the_reply_of_the_lowest_number_stands(store: LocalStore):
    for text in ("first", "second"):
        write(store, "a", text)
    assert Ledger(store).find("a")["a"].text == "first"


@pytest.fixture
def merged_by_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.run.ledger.MERGED", 4)
    monkeypatch.setattr("pipeline.run.ledger.LARGEST", 16)
    monkeypatch.setattr("pipeline.run.ledger.BLOCK", 3)


@pytest.mark.usefixtures("merged_by_four")
def test_parts_in_a_row_become_one(store: LocalStore):
    for number in range(22):
        write(store, f"{number % 21:016x}", f"text {number}")  # the last repeats the first
    assert store.list(DIRECTORY) == [part.path for part in (Part(0, 16), Part(16, 4), Part(20, 1), Part(21, 1))]
    found = Ledger(store).find([*(f"{number:016x}" for number in range(30))])
    assert {key: one.text for key, one in found.items()} == {f"{n:016x}": f"text {n}" for n in range(21)}
    assert [one.text for one in Ledger(store).replies()] == [f"text {number}" for number in range(22)]


@pytest.mark.usefixtures("merged_by_four")
def test_of_two_replies_merged_the_first_stands(store: LocalStore):
    for text in ("first", "second", "third", "fourth"):
        write(store, "a", text)
    assert store.list(DIRECTORY) == [Part(0, 4).path]
    assert [one.text for one in Ledger(store).replies()] == ["first"]


@pytest.mark.usefixtures("merged_by_four")
def test_a_merge_that_was_killed_loses_nothing(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    for key in "abc":
        write(store, key)
    with monkeypatch.context() as patch:
        patch.setattr(store, "remove", lambda path: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            write(store, "d")
    assert len(store.list(DIRECTORY)) == 5  # the whole and its four
    for key in "efghijklmnop":
        write(store, key)
    assert store.list(DIRECTORY) == [Part(0, 16).path]
    assert set(Ledger(store).find("abcdefghijklmnop")) == set("abcdefghijklmnop")


@pytest.mark.usefixtures("merged_by_four")
def test_a_late_part_under_a_merged_number_is_found(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    for key in "abcd":
        write(store, key)
    late = Ledger(store)
    with monkeypatch.context() as patch:
        patch.setattr(late, "_parts", list)  # it looked before the others wrote
        write(store, "late", ledger=late)
    assert store.list(DIRECTORY) == [Part(0, 1).path, Part(0, 4).path]
    write(store, "e")
    assert set(Ledger(store).find(["a", "late", "e"])) == {"a", "late", "e"}


@pytest.mark.usefixtures("merged_by_four")
def test_a_reader_whose_parts_are_merged_meanwhile_looks_again(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    for key in "abc":
        write(store, key)
    reader = Ledger(store)
    listed = reader._parts()
    write(store, "d")
    answers = iter([listed])
    parts = reader._parts
    monkeypatch.setattr(reader, "_parts", lambda: next(answers, None) or parts())
    assert set(reader.find("abcd")) == set("abcd")


def test_pruned_replies_are_gone_and_the_others_stay(store: LocalStore):
    ledger = Ledger(store)
    for number in range(40):
        ledger.record(reply(f"{number:016x}", "old" if number % 3 else "new"))
    ledger.flush()
    assert Ledger(store).prune(lambda one: one.text == "old") == 26
    assert {one.text for one in Ledger(store).replies()} == {"new"}
    assert len(Ledger(store).find(f"{number:016x}" for number in range(40))) == 14
    assert Ledger(store).prune(lambda one: one.text == "old") == 0
    write(store, "f" * 16)
    assert len(list(Ledger(store).replies())) == 15


def test_keys_of_one_hash_are_told_apart(store: LocalStore):
    same = "0123456789abcdef"
    write(store, f"{same}01", "one")
    write(store, f"{same}02", "two")
    assert {key: one.text for key, one in Ledger(store).find([f"{same}02", f"{same}03"]).items()} == {
        f"{same}02": "two"
    }


def test_a_part_has_no_nulls_and_small_counts(store: LocalStore):
    assert {str(field.type) for field in REPLY_SCHEMA if field.name.endswith("_tokens")} == {"int32"}
    assert not any(field.nullable for field in REPLY_SCHEMA)
    assert REPLY_SCHEMA.names[:6] == ["key", "text", "finish_reason", "prompt_tokens", "completion_tokens", "error"]


@pytest.mark.parametrize("place", [0.02, 0.3, 0.5, 0.7, 0.98])
def test_one_flipped_bit_is_seen(store: LocalStore, tmp_path: Path, place: float):
    write(store, "a", "some text that takes a few bytes " * 50)
    path = tmp_path / Part(0, 1).path
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 1
    path.write_bytes(data)
    with pytest.raises(OSError, match="is damaged"):
        list(Ledger(store).find("a")) and list(Ledger(store).replies())


@pytest.fixture
def indexed_by_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two replies a part, a whole part of four numbers, an index of two, four, … whole parts."""
    for name, value in {"MERGED": 2, "LARGEST": 4, "BLOCK": 3, "FAN_OUT": 2}.items():
        monkeypatch.setattr(f"pipeline.run.ledger.{name}", value)
    monkeypatch.setattr("pipeline.run.ledger_index.FAN_OUT", 2)


def spread(number: int) -> str:
    """A key as they are: any bits in front."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"


def fill(store: Store, numbers: range, text: str = "text") -> None:
    ledger = Ledger(store)
    for number in numbers:
        for other in (2 * number, 2 * number + 1):
            ledger.record(reply(spread(other), f"{text} {other}"))
        ledger.flush()


@pytest.mark.usefixtures("indexed_by_two")
def test_whole_parts_are_found_through_an_index(store: LocalStore):
    fill(store, range(23))
    indexes = [name for name in store.list(DIRECTORY) if "index" in name]
    assert indexes == [f"{DIRECTORY}/index-000000000-4.arrow"]  # of five whole parts; the two smaller ones are merged
    ledger = Ledger(store)
    found = ledger.find([*map(spread, range(60))])
    assert {key: one.text for key, one in found.items()} == {spread(n): f"text {n}" for n in range(46)}
    assert set(ledger._known) == {Part(16, 4), Part(20, 2), Part(22, 1)}  # the only ones whose keys are in memory


@pytest.mark.usefixtures("indexed_by_two")
def test_the_first_reply_stands_through_an_index_too(store: LocalStore):
    fill(store, range(16))
    fill(store, range(3), "later")
    fill(store, range(16, 33))
    indexes = [name for name in store.list(DIRECTORY) if "index" in name]
    assert indexes == [f"{DIRECTORY}/index-000000000-8.arrow"]  # twice four whole parts
    assert {one.text.split()[0] for one in Ledger(store).find(map(spread, range(32))).values()} == {"text"}


@pytest.mark.usefixtures("indexed_by_two")
def test_what_is_pruned_under_an_index_is_gone_and_the_others_stay(store: LocalStore):
    fill(store, range(16))
    assert Ledger(store).prune(lambda one: one.text.endswith("7")) == 3
    assert len(Ledger(store).find(map(spread, range(32)))) == 29
    fill(store, range(16, 40))
    assert len(Ledger(store).find(map(spread, range(80)))) == 77


@pytest.mark.usefixtures("indexed_by_two")
def test_an_index_whose_making_was_killed_is_done_without(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.run.ledger.index_parts", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            fill(store, range(8))
    fill(store, range(8, 20))
    assert len(Ledger(store).find(map(spread, range(40)))) == 40


@pytest.mark.usefixtures("indexed_by_two")
def test_a_ledger_in_a_bucket_is_found_and_merged_alike(bucket: str):
    store = open_store(f"{bucket}/ledger-test")
    fill(store, range(9))
    assert [name for name in store.list(DIRECTORY) if "index" in name] == [f"{DIRECTORY}/index-000000000-2.arrow"]
    assert len(Ledger(store).find(map(spread, range(20)))) == 18


def test_replies_that_come_slowly_are_written_by_time(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr("pipeline.run.ledger.time.monotonic", lambda: now[0])
    ledger = Ledger(store)
    ledger.record(reply("a"))
    now[0] = 4.9
    ledger.record(reply("b"))
    assert store.list(DIRECTORY) == []
    assert set(ledger.find("ab")) == {"a", "b"}  # also before they are written
    now[0] = 5.0
    ledger.record(reply("c"))
    assert len(store.list(DIRECTORY)) == 1
