"""Input files, wherever they lie: a local path, `hf://datasets/…` or `s3://…`."""

from __future__ import annotations

import glob
import io
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from pipeline.rows.document import content_hash

REMOTE = re.compile(r"^(hf|s3)://")
GLOB = re.compile(r"[*?\[]")


def expand(paths: Iterable[str]) -> list[str]:
    """The files that the paths name, sorted and each once, however it is spelled. A folder stands for its files."""
    found: dict[str, str] = {}
    for path in paths:
        files = _remote_files(path) if REMOTE.match(path) else _local_files(path)
        if not files:
            raise FileNotFoundError(f"input '{path}' matches no file; check the path, or quote a pattern in the shell")
        for file in sorted(files):
            found.setdefault(file if REMOTE.match(file) else os.path.abspath(file), file)
    return sorted(found.values())


def open_input(path: str) -> BinaryIO:
    """The file as a seekable stream of bytes."""
    if REMOTE.match(path):
        return io.BufferedReader(_file_system(path).open(path, "rb"))  # fsspec's own files differ in what they offer
    return open(path, "rb")


def remote_identity(path: str) -> str:
    """What the server says identifies the content: sha256 or git blob on Hugging Face, the ETag on S3."""
    files = _file_system(path)
    if path.startswith("hf://"):
        info = files.info(path)
        lfs = info.get("lfs")
        return str(lfs["sha256"] if lfs else info["blob_id"])
    with files.fs.open_input_stream(path.removeprefix("s3://")) as stream:
        told = stream.metadata()
    return content_hash(told["ETag"], told["Content-Length"])


def name_of(path: str) -> str:
    """The last part of the path: what positions in quarantine entries are named by."""
    return path.rstrip("/").rpartition("/")[2]


def raise_unless_damaged(error: Exception) -> None:
    """Let faults of disk and network rise, so that they are retried; what is wrong with the file itself is not.

    pyarrow reports damaged data as plain OSError without a number, and S3 faults too.
    """
    damaged = type(error) is OSError and error.errno is None and "AWS Error" not in str(error)
    if not (damaged or isinstance(error, pa.ArrowException)):
        raise error


def _local_files(path: str) -> list[str]:
    if Path(path).is_dir():
        path = f"{glob.escape(path)}/*"
    elif Path(path).is_file():  # before the pattern: a name may hold brackets
        return [path]
    return [name for name in glob.glob(path, recursive=True) if Path(name).is_file()] if GLOB.search(path) else []


def _remote_files(path: str) -> list[str]:
    files = _file_system(path)
    scheme = path[: path.index("://") + 3]
    if not GLOB.search(path):
        if files.isfile(path):
            return [path]
        path = f"{path.rstrip('/')}/*"
    return [scheme + str(name) for name in files.glob(path) if files.isfile(scheme + str(name))]


def _file_system(path: str) -> Any:
    """The fsspec file system of the URL; both kinds read byte ranges, so nothing is downloaded whole."""
    if path.startswith("hf://"):
        from huggingface_hub import HfFileSystem

        return HfFileSystem()
    from fsspec.implementations.arrow import ArrowFSWrapper  # type: ignore[import-untyped]
    from pyarrow.fs import S3FileSystem

    return ArrowFSWrapper(S3FileSystem())
