"""Values that Python or JSON has no room for."""

import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rows.document import BASE_SCHEMA, to_schema
from pipeline.rows.plain import plain_values, to_json


def test_what_json_does_not_have_becomes_null_or_text():
    value = {"b": [1.5, float("nan"), (float("inf"), "ä")], "a": {"n": float("-inf")}, "d": Decimal("1.10")}
    assert to_json(value) == '{"a": {"n": null}, "b": [1.5, null, [null, "ä"]], "d": "1.10"}'
    assert to_json({"b": 1, "a": None}) == '{"a": null, "b": 1}'


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals() | st.dates() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=8,
)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON by RFC 8259")


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_any_value_becomes_json_that_every_reader_takes(value: object):
    json.loads(to_json(value).encode(), parse_constant=refuse)


def cast(numbers: list[int | None], kind: pa.DataType) -> pa.Array:
    return pa.array(numbers, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (cast([0, None, 2932897], pa.date32()), ["1970-01-01", None, "10000-01-01"]),
        (cast([0, -(10**17)], pa.timestamp("us")), ["1970-01-01 00:00:00", "-1199-02-15 14:13:20.000000"]),
        (cast([1000, 1], pa.timestamp("ns")), ["1970-01-01 00:00:00.000001", "1970-01-01 00:00:00.000000001"]),
        (cast([0], pa.timestamp("us", "UTC")), ["1970-01-01 00:00:00+00:00"]),
        (cast([0], pa.timestamp("s", "Mars/Phobos")), ["1970-01-01 00:00:00Z"]),
        (cast([1, 10**18], pa.duration("s")), ["0:00:01", "1000000000000000000"]),
        (pa.array([{"a": 1, "b": ["x"]}, None]), [{"a": 1, "b": ["x"]}, None]),
        (
            pa.StructArray.from_arrays([cast([0, 2932897], pa.date32()), pa.array([[1], [2, None]])], ["d", "n"]),
            [{"d": "1970-01-01", "n": [1]}, {"d": "10000-01-01", "n": [2, None]}],
        ),
        (
            pa.StructArray.from_arrays([cast([1, 10**18], pa.duration("s"))], ["s"]),
            [{"s": "0:00:01"}, {"s": "1000000000000000000"}],
        ),
    ],
)
def test_odd_values_are_written_as_text_and_the_others_as_before(column: pa.Array, expected: list[object]):
    assert json.loads(json.dumps(plain_values(column), default=str)) == expected


def test_meta_takes_columns_of_any_type():
    rows = pa.RecordBatch.from_pydict(
        {
            "text": ["a", "b"],
            "meta": ['{"k": 1}', None],
            "when": cast([0, 2932897], pa.date32()),
            "share": [float("nan"), 0.5],
        }
    )
    assert to_schema(rows, BASE_SCHEMA).column("meta").to_pylist() == [
        '{"k": 1, "share": null, "when": "1970-01-01"}',
        '{"share": 0.5, "when": "10000-01-01"}',
    ]
