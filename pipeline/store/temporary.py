"""Names of temporary files: by them what killed processes have left is told from what others are still writing."""

from __future__ import annotations

import os
import re
import socket
import time
import uuid

NAME = re.compile(r"(.+)-(\d+)-[0-9a-f]{32}")
"""Machine, process, chance."""
ABANDONED_AFTER = 86_400
"""Seconds without a write."""


def temporary_name() -> str:
    """A fresh one, of this process."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}"


def is_abandoned(name: str, written: float) -> bool:
    """Whether a temporary file, last written at this Unix time, has no owner any more.

    Its process was one of this machine and is gone; or, since other machines share the store, nobody has written to it
    for a day. What has another name is not ours.
    """
    owner = NAME.fullmatch(name)
    return owner is not None and (is_dead_here(owner[1], int(owner[2])) or time.time() - written > ABANDONED_AFTER)


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
