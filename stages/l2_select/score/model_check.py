"""Load a model file for the first time where it can do no harm: in a process with limited memory and time.

The reader checks every size in the header against the file, yet a small quantised file may still stand for matrices of
terabytes. What has loaded once is remembered by hash in the user's cache and not tried again.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from pipeline.store.cache import cache_folder

BASE_BYTES = 8 << 30
"""Address space for Python, numba and their arenas, of which most is never touched."""
BYTES_PER_BYTE = 40
"""More for each byte of the file: a code of product quantisation stands for up to 8 numbers of 4 bytes."""
BASE_SECONDS = 120.0
"""The first start of all compiles the kernels."""
BYTES_PER_SECOND = 10e6


def check_model(path: Path, sha256: str, seconds: float | None = None) -> None:
    """Raises ValueError, in one line, if this file does not load within the limits."""
    if _marker(sha256).exists():
        return
    size = path.stat().st_size
    limit = BASE_BYTES + BYTES_PER_BYTE * size
    seconds = BASE_SECONDS + size / BYTES_PER_SECOND if seconds is None else seconds
    # Nothing of the working directory is imported: -P leaves it out, and so must PYTHONPATH, where "" stands for it.
    command = [sys.executable, "-P", "-c", f"from {__name__} import main; main()", str(path), str(limit)]
    folder = Path(__file__).parents[3]
    paths = [str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment)
    except subprocess.TimeoutExpired:
        raise ValueError(f"{path}: not loaded after {seconds:.0f} s; the file is damaged, fetch it again") from None
    if done.returncode:
        problem = (done.stderr.strip().splitlines() or [f"its loader died with status {done.returncode}"])[-1]
        raise ValueError(problem if str(path) in problem else f"{path}: {problem}; fetch the model again")
    remember(sha256)


def remember(sha256: str) -> None:
    """This file loads."""
    marker = _marker(sha256)
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError:
        pass  # a home that cannot be written costs a second a run, no more


def _marker(sha256: str) -> Path:
    from pipeline.books.code import code_version

    return cache_folder() / "models" / f"{sha256}-{code_version('pipeline.kernels.classifier.fasttext')[:8]}"


def main() -> None:
    """In the process of its own: load argv[1] within argv[2] bytes; an error is one line."""
    path, limit = sys.argv[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    from pipeline.kernels.classifier.fasttext import load_classifier

    try:
        load_classifier(path)
    except MemoryError:
        sys.exit(f"{path}: it asks for more than {limit >> 30} GiB; the file is damaged, fetch it again")
    except ValueError as error:
        sys.exit(str(error))
