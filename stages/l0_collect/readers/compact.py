"""Thrift's compact protocol, in which a Parquet file's footer is written, as plain numbers, bytes, lists and dicts.

Arrow reads it too, and ends the process over some footers that are damaged; what this module gives can be looked at
before. https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT, UUID = range(1, 14)
VARINTS = (I16, I32, I64)
FIXED = {BYTE: 1, DOUBLE: 8, UUID: 16}
LONGEST_VARINT = 10
"""Bytes of 64 bits, seven in each."""
DEEPEST = 16
"""Structs and lists in each other; a footer needs 6."""

Fields = dict[int, Any]
"""A struct's values by the numbers of its fields."""


def read_struct(data: bytes) -> Fields:
    """The struct that the bytes begin with. Raises ValueError if they are none."""
    try:
        return _Reader(data).struct(0)
    except IndexError:
        raise ValueError("the bytes end within a value") from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self, depth: int) -> Fields:
        if depth > DEEPEST:
            raise ValueError(f"structs lie more than {DEEPEST} deep in each other")
        data, found, field = self._data, {}, 0
        while head := data[self._at]:
            self._at += 1
            kind, step = head & 15, head >> 4
            field = field + step if step else self._number()
            found[field] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind, depth)
        self._at += 1
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in VARINTS:
            return self._number()
        if kind == BINARY:
            return self._bytes(self._varint())
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in (LIST, SET):
            return self._list(depth)
        if kind == MAP:
            return self._map(depth)
        if kind in FIXED:
            return self._bytes(FIXED[kind])
        raise ValueError(f"there is no type {kind}")

    def _list(self, depth: int) -> list[Any]:
        if depth > DEEPEST:
            raise ValueError(f"lists lie more than {DEEPEST} deep in each other")
        head = self._data[self._at]
        self._at += 1
        kind, count = head & 15, head >> 4
        if count == 15:
            count = self._varint()
        self._has(count)
        if kind in (TRUE, FALSE):
            return [byte == TRUE for byte in self._bytes(count)]
        return [self._value(kind, depth + 1) for _ in range(count)]

    def _map(self, depth: int) -> list[tuple[Any, Any]]:
        count = self._varint()
        if not count:
            return []
        self._has(count)
        kinds = self._data[self._at]
        self._at += 1
        return [(self._value(kinds >> 4, depth + 1), self._value(kinds & 15, depth + 1)) for _ in range(count)]

    def _number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        data, at = self._data, self._at
        byte = data[at]
        value, shift = byte & 127, 7
        while byte & 128:
            at += 1
            if shift == 7 * LONGEST_VARINT:
                raise ValueError("a number has more than 64 bits")
            byte = data[at]
            value |= (byte & 127) << shift
            shift += 7
        self._at = at + 1
        return value

    def _bytes(self, count: int) -> bytes:
        self._has(count)
        self._at += count
        return self._data[self._at - count : self._at]

    def _has(self, count: int) -> None:
        """Each value takes at least one byte."""
        if self._at + count > len(self._data):
            raise IndexError
