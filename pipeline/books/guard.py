"""Load a file that others made for the first time where it can do no harm: in a process with limited memory and time.

For models and tokenizers of all steps. Our readers check every size in a header against the file, libraries do not, and
even a small file whose sizes agree may stand for matrices of terabytes. What has loaded once is remembered by hash in
the user's cache and not tried again.
"""

from __future__ import annotations

import functools
import importlib
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pipeline.books.code import code_version
from pipeline.rows.document import content_hash
from pipeline.steps.interpreter import python, safe_environment
from pipeline.store.cache import cache_folder
from pipeline.store.shard import file_sha256

BASE_BYTES = 8 << 30
"""Address space for Python, numba and their arenas, of which most is never touched."""
BYTES_PER_BYTE = 40
"""More for each byte of the file: a code of product quantisation stands for up to 8 numbers of 4 bytes."""
BASE_SECONDS = 120.0
"""The first start of all compiles the kernels."""
BYTES_PER_SECOND = 10e6
T = TypeVar("T")


def guarded(loader: Callable[[Path], T], path: Path) -> T:
    """What `loader`, a function of one of our modules, makes of the file. ValueError in one line if it is refused."""
    _try_once(loader, path, *_state(path))
    return loader(path)


@functools.lru_cache(maxsize=64)
def _try_once(loader: Callable[[Path], Any], path: Path, modified_ns: int, size: int) -> None:
    try_loading(loader, path)


def try_loading(loader: Callable[[Path], Any], path: Path, seconds: float | None = None) -> None:
    """Raises ValueError, in one line, if this file does not load within the limits."""
    marker = _marker(loader, sha256_of(path))
    if marker.exists():
        return
    size = path.stat().st_size
    limit = BASE_BYTES + BYTES_PER_BYTE * size
    seconds = BASE_SECONDS + size / BYTES_PER_SECOND if seconds is None else seconds
    command = python("-m", __name__, loader.__module__, loader.__qualname__, str(path), str(limit))
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL,
            timeout=seconds, env=os.environ | safe_environment(),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ValueError(f"{path}: not loaded after {seconds:.0f} s; the file is damaged, fetch it again") from None
    if done.returncode:
        problem = (done.stderr.strip().splitlines() or [f"its loader died with status {done.returncode}"])[-1]
        raise ValueError(problem if str(path) in problem else f"{path}: {problem}; fetch it again")
    _touch(marker)


def remember(loader: Callable[[Path], Any], path: Path) -> None:
    """This file loads: we have just made it."""
    _touch(_marker(loader, sha256_of(path)))


def sha256_of(path: Path) -> str:
    """sha256 of a local file, computed again only if it has changed. ValueError if it is not there."""
    return _sha256(path, *_state(path))


def _state(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; give a file that is there") from None
    return status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, modified_ns: int, size: int) -> str:
    return file_sha256(path)  # of 2 GB a second or two, and a run asks several times


def _marker(loader: Callable[[Path], Any], sha256: str) -> Path:
    code = content_hash(loader.__qualname__, code_version(loader.__module__))
    return cache_folder() / "models" / f"{sha256}-{code[:16]}"


def _touch(marker: Path) -> None:
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError:
        pass  # a home that cannot be written costs a second a run, no more


def main() -> None:
    """In the process of its own: call function argv[2] of module argv[1] with path argv[3] within argv[4] bytes."""
    module, function, path, limit = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
    loader = getattr(importlib.import_module(module), function)
    try:
        loader(Path(path))
    except MemoryError:
        sys.exit(f"{path}: it asks for more than {int(limit) >> 30} GiB; the file is damaged, fetch it again")
    except Exception as error:
        sys.exit(" ".join(str(error).split()) or type(error).__name__)


if __name__ == "__main__":
    main()
