"""Where things lie. Paths inside a store are relative, with forward slashes.

Data is written once: `create` never replaces, so of two writers the first wins and a writer that wakes up late
changes nothing. Only references change, by `compare_and_swap`. A reader sees a whole file or none.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from pipeline.errors import UsageError

TEMPORARY = re.compile(r"(.+)-(\d+)-[0-9a-f]{32}")
"""Name of a temporary file: machine, process, chance."""
ABANDONED_AFTER = 86_400
"""Seconds without a write."""

NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What disks without hard links answer to a link; EPERM on Linux."""


class UnknownStore(UsageError):
    """A location that no store can be opened at."""


class Store(Protocol):
    """A local folder today; object storage comes behind the same methods."""

    root: str

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

    def shown(self, path: str) -> str:
        """The path as people and other programs find it: in messages, reports and `--json`."""
        ...


class LocalStore:
    """A folder on a local disk. SIGKILL and power loss leave whole files: fsync, then link, then fsync the folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = str(Path(root).absolute())

    def exists(self, path: str) -> bool:
        return self._path(path).exists()

    def read(self, path: str) -> bytes:
        return self._path(path).read_bytes()

    def open(self, path: str) -> pa.NativeFile:
        return pa.OSFile(str(self._path(path)))

    def map(self, path: str) -> pa.NativeFile:
        return pa.memory_map(str(self._path(path)))

    def size(self, path: str) -> int:
        return self._path(path).stat().st_size

    def free_bytes(self) -> int | None:
        return shutil.disk_usage(self.root).free

    def list(self, prefix: str) -> list[str]:
        folder = self._path(prefix)
        return sorted(str(file.relative_to(self.root)) for file in folder.rglob("*") if file.is_file())

    def create(self, path: str, data: bytes) -> bool:
        return not self._path(path).exists() and self.commit(self._write_temporary(data), path)

    def commit(self, temporary: Path, path: str) -> bool:
        target = self._path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _fsync(temporary)
        try:
            os.link(temporary, target)  # fails if the name is taken, in one step
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            if not self._rename(temporary, target):
                return False
        finally:
            temporary.unlink(missing_ok=True)
        _fsync(target.parent)
        return True

    def copy(self, source: str, target: str) -> bool:
        # No hard link: who writes to one name of a file, and root may even where it is read-only, changes the other.
        temporary = self.temporary()
        with open(self._path(source), "rb") as read, open(temporary, "xb") as written:
            with contextlib.suppress(OSError):  # shares the blocks where the disk can
                while os.copy_file_range(read.fileno(), written.fileno(), 1 << 30):
                    pass
            shutil.copyfileobj(read, written, 1 << 20)  # what is left, where it cannot
        return self.commit(temporary, target)

    def replace(self, path: str, data: bytes) -> None:
        target = self._path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._write_temporary(data)
        _fsync(temporary)
        os.replace(temporary, target)
        _fsync(target.parent)

    def compare_and_swap(self, path: str, expected: bytes | None, data: bytes) -> bool:
        target = self._path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(f"{target}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            current = target.read_bytes() if target.exists() else None
            if current != expected:
                return False
            self.replace(path, data)
            return True

    def remove(self, prefix: str) -> None:
        target = self._path(prefix)
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)  # two runs may tidy up at once
        else:
            target.unlink(missing_ok=True)

    def temporary(self) -> Path:
        folder = self._path("tmp")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}"

    def shown(self, path: str) -> str:
        return str(self._path(path))

    def _rename(self, temporary: Path, target: Path) -> bool:
        """`os.link` for disks without hard links, as FAT and some network disks are: one committer at a time."""
        with open(self._path("tmp/commit.lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if target.exists():
                return False
            os.rename(temporary, target)
            return True

    def _path(self, path: str) -> Path:
        return Path(self.root, path)

    def _write_temporary(self, data: bytes) -> Path:
        temporary = self.temporary()
        temporary.write_bytes(data)
        return temporary


def open_store(location: str) -> Store:
    """The store at a local path. Object storage is refused by name rather than written to a folder called `s3:`."""
    if "://" in location:
        raise UnknownStore(f"store '{location}': only local paths work so far; give a folder, e.g. --store ./store")
    return LocalStore(location)


def remove_abandoned(store: Store) -> int:
    """Remove temporary files of processes that were killed; how many there were.

    Theirs are those of this machine's processes that are gone, and, since other machines share the store, any that
    nobody has written to for a day.
    """
    removed = 0
    for path in store.temporary().parent.glob("*"):
        owner = TEMPORARY.fullmatch(path.name)
        with contextlib.suppress(FileNotFoundError):  # its owner is alive after all, and done
            if owner and (
                is_dead_here(owner[1], int(owner[2])) or time.time() - path.stat().st_mtime > ABANDONED_AFTER
            ):
                path.unlink()
                removed += 1
    return removed


def is_dead_here(host: str, process: int) -> bool:
    """Whether this was a process of this machine that is gone; of another machine's nobody knows."""
    if host != socket.gethostname():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's
        return False
    return False


@contextlib.contextmanager
def temporary_file(store: Store) -> Iterator[Path]:
    """A temporary local file, removed if it was not committed."""
    path = store.temporary()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
