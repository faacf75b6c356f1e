"""Where things lie: a folder, or a bucket. Paths inside a store are relative, with forward slashes.

Data is written once: `create` never replaces, so of two writers the first wins and a writer that wakes up late
changes nothing. Only references change, by `compare_and_swap`. A reader sees a whole file or none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from pipeline.errors import UsageError
from pipeline.store.local import LocalStore


class UnknownStore(UsageError):
    """A location that no store can be opened at."""


class Store(Protocol):
    """What every store can do; the only way in which the rest of the project touches its files."""

    root: str
    """Where it is; `open_store` opens it again, in another process or on another machine."""

    def exists(self, path: str) -> bool: ...
    def read(self, path: str) -> bytes: ...
    def open(self, path: str) -> pa.NativeFile:
        """The file for reading in parts: seekable, closed by whoever opened it."""
        ...

    def map(self, path: str) -> pa.NativeFile:
        """Like `open`, but parts that nobody looks at are not read where the disk allows it."""
        ...

    def size(self, path: str) -> int:
        """Bytes of the file."""
        ...

    def free_bytes(self) -> int | None:
        """What still fits; None where nobody knows."""
        ...

    def list(self, prefix: str) -> list[str]:
        """All files below a folder, sorted; empty if there is none."""
        ...

    def create(self, path: str, data: bytes) -> bool:
        """Write a file that is not there yet. False, and nothing changed, if it is."""
        ...

    def commit(self, temporary: Path, path: str) -> bool:
        """Move a finished local file into the store under a name that is not taken yet; else remove it, False."""
        ...

    def copy(self, source: str, target: str) -> bool:
        """The same bytes under a second name that is not taken yet. False, and nothing changed, if it is."""
        ...

    def replace(self, path: str, data: bytes) -> None:
        """Write or overwrite whole; only for files that nothing depends on, such as reports."""
        ...

    def compare_and_swap(self, path: str, expected: bytes | None, data: bytes) -> bool:
        """Replace the content if it still is `expected` (None: absent). False if somebody was faster."""
        ...

    def remove(self, prefix: str) -> None:
        """Remove a file or folder; nothing happens if there is none."""
        ...

    def temporary(self) -> Path:
        """A fresh local name for a file that `commit` will move in."""
        ...

    def remove_abandoned(self) -> int:
        """Remove temporary files of processes that were killed; how many there were."""
        ...

    def shown(self, path: str) -> str:
        """The path as people and other programs find it: in messages, reports and `--json`."""
        ...


def open_store(location: str) -> Store:
    """The store at a path, or at `s3://bucket/prefix`."""
    scheme, separator, _ = location.partition("://")
    if not separator:
        if not location:  # an unset variable of a script, which would fill the working directory
            raise UnknownStore("the store is an empty name; give a folder, or s3://bucket/prefix")
        return LocalStore(location)
    if scheme not in SCHEMES:
        raise UnknownStore(f"store '{location}': no store is called {scheme}://; give a folder, or s3://bucket/prefix")
    return SCHEMES[scheme](location)


def store_to_write(location: str) -> Store:
    """The store there, which need not be there yet. Raises UnknownStore where no folder can be made."""
    store = open_store(location)
    if "://" not in location:
        place = Path(location).absolute()
        there = next(path for path in (place, *place.parents) if path.exists())
        if not there.is_dir():
            raise UnknownStore(f"store '{location}': {there} is a file; give a folder, or s3://bucket/prefix")
    return store


def _open_s3(location: str) -> Store:
    try:
        from pipeline.store.s3 import S3Store
    except ModuleNotFoundError as error:
        raise UnknownStore(
            f"store '{location}': the extra 's3' is not installed ({error.name} missing): pip install 'orefine[s3]'"
        ) from None
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    if not bucket:
        raise UnknownStore(f"store '{location}' names no bucket; give s3://bucket/prefix")
    return S3Store(bucket, prefix.strip("/"))


SCHEMES: dict[str, Callable[[str], Store]] = {"s3": _open_s3}
"""What opens a location that starts with `scheme://`."""


def locate(location: str) -> tuple[Store, str]:
    """The store around a file and the file's path in it, for a file known by what `Store.shown` says of it."""
    folder, separator, name = location.rpartition("/")
    return open_store(folder or separator or "."), name


def is_location(path: str) -> bool:
    """Whether a path says by itself where it is, and is not one in a store."""
    return path.startswith("/") or "://" in path


@contextlib.contextmanager
def temporary_file(store: Store) -> Iterator[Path]:
    """A temporary local file, removed if it was not committed."""
    path = store.temporary()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
