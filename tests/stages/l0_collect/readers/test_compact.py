"""Thrift's compact protocol: values as they were written, and errors instead of anything else."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.l0_collect.readers.compact import DEEPEST, read_struct


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("00", {}),
        ("15 03 00", {1: -2}),  # field 1, i32, zigzag
        ("16 80 01 00", {1: 64}),  # of two bytes
        ("11 22 00", {1: True, 3: False}),  # booleans in the head of their field
        ("18 02 61 62 00", {1: b"ab"}),
        ("05 20 07 00", {16: -4}),  # a field with its number in full
        ("19 25 02 04 00", {1: [1, 2]}),
        ("19 22 01 02 00", {1: [True, False]}),
        ("1c 15 02 00 00", {1: {1: 1}}),
        ("1b 01 58 02 01 61 00", {1: [(1, b"a")]}),
        ("1b 00 00", {1: []}),
        ("13 07 00", {1: b"\x07"}),
        ("17 0000000000000000 00", {1: bytes(8)}),
    ],
)
def test_values(data: str, found: object) -> None:
    assert read_struct(bytes.fromhex(data)) == found


def test_long_lists_say_their_length_behind_their_head() -> None:
    assert read_struct(bytes([0x19, 0xF5, 20, *[2] * 20, 0])) == {1: [1] * 20}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("", "end within a value"),
        ("15", "end within a value"),
        ("18 7f 61", "end within a value"),
        ("19 f5 ff ff ff ff 07 02", "end within a value"),  # more values than bytes
        ("1e 00", "no type 14"),
        ("16 " + "ff" * 11, "more than 64 bits"),
        ("1c" * 40, f"structs lie more than {DEEPEST} deep"),
        ("19" * 40, f"lists lie more than {DEEPEST} deep"),
    ],
)
def test_what_is_no_struct(data: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_struct(bytes.fromhex(data))


@given(st.binary(max_size=60))
def test_any_bytes_give_a_struct_or_an_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(read_struct(data), dict)
