"""The record's identity, its schemas, and the way of unknown columns into `meta`."""

import hashlib
import json

import pyarrow as pa
import pytest

from pipeline.rows.document import (
    BASE_SCHEMA,
    DROPPED_SCHEMA,
    QUARANTINE_SCHEMA,
    content_hash,
    level_schema,
    text_views,
    to_schema,
)

SCORE = pa.field("score", pa.float32())


def test_the_hash_is_the_one_that_stored_ids_were_made_with():
    # Every id of every published data set: 128 bits of BLAKE2b over length (8 bytes, little endian) and bytes.
    known = hashlib.blake2b(b"\x02\0\0\0\0\0\0\0ab" + b"\x01\0\0\0\0\0\0\0c", digest_size=16).hexdigest()
    assert content_hash("ab", "c") == known
    assert len(known) == 32


def test_the_hash_depends_on_where_parts_end_and_on_their_order():
    assert (
        len({content_hash(*parts) for parts in (("ab", "c"), ("a", "bc"), ("abc",), ("c", "ab"), ("ab", "c", ""))}) == 5
    )


def test_text_and_its_utf8_bytes_have_one_hash():
    assert content_hash("naïve") == content_hash("naïve".encode()) == content_hash(memoryview("naïve".encode()))


def test_half_a_surrogate_pair_has_a_hash_too():
    # JSON may hold one; hashing it must not cost the row.
    assert content_hash("\ud83d") != content_hash("")


@pytest.mark.parametrize("start", [0, 1, 3])
def test_views_are_the_bytes_of_each_text(start: int):
    texts = pa.array(["first", "zwölf", None, "", "last"]).slice(start)
    assert [bytes(view) for view in text_views(texts)] == [(text or "").encode() for text in texts.to_pylist()]


def test_views_of_no_text_at_all():
    assert [bytes(view) for view in text_views(pa.array([], pa.string()))] == []
    assert [bytes(view) for view in text_views(pa.nulls(2, pa.string()))] == [b"", b""]


def test_the_schemas_hold_the_columns_that_readers_know():
    assert BASE_SCHEMA.names == ["id", "text", "text_hash", "url", "source", "date", "meta"]
    assert DROPPED_SCHEMA.names == ["id", "url", "reason", "value", "threshold", "step", "text"]
    assert QUARANTINE_SCHEMA.names == ["id", "url", "step", "error"]


def test_a_level_adds_the_columns_of_its_steps_after_its_parents():
    parent = level_schema([SCORE])
    assert parent.names == [*BASE_SCHEMA.names, "score"]
    assert level_schema([pa.field("language", pa.string())], parent).names == [*BASE_SCHEMA.names, "score", "language"]
    assert level_schema([SCORE, SCORE], parent) == parent


def test_a_column_of_two_types_is_refused_with_both():
    with pytest.raises(ValueError, match=r"'score' is declared as float and as string; .* another `column`"):
        level_schema([pa.field("score", pa.string())], level_schema([SCORE]))


def test_rows_take_the_schemas_order_and_types_and_nulls_where_they_have_nothing():
    rows = to_schema(
        pa.RecordBatch.from_pydict({"score": [2], "text": ["a"]}),
        pa.schema([BASE_SCHEMA.field("text"), SCORE, pa.field("n", pa.int8())]),
    )
    assert rows.schema.types == [pa.string(), pa.float32(), pa.int8()]
    assert rows.to_pylist() == [{"text": "a", "score": 2.0, "n": None}]


def metas(columns: dict) -> list[str | None]:
    return to_schema(pa.RecordBatch.from_pydict(columns), BASE_SCHEMA).column("meta").to_pylist()


def test_unknown_columns_join_what_meta_holds_already():
    found = metas({"text": ["a", "b"], "meta": ['{"seen": 1, "n": 0}', None], "n": [7, None]})
    assert found == ['{"n": 7, "seen": 1}', None]


def test_meta_does_not_depend_on_the_order_of_the_columns():
    assert metas({"b": [1], "a": ["x"]}) == metas({"a": ["x"], "b": [1]}) == ['{"a": "x", "b": 1}']


def test_meta_keeps_letters_readable_and_dates_as_text():
    (meta,) = metas({"city": ["Köln"], "at": pa.array([0], pa.date32())})
    assert meta == '{"at": "1970-01-01", "city": "Köln"}'
    assert json.loads(meta)["city"] == "Köln"


def test_rows_without_unknown_columns_keep_their_meta_as_it_is():
    assert metas({"text": ["a"], "meta": ['{"as":"written"}']}) == ['{"as":"written"}']
