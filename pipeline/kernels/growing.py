"""An array that grows at its end, at a cost that does not depend on how it came to its length."""

from __future__ import annotations

import numpy as np

from pipeline.kernels.utf8 import Array


class Growing:
    """Rows are added to those of `first`; room for more is doubled as it is needed."""

    def __init__(self, first: Array) -> None:
        self._room, self._size = first, len(first)

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> Array:
        """A view; it stays as it is when more is added."""
        return self._room[: self._size]

    def append(self, more: Array) -> None:
        size = self._size + len(more)
        if size > len(self._room):
            room = np.empty((2 * size, *self._room.shape[1:]), self._room.dtype)
            room[: self._size] = self.values
            self._room = room
        self._room[self._size : size] = more
        self._size = size
