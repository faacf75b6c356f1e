"""A store on which the operation of a chosen number goes wrong, for a process that opens it by its location."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.store import store as store_module
from pipeline.store.store import Store, open_store

SCHEME = "faulty"
OPERATIONS = frozenset(
    [
        "exists",
        "read",
        "open",
        "map",
        "size",
        "list",
        "create",
        "commit",
        "copy",
        "replace",
        "compare_and_swap",
        "remove",
        "temporary",
    ]
)
FATES = ("before", "reply lost", "killed", "down")
"""What becomes of an operation: not done, and an error; done, and an error; done, and the process ends; not done, and
neither is any after it."""


class Killed(BaseException):
    """In place of SIGKILL: no `except Exception` sees it."""


class Faults:
    """Counts the operations of all stores that are opened through `location`; number `at` meets `fate`."""

    def __init__(self) -> None:
        self.at, self.fate = 0, ""
        self.seen: list[str] = []
        self.opened: dict[str, Store] = {}
        """By location: a client is made once, which is what takes time."""

    def location(self, root: str) -> str:
        return f"{SCHEME}://{root}"

    def plan(self, at: int, fate: str) -> None:
        self.at, self.fate, self.seen = at, fate, []

    def open(self, location: str) -> Store:
        root = location.partition("://")[2]
        if root not in self.opened:
            self.opened[root] = open_store(root)
        faulty: Any = FaultyStore(self.opened[root], self)
        return faulty

    def meet(self, name: str, operation: Callable[..., Any], *arguments: Any) -> Any:
        self.seen.append(name)
        fate = self.fate if len(self.seen) == self.at else ""
        if fate == "before" or (self.fate == "down" and len(self.seen) >= self.at):
            raise OSError(f"{name}: the network is down")
        result = operation(*arguments)
        if fate == "reply lost":
            raise OSError(f"{name}: the answer did not come")
        if fate == "killed":
            raise Killed(name)
        return result


class FaultyStore:
    """Every operation goes through the faults."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store, self._faults = store, faults
        self.root = faults.location(store.root)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in OPERATIONS:
            return found
        return lambda *arguments: self._faults.meet(name, found, *arguments)


def install_memory(monkeypatch: Any) -> str:
    """A location in a bucket without a server, in this process: obstore decides there who takes a name, as S3 does."""
    from obstore.store import MemoryStore

    from pipeline.store.s3 import S3Store

    buckets: dict[str, Any] = {}

    def opened(location: str) -> Store:
        store: Any = object.__new__(S3Store)
        store.root, store._bucket = location, buckets.setdefault(location, MemoryStore())
        return store

    monkeypatch.setitem(store_module.SCHEMES, "memory", opened)
    return "memory://stores"


def install(monkeypatch: Any) -> Faults:
    """Make `open_store` know the scheme for the time of a test."""
    faults = Faults()
    monkeypatch.setitem(store_module.SCHEMES, SCHEME, faults.open)
    return faults
