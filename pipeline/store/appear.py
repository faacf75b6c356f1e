"""A folder that appears under its name with all of its files, read-only: for releases, which people read by glob."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.store.local import LocalStore, fsync
from pipeline.store.store import Store

LAST = "manifest.json"
"""The file whose presence means that the folder is whole."""


@contextmanager
def appearing(store: Store, folder: str) -> Iterator[str]:
    """The folder to fill, with `manifest.json` last; at the end of the block its files are there under `folder`.

    On a local disk it is another one, which is renamed in one step. Object storage cannot rename: there files come one
    by one, and whoever looks at them without the manifest may see a part. What is there already stays.
    """
    if not isinstance(store, LocalStore):
        yield folder
        return
    filled = f"tmp/{store.temporary().name}"
    try:
        yield filled
        if not _rename(Path(store.root, filled), Path(store.root, folder)):
            # Whole already, or a part that a copy from elsewhere has left: then what is missing is added.
            for path in sorted(store.list(filled), key=lambda path: path.endswith(f"/{LAST}")):
                store.copy(path, folder + path.removeprefix(filled))
    finally:
        store.remove(filled)


def _rename(filled: Path, folder: Path) -> bool:
    for place, _, names in os.walk(filled):
        for name in names:
            os.chmod(Path(place, name), 0o444)
        fsync(Path(place))
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(filled, folder)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    fsync(folder.parent)
    return True
