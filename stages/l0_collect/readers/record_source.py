"""Read the records of WARC files: what the sources `warc` and `wet` have in common.

| column out     | from                                                            |
|----------------|-----------------------------------------------------------------|
| url            | WARC-Target-URI                                                 |
| source         | the setting `source`                                            |
| date           | WARC-Date                                                       |
| source_id      | WARC-Record-ID                                                  |
| warc_truncated | why the crawler cut the content short, if it says so            |
| warc_digest    | `unverified`, if the block has a digest of an unknown kind      |
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import pyarrow as pa

from pipeline.steps import Source, SourceBatch, Unit
from stages.l0_collect.readers.digest import matches
from stages.l0_collect.readers.files import open_input, open_unit
from stages.l0_collect.readers.http_body import MAXIMUM_BODY
from stages.l0_collect.readers.row_buffer import RowBuffer
from stages.l0_collect.readers.warc_members import compression
from stages.l0_collect.readers.warc_records import Damage, Record, records

UNIT_BYTES = 64 << 20
"""Compressed bytes per unit: about 2,300 pages of Common Crawl, a minute of extraction."""
COLUMNS = tuple((name, pa.string()) for name in ("url", "source", "date", "source_id", "warc_truncated", "warc_digest"))


class RecordSource(Source):
    """Reads WARC files record by record.

    Positions are `file@offset`, the byte where the record or the damage begins.
    """

    libraries: ClassVar[tuple[str, ...]] = ("brotli", "zstandard")
    schema: ClassVar[pa.Schema]
    source: str = ""
    """What to call this input in the column `source`."""
    verify_digests: bool = True
    """Quarantine records whose block differs from their WARC-Block-Digest."""

    def units(self, path: str, sha256: str) -> list[Unit]:
        """Ranges of compressed bytes: `start` is an offset, and the range ends 64 MiB further.

        A file without compression is one unit: only compressed members tell surely where a record begins.
        """
        with open_input(path) as stream:
            size = stream.seek(0, 2)
            starts = range(0, size, UNIT_BYTES) if compression(stream) else range(min(size, 1))
        return [Unit(path, sha256, start) for start in starts]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        buffer, name = RowBuffer(self.schema), unit.shown
        with open_unit(unit) as stream:
            for record in records(stream, MAXIMUM_BODY, unit.start, unit.start + UNIT_BYTES):
                self._sort(record, f"{name}@{record.position}", buffer)
                if buffer.is_full():
                    yield buffer.take()
        yield buffer.take()

    def _sort(self, record: Record | Damage, position: str, buffer: RowBuffer) -> None:
        """Put the record among the rows, the drops or the quarantined."""
        if isinstance(record, Damage):
            buffer.quarantine(position, "", record.error)
            buffer.skip(record.unread_bytes)
            return
        try:
            found = self._row(record)
        except ValueError as error:
            buffer.quarantine(position, record.url, ValueError(str(error)))
            return
        if isinstance(found, str):
            buffer.drop(position, record.url, found)
        else:
            buffer.add(found)

    @abstractmethod
    def _row(self, record: Record) -> dict[str, Any] | str:
        """The row, or the rule by which the record is none. Raises ValueError if it cannot be read."""

    def _common(self, record: Record, block: bytes) -> dict[str, Any]:
        """The columns above. Raises ValueError if the block is not what its digest says, or may not be what it was."""
        digest = record.fields.get("warc-block-digest")
        is_checked = bool(digest and self.verify_digests)
        is_right = matches(block, digest) if digest and is_checked else None
        if not (record.is_sound or is_right):
            raise ValueError("the compressed member around the record is damaged, and no digest shows it to be whole")
        if is_right is False:
            raise ValueError("the block is not what its WARC-Block-Digest says; `verify_digests: false` takes it")
        return {
            "url": record.url,
            "source": self.source,
            "date": record.fields.get("warc-date", ""),
            "source_id": record.fields.get("warc-record-id"),
            "warc_truncated": record.fields.get("warc-truncated"),
            "warc_digest": "unverified" if is_checked and is_right is None else None,
        }
