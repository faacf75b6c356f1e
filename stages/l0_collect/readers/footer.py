"""What a Parquet footer says of the text column, compared with what was read.

Without page checksums, as most writers leave them out, a changed byte often decodes to another text. The footer knows
the number of nulls, and the smallest and the largest value: a text outside of them is not what was written.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


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
