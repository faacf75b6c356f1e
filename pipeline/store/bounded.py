"""Rows of a Parquet file in parts of bounded memory, whatever they decode to.

Parquet writes a value once and then a number for each repeat: half a megabyte may hold a million rows of a megabyte
each, and a batch of an ordinary number of rows would decode to gigabytes. So strings are read as dictionaries, in which
each value lies once, and are decoded (`decode`) in parts that are cut by what they decode to (`decoded_bytes`). Where a
size is not known before it is in memory, a row group is refused if it unpacks to more than MAXIMUM_RATIO times its
bytes, as no text does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

BATCH_BYTES = 4 << 20
"""Text that a step sees at once. Arrays derived from it stay small enough for the allocator to use their memory again:
at 16 MB each came fresh from the system, and page faults took a third of the L1 filters' time."""
BATCH_ROWS = 4096
MAXIMUM_RATIO = 100
"""Decoded bytes per byte in the file; zstd makes text 3 to 20 times smaller."""
PREFIXES = "DELTA_BYTE_ARRAY"
"""An encoding in which each value may repeat the whole of the one before, and which cannot be read as a dictionary."""
FEWEST, MOST_OF_PREFIXES = 16, 64 << 20
"""Rows of such a column at once: so many at least, or as would take these bytes if each were the whole column."""
RATIO_FROM = 512 << 20
"""Decoded bytes of a column of a row group; below, a high ratio is repetition and harmless, above, it is a bomb."""


class BoundedFile:
    """A Parquet file that is open for reading; `source` stays the caller's. Wrong page checksums raise OSError."""

    def __init__(self, source: pa.NativeFile | BinaryIO) -> None:
        plain = pq.ParquetFile(source)
        self.metadata: pq.FileMetaData = plain.metadata
        self.schema: pa.Schema = plain.schema_arrow
        self._source = source

    def parts(self, group: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of a row group, still encoded: parts that decode to 2 * BATCH_BYTES at most, or single rows.

        Raises ValueError if the group may not be decoded in bounded memory.
        """
        rows = self._rows_at_once(group, columns)
        chunks = map(self.metadata.row_group(group).column, range(self.metadata.num_columns))
        file = pq.ParquetFile(
            self._source,
            metadata=self.metadata,
            page_checksum_verification=True,
            # Buffered: a row group's columns are not read whole before their first batch.
            pre_buffer=False,
            buffer_size=1 << 20,
            read_dictionary=[chunk.path_in_schema for chunk in chunks if _may_repeat(chunk)],
            arrow_extensions_enabled=False,  # as an extension type (arrow.json) a column would be read decoded
        )
        names = list(columns) if columns is not None else None
        for batch in file.iter_batches(rows, row_groups=[group], columns=names, use_threads=False):
            yield from _cut(batch)

    def decode(self, part: pa.RecordBatch) -> pa.RecordBatch:
        """The rows in the file's own types."""
        names = part.schema.names
        # By place, where all columns are there: a name may come twice.
        fields = list(self.schema) if names == self.schema.names else [self.schema.field(name) for name in names]
        arrays = [_as_type(array, field.type) for array, field in zip(part.columns, fields, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def _rows_at_once(self, group: int, columns: Sequence[str] | None) -> int:
        """How many average rows make up BATCH_BYTES, by what the footer says of the columns."""
        metadata = self.metadata.row_group(group)
        most, mean = BATCH_ROWS, 0
        for index in range(metadata.num_columns):
            chunk, leaf = metadata.column(index), self.metadata.schema.column(index)
            if columns is not None and leaf.path.split(".")[0] not in columns:
                continue
            width = leaf.length if leaf.physical_type == "FIXED_LEN_BYTE_ARRAY" else 4
            unpacked = chunk.total_uncompressed_size
            is_nested = leaf.max_repetition_level > 0  # the values of one row cannot be read by parts
            if width > 16 or is_nested:
                unpacked = max(unpacked, width * chunk.num_values)
            if unpacked > max(RATIO_FROM, MAXIMUM_RATIO * chunk.total_compressed_size) and (is_nested or width <= 16):
                raise ValueError(
                    f"column '{leaf.path}' unpacks from {chunk.total_compressed_size} bytes to {unpacked}: a bomb, "
                    f"since no text becomes {MAXIMUM_RATIO} times smaller; leave the column or the file out"
                )
            if PREFIXES in chunk.encodings:
                most = min(most, max(FEWEST, MOST_OF_PREFIXES // max(1, unpacked)))
            mean += unpacked // max(1, metadata.num_rows)
        return max(1, min(most, BATCH_BYTES // max(1, mean)))


def _may_repeat(chunk: pq.ColumnChunkMetaData) -> bool:
    """Whether the column is of strings and to be read as a dictionary. If the footer lies, reading fails."""
    return chunk.physical_type == "BYTE_ARRAY" and not any("DELTA" in encoding for encoding in chunk.encodings)


def decoded_bytes(part: pa.RecordBatch) -> int:
    """What the rows take when they are decoded."""
    return sum(map(_bytes, part.columns))


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Halve the batch until each part is small or a single row."""
    if batch.num_rows > 1 and decoded_bytes(batch) > 2 * BATCH_BYTES:
        middle = batch.num_rows // 2
        yield from _cut(batch.slice(0, middle))
        yield from _cut(batch.slice(middle))
    else:
        yield batch


def _bytes(array: pa.Array) -> int:
    kind = array.type
    if pa.types.is_dictionary(kind):
        lengths = pc.binary_length(array.dictionary)
        return 8 * len(array) + (pc.sum(lengths.take(array.indices)).as_py() or 0)
    if pa.types.is_map(kind):
        used = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return 4 * len(array) + sum(
            _bytes(side.slice(used[0], used[1] - used[0])) for side in (array.keys, array.items)
        )
    if pa.types.is_struct(kind):
        return len(array) + sum(map(_bytes, array.flatten()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return 8 * len(array) + _bytes(array.flatten())
    return int(array.nbytes)


def _as_type(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if array.type == kind:
        return array
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, _as_type(array, kind.storage_type))
    if pa.types.is_nested(kind):
        array = array.take(pa.array(range(len(array))))  # of a slice all that lies behind it would be cast
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        array = array.cast(array.type.value_type)  # no direct way
    return array.cast(kind)
