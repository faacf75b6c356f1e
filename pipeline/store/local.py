"""A store in a folder of a local or shared disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.store.temporary import is_abandoned, temporary_name

NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What disks without hard links answer to a link; EPERM on Linux."""
LOCKS, LOCKS_IN = 64, ".locks"
"""Of swaps; paths share them, so that their files are few whatever the store holds. They are in no listing."""


class LocalStore:
    """A folder on a local disk. SIGKILL and power loss leave whole files: fsync, then link, then fsync the folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = str(Path(root).absolute())

    def exists(self, path: str) -> bool:
        return self._path(path).is_file()

    def read(self, path: str) -> bytes:
        return self._path(path).read_bytes()

    def open(self, path: str) -> pa.NativeFile:
        return pa.OSFile(str(self._path(path)))

    def map(self, path: str) -> pa.NativeFile:
        return pa.memory_map(str(self._path(path)))

    def size(self, path: str) -> int:
        return self._path(path).stat().st_size

    def free_bytes(self) -> int | None:
        there = next(folder for folder in (Path(self.root), *Path(self.root).parents) if folder.exists())
        return shutil.disk_usage(there).free

    def list(self, prefix: str) -> list[str]:
        folder = self._path(prefix)
        found = (str(file.relative_to(self.root)) for file in folder.rglob("*") if file.is_file())
        return sorted(path for path in found if not path.startswith(f"{LOCKS_IN}/"))

    def create(self, path: str, data: bytes) -> bool:
        if self._path(path).exists():
            return False
        temporary = self.temporary()
        with _thrown_away(temporary, self._path(path)):
            temporary.write_bytes(data)
            return self.commit(temporary, path)

    def commit(self, temporary: Path, path: str) -> bool:
        target = self._path(path)
        with _thrown_away(temporary, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            fsync(temporary)
            try:
                os.link(temporary, target)  # fails if the name is taken, in one step
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in NO_HARD_LINKS:
                    raise
                if not self._rename(temporary, target):
                    return False
        fsync(target.parent)
        return True

    def copy(self, source: str, target: str) -> bool:
        # No hard link: who writes to one name of a file, and root may even where it is read-only, changes the other.
        temporary = self.temporary()
        with _thrown_away(temporary, self._path(target)):
            with open(self._path(source), "rb") as read, open(temporary, "xb") as written:
                with contextlib.suppress(OSError):  # shares the blocks where the disk can
                    while os.copy_file_range(read.fileno(), written.fileno(), 1 << 30):
                        pass
                shutil.copyfileobj(read, written, 1 << 20)  # what is left, where it cannot
            return self.commit(temporary, target)

    def replace(self, path: str, data: bytes) -> None:
        target = self._path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.temporary()
        with _thrown_away(temporary, target):
            temporary.write_bytes(data)
            fsync(temporary)
            os.replace(temporary, target)
        fsync(target.parent)

    def compare_and_swap(self, path: str, expected: bytes | None, data: bytes) -> bool:
        target = self._path(path)
        with self._locked(f"swap-{zlib.crc32(path.encode()) % LOCKS:02}"):
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
        return folder / temporary_name()

    def remove_abandoned(self) -> int:
        removed = 0
        for path in self._path("tmp").glob("*"):
            with contextlib.suppress(FileNotFoundError):  # its owner is alive after all, and done
                if is_abandoned(path.name, path.stat().st_mtime):
                    self.remove(f"tmp/{path.name}")  # also the folder of a release that was being filled
                    removed += 1
        return removed

    def shown(self, path: str) -> str:
        return str(self._path(path))

    def _rename(self, temporary: Path, target: Path) -> bool:
        """`os.link` for disks without hard links, as FAT and some network disks are: one committer at a time."""
        with self._locked("commit"):
            if target.exists():
                return False
            os.rename(temporary, target)
            return True

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """One process at a time. The file stays: who removed it would let in a second one beside who waits for it."""
        folder = self._path(LOCKS_IN)
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / name, "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _path(self, path: str) -> Path:
        return Path(self.root, path)


@contextlib.contextmanager
def _thrown_away(temporary: Path, target: Path) -> Iterator[None]:
    """Remove the temporary file at the end: half a file must not keep room on a disk that is full.

    A fault that names no file, as that of a full disk, is told with the one that was to be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno and error.filename is None:
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def fsync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk itself."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
