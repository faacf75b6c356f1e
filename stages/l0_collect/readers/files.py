"""Input files, wherever they lie: a local path, `hf://datasets/…`, `s3://…` or `gs://…`."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from pipeline.rows.document import content_hash
from pipeline.steps import Fault, Unit
from pipeline.store.shard import file_sha256
from stages.l0_collect.readers import hash_memory

REMOTE = re.compile(r"^(hf|s3|gs)://")


def open_input(path: str) -> BinaryIO:
    """The file as a seekable stream of bytes."""
    if REMOTE.match(path):
        return io.BufferedReader(file_system(path).open(path, "rb"))  # fsspec's own files differ in what they offer
    return open(path, "rb")


def remote_identity(path: str) -> str:
    """What the server says identifies the content: sha256 or git blob on Hugging Face, the ETag in a bucket."""
    files = file_system(path)
    if path.startswith("hf://"):
        info = files.info(path, refresh=True)
        lfs = info.get("lfs")
        return str(lfs["sha256"] if lfs else info["blob_id"])
    told = files.info(path)
    tag = told["e_tag"].strip('"') if path.startswith("gs://") else told["e_tag"]  # Google's server quotes at times
    return content_hash(tag, str(told["size"]))


class InputChanged(Fault):
    """An input file is not the one that the run was planned with."""


@contextmanager
def open_unit(unit: Unit) -> Iterator[BinaryIO]:
    """The file of a unit; InputChanged if it is not what the plan hashed, or no longer when it has been read."""
    _compare(unit, "since the run was planned")
    with open_input(unit.path) as stream:
        yield stream
    _compare(unit, "while it was read")


def _compare(unit: Unit, when: str) -> None:
    """Where the state differs, as it does for a copy on another machine's disk, the hash decides."""
    if unit.state and (now := state_of(unit.path)) != unit.state and _identity(unit.path, now) != unit.sha256:
        raise InputChanged(
            f"input {unit.path} changed {when}; run the same command again, which plans with what is there now"
        )


def identify(path: str) -> tuple[str, str]:
    """(what names the content, state): sha256 of a local file; for a remote one what its server says identifies it."""
    state = state_of(path)
    while True:
        found = state if REMOTE.match(path) else hash_memory.remembered_sha256(path, state)
        after = state_of(path)
        if after == state:
            return found, state
        state = after  # somebody wrote to it meanwhile


def state_of(path: str) -> str:
    """What another content under this path would not have; the time of change (ctime) cannot be set."""
    if REMOTE.match(path):
        return remote_identity(path)
    return hash_memory.state_of(path)


def _identity(path: str, state: str) -> str:
    return state if REMOTE.match(path) else file_sha256(Path(path))


def raise_unless_damaged(error: Exception) -> None:
    """Let faults of disk and network rise, so that they are retried; what is wrong with the file itself is not.

    pyarrow reports damaged data as plain OSError without a number.
    """
    damaged = type(error) is OSError and error.errno is None
    if not (damaged or isinstance(error, pa.ArrowException)):
        raise error


def file_system(path: str) -> Any:
    """The fsspec file system of the URL; all of them read byte ranges, so nothing is downloaded whole."""
    if path.startswith("hf://"):
        from huggingface_hub import HfFileSystem

        return HfFileSystem()
    from stages.l0_collect.readers.buckets import bucket_files

    return bucket_files(path.partition("://")[0])
