"""A file of a store as a file on this machine, for libraries that take nothing else: classifiers."""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from pipeline.store.cache import cache_folder
from pipeline.store.store import locate


@functools.cache
def scratch_folder() -> Path:
    """For copies of what is read several times and too large for the cache; it goes when the process ends."""
    folder = tempfile.mkdtemp(prefix="orefine-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def local_copy(location: str) -> Path:
    """The file itself if it lies on a local disk; else its copy in the cache, fetched once by each process."""
    return _fetched(location) if "://" in location else Path(location)


@functools.cache
def _fetched(location: str) -> Path:
    store, name = locate(location)
    folder = cache_folder() / "fetched"
    folder.mkdir(exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder)
    try:
        digest = hashlib.sha256()
        with store.open(name) as source, open(handle, "wb") as copy:
            while part := source.read(8 << 20):
                digest.update(part)
                copy.write(part)
        # Named by its content: workers of one machine share it, and another model under the same name is another file.
        os.replace(temporary, folder / digest.hexdigest())
    except BaseException:
        os.unlink(temporary)
        raise
    return folder / digest.hexdigest()
