"""All rows of a level in the order of their ids, a few at a time: what is made of the first of them is a sample.

Used where a generator ends at a number of rows. Ids are hashes, so that their order favours no file and no source, and
is the same however the rows were parted into files. Ids are held in memory (40 bytes each), texts HELD at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.rows.batch import Batch

HELD = 16_384
"""Rows in memory. Each lot of them costs one reading of the level."""


class InOrder:
    """Takes the next documents by id, and in the end those that nobody took."""

    def __init__(self, read: Callable[[], Iterator[pa.RecordBatch]], seen: Callable[[pa.RecordBatch], None]) -> None:
        """`read` gives all rows each time it is called; `seen` is called with each batch once."""
        self._read = read
        ids = []
        for rows in read():
            seen(rows)
            ids.append(rows.column("id"))
        order = pc.sort_indices(pa.chunked_array(ids, pa.string())).to_numpy()
        self._rank = np.empty(len(order), np.int64)
        self._rank[order] = np.arange(len(order))
        self._taken = 0
        self._held, self._first = pa.table({}), 0

    def take(self, number: int) -> list[Batch]:
        """So many documents, fewer at the end, then none."""
        stop = min(self._taken + number, len(self._rank))
        if self._taken == stop:
            return []
        if stop > self._first + self._held.num_rows:
            self._hold(self._taken, max(stop, self._taken + HELD))
        found = self._held.slice(self._taken - self._first, stop - self._taken)
        self._taken = stop
        return [Batch(rows) for rows in found.to_batches()]

    def rest(self) -> Iterator[Batch]:
        """All that is left, in the order of the files."""
        start, self._taken = self._taken, len(self._rank)
        if start < len(self._rank):
            yield from (Batch(rows) for rows, _ in self._between(start, len(self._rank)))

    def _hold(self, start: int, stop: int) -> None:
        found, ranks = zip(*self._between(start, stop), strict=True)
        self._held = pa.Table.from_batches(found).take(pa.array(np.argsort(np.concatenate(ranks))))
        self._first = start

    def _between(self, start: int, stop: int) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        first = 0
        for rows in self._read():
            ranks = self._rank[first : first + rows.num_rows]
            first += rows.num_rows
            wanted = (ranks >= start) & (ranks < stop)
            if wanted.any():
                yield rows.filter(pa.array(wanted)), ranks[wanted]
