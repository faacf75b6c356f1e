"""A store on which the n-th operation goes wrong: nothing was done, or it was done and nobody hears of it."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.store import store as stores
from pipeline.store.store import Store, open_store

OPERATIONS = (
    "exists", "read", "open", "map", "size", "list", "create", "commit", "copy", "replace", "compare_and_swap", "remove"
)  # fmt: skip


class Broken(OSError):
    """The fault."""


class Faults:
    """Counts the operations of all stores that are opened at `location`, and lets number `at` fail.

    `after`: it was carried out, so that what is lost is the answer.
    """

    def __init__(self, inner: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.location = "faulty://store"
        self.done = self.at = 0
        self.after = False
        monkeypatch.setitem(stores.SCHEMES, "faulty", lambda location: Faulty(self, open_store(inner)))

    def fail(self, at: int, after: bool = False) -> None:
        self.done, self.at, self.after = 0, at, after


class Faulty:
    """Another store behind the faults."""

    def __init__(self, faults: Faults, inner: Store) -> None:
        self._faults, self._inner = faults, inner
        self.root = faults.location

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        return self._watched(name, method) if name in OPERATIONS else method

    def _watched(self, name: str, method: Any) -> Any:
        def call(*arguments: Any) -> Any:
            faults = self._faults
            faults.done += 1
            hit = faults.done == faults.at
            if hit and not faults.after:
                raise Broken(f"before operation {faults.at}, {name} {arguments[0]}")
            answer = method(*arguments)
            if hit:
                raise Broken(f"after operation {faults.at}, {name} {arguments[0]}")
            return answer

        return call
