"""What a Parquet footer says of the text column, compared with what was read.

Without page checksums, as most writers leave them out, a changed byte often decodes to another text. The footer knows
the number of nulls, and the smallest and the largest value: a text outside of them is not what was written.

A footer that contradicts itself ends the process inside Arrow at some places, so its own bytes are looked at before.
Field numbers: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.l0_collect.readers.compact import Fields, read_struct

MAGIC = b"PAR1"
ENDING = 8
"""Bytes behind the footer: its length and MAGIC."""
LARGEST_FOOTER = 256 << 20
SCHEMA, ROW_GROUPS = 2, 4
"""Fields of FileMetaData."""
TYPE, TYPE_LENGTH, REPETITION, CHILDREN = 1, 2, 3, 5
"""Of SchemaElement."""
OPTIONAL, REPEATED = 1, 2
BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY = 6, 7
WIDTHS = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8}
"""Bytes of a value by its type: BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE."""
META_DATA = 3
"""Of ColumnChunk."""
STATISTICS, SIZES = 12, 16
"""Of ColumnMetaData, which has TYPE too."""
BOUNDS = (1, 2, 5, 6)
"""Of Statistics: max, min, max_value, min_value."""
UNENCODED_BYTES, REPETITION_LEVELS, DEFINITION_LEVELS = 1, 2, 3
"""Of SizeStatistics."""
DEEPEST_SCHEMA = 200


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A column that holds values."""

    type: int
    width: int | None
    """Of each value in bytes, None if they differ."""
    definitions: int
    repetitions: int
    """The highest level of either."""


def check_bytes(stream: BinaryIO) -> None:
    """Raise ValueError if the footer is damaged in a way over which Arrow ends the process.

    A file that does not end as Parquet does is left to Arrow, which says so. The stream stands at its beginning then.
    """
    size = stream.seek(0, 2)
    stream.seek(max(0, size - ENDING))
    ending = stream.read(ENDING)
    length = int.from_bytes(ending[:4], "little")
    if ending[4:] == MAGIC and length <= min(size - ENDING, LARGEST_FOOTER):
        stream.seek(size - ENDING - length)
        footer = stream.read(length)
        stream.seek(0)
        try:
            _check(read_struct(footer))
        except (AttributeError, LookupError, TypeError) as error:  # a value of another kind, or none, where one belongs
            raise ValueError(f"the footer lacks what a footer has ({error}): it is damaged") from None
        except ValueError as error:
            raise ValueError(f"the footer cannot be trusted, {error}: it is damaged") from None
    stream.seek(0)


def _check(footer: Fields) -> None:
    root, elements = footer[SCHEMA][0], iter(footer[SCHEMA][1:])
    leaves: list[_Leaf] = []
    _gather(elements, root[CHILDREN], 0, 0, 0, leaves)
    for number, group in enumerate(footer.get(ROW_GROUPS, ())):
        chunks = group[1]
        if len(chunks) != len(leaves):
            raise ValueError(f"the schema has {len(leaves)} columns and row group {number} has {len(chunks)}")
        for leaf, chunk in zip(leaves, chunks, strict=True):
            if META_DATA not in chunk:
                raise ValueError(f"a column of row group {number} is encrypted or not described")
            _check_column(leaf, chunk[META_DATA])


def _gather(elements: Any, count: int, depth: int, definitions: int, repetitions: int, leaves: list[_Leaf]) -> None:
    """The leaves below the next `count` elements, in the order of the columns."""
    if depth > DEEPEST_SCHEMA:
        raise ValueError(f"its columns lie more than {DEEPEST_SCHEMA} deep in each other")
    for _ in range(count):
        element = next(elements, None)
        if element is None:
            raise ValueError("its schema has no end")
        repetition = element.get(REPETITION)
        inner = definitions + (repetition in (OPTIONAL, REPEATED)), repetitions + (repetition == REPEATED)
        if element.get(CHILDREN):
            _gather(elements, element[CHILDREN], depth + 1, *inner, leaves)
        elif TYPE in element:
            width = element[TYPE_LENGTH] if element[TYPE] == FIXED_LEN_BYTE_ARRAY else WIDTHS.get(element[TYPE])
            leaves.append(_Leaf(element[TYPE], width, *inner))


