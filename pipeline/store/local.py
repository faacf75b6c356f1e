"""A store in a folder of a local or shared disk."""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from pathlib import Path

import pyarrow as pa


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
        finally:
            temporary.unlink()
        _fsync(target.parent)
        return True

    def copy(self, source: str, target: str) -> bool:
        temporary = self.temporary()
        try:
            os.link(self._path(source), temporary)
        except OSError:  # the disk has no hard links
            shutil.copyfile(self._path(source), temporary)
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
        with open(f"{target}.lock", "w") as lock:
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
        return folder / uuid.uuid4().hex

    def shown(self, path: str) -> str:
        return str(self._path(path))

    def _path(self, path: str) -> Path:
        return Path(self.root, path)

    def _write_temporary(self, data: bytes) -> Path:
        temporary = self.temporary()
        temporary.write_bytes(data)
        return temporary


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
