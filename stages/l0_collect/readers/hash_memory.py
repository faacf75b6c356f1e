"""Hashes of large local inputs, remembered from run to run: planning a terabyte again would read it all for its names.

A file is known again by device, inode, size, time of change of its content and of its entry (ctime), which no program
can set. One small file each in the user's cache; where that cannot be written, hashes are made anew each time.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path

from pipeline.rows.document import content_hash
from pipeline.store.cache import cache_folder
from pipeline.store.shard import file_sha256

REMEMBERED_FROM = 16 << 20
"""Bytes; a smaller file is hashed in less time than it takes to be worth an entry."""
SETTLED_SECONDS = 2
"""A file that changed so shortly before may change again within one tick of the disk's clock, unseen."""
SHA256 = re.compile(r"[0-9a-f]{64}")


def remembered_sha256(path: str, state: str) -> str:
    """The file's sha256, from memory if it is known there in this state."""
    entry = _entry(path, state)
    known = _read(entry) if entry else None
    if known is not None:
        return known
    sha256 = file_sha256(Path(path))
    remember(path, state, sha256)
    return sha256


def remember(path: str, state: str, sha256: str) -> None:
    """What the file was in this state, if it is large and still is in it."""
    entry = _entry(path, state)
    if entry and state_of(path) == state:
        _write(entry, sha256)


def unhashed_bytes(path: str) -> int:
    """Of a large local file whose hash is not known; 0 for what is small, known, elsewhere or not there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return 0
    if found.st_size < REMEMBERED_FROM or not stat.S_ISREG(found.st_mode):
        return 0
    entry = _entry(path, state_of(path))
    return 0 if entry and _read(entry) else found.st_size


def state_of(path: str) -> str:
    """What another content under this path would not have; the time of change (ctime) cannot be set."""
    found = os.stat(path)
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def _entry(path: str, state: str) -> Path | None:
    """Where the hash is kept; None for a file that is small, or changed just now."""
    found = os.stat(path)
    settled = time.time() - max(found.st_mtime, found.st_ctime) > SETTLED_SECONDS
    if found.st_size < REMEMBERED_FROM or not settled:
        return None
    return cache_folder() / "inputs" / content_hash("sha256", str(found.st_dev), state)


def _read(entry: Path) -> str | None:
    try:
        known = entry.read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    return known if SHA256.fullmatch(known) else None


def _write(entry: Path, sha256: str) -> None:
    temporary = entry.with_name(f"{entry.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        entry.parent.mkdir(exist_ok=True)
        temporary.write_text(sha256, encoding="ascii")
        os.replace(temporary, entry)
    except OSError:  # not writable, or full: the next run hashes again
        with suppress(OSError):
            temporary.unlink()