def _check_column(leaf: _Leaf, column: Fields) -> None:
    if column[TYPE] != leaf.type:
        raise ValueError(f"a column of type {leaf.type} is of type {column[TYPE]} in a row group")
    sizes = column.get(SIZES, {})
    for field, highest in ((REPETITION_LEVELS, leaf.repetitions), (DEFINITION_LEVELS, leaf.definitions)):
        counts = sizes.get(field)
        if counts and len(counts) != highest + 1:
            raise ValueError(f"it counts {len(counts)} levels of a column that has {highest + 1}")
    if UNENCODED_BYTES in sizes and leaf.type != BYTE_ARRAY:
        raise ValueError(f"it counts the bytes of a column of type {leaf.type}")
    for field in BOUNDS:
        bound = column.get(STATISTICS, {}).get(field)
        if bound is not None and leaf.width is not None and len(bound) != leaf.width:
            raise ValueError(f"the bound of a column has {len(bound)} bytes, and its values have {leaf.width}")


def check_shape(metadata: pq.FileMetaData) -> None:
    """Raise ValueError if the footer contradicts itself.

    Asked for a column that is not there, Arrow ends the process.
    """
    rows = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if group.num_columns != metadata.num_columns:
            raise ValueError(
                f"the footer promises {metadata.num_columns} columns, and row group {number} has {group.num_columns}: "
                "it is damaged"
            )
        if group.num_rows < 0:
            raise ValueError(f"by the footer row group {number} has {group.num_rows} rows: it is damaged")
        rows += group.num_rows
    if rows != metadata.num_rows:
        raise ValueError(f"the footer promises {metadata.num_rows} rows, and its row groups {rows}: it is damaged")


class FooterCheck:
    """The footer's word on one column of one row group."""

    def __init__(self, metadata: pq.FileMetaData, group: int, column: str) -> None:
        """Raises ValueError if the footer contradicts itself."""
        rows = metadata.row_group(group)
        index = next(number for number in range(rows.num_columns) if rows.column(number).path_in_schema == column)
        chunk = rows.column(index)
        if chunk.num_values != rows.num_rows:
            raise ValueError(
                f"the footer promises {rows.num_rows} rows, but {chunk.num_values} values of '{column}': it is damaged"
            )
        statistics = chunk.statistics
        self._nulls = statistics.null_count if statistics is not None and statistics.has_null_count else None
        self._bounds: tuple[bytes, bytes] | None = None
        if statistics is not None and statistics.has_min_max:
            self._bounds = statistics.min_raw, statistics.max_raw  # as text they might not be UTF-8
        self._column = column
        self._seen_nulls = 0

    def compare(self, values: pa.Array) -> None:
        """Raise ValueError if these values cannot be what the footer tells of."""
        self._seen_nulls += values.null_count
        if self._nulls is not None and self._seen_nulls > self._nulls:
            raise ValueError(f"'{self._column}' has more nulls than the {self._nulls} of the footer: it is damaged")
        if self._bounds is None or values.null_count == len(values):
            return
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        found = pc.min_max(values.cast(pa.binary()))  # no copy from string; bytes are compared as bytes
        if found["min"].as_py() < self._bounds[0] or found["max"].as_py() > self._bounds[1]:
            raise ValueError(f"'{self._column}' has values outside of the footer's statistics: it is damaged")

    def skip(self) -> None:
        """A part was not decoded, so nothing can be said of the whole."""
        self._nulls = None

    def at_end(self) -> str:
        """What is wrong with the row group as a whole, which has been read; empty if nothing."""
        if self._nulls is not None and self._seen_nulls != self._nulls:
            return (
                f"'{self._column}' has {self._seen_nulls} nulls in these rows, and by the footer {self._nulls}: some "
                "text is not what was written"
            )
        return ""
