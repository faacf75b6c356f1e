"""A folder that appears under its name with all of its files, read-only: for releases, which people read by glob."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.store.local import LocalStore
from pipeline.store.store import Store


@contextmanager
def staged(store: Store) -> Iterator[str]:
    """The name of a folder of the store to fill before `appear`; what is left of it at the end is removed."""
    folder = f"tmp/{uuid.uuid4().hex}"
    try:
        yield folder
    finally:
        store.remove(folder)


def appear(store: Store, filled: str, folder: str) -> bool:
    """Give a filled folder its name. False if a folder of that name is there already.

    A local disk renames it in one step. Object storage cannot: there its manifest comes last, and whoever looks at
    files without it may see a part.
    """
    if isinstance(store, LocalStore):
        return _rename(Path(store.root, filled), Path(store.root, folder))
    for path in sorted(store.list(filled), key=lambda path: path.endswith("/manifest.json")):
        store.copy(path, folder + path.removeprefix(filled))
    return True


def _rename(filled: Path, folder: Path) -> bool:
    for place, _, names in os.walk(filled):
        for name in names:
            os.chmod(Path(place, name), 0o444)
        _flush(Path(place))
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(filled, folder)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    _flush(folder.parent)
    return True


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
