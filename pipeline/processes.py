"""How a process that may be killed is asked and answers: the side of the process itself; and how many may work at once.

Run as a file, such a process should start fast, so nothing but the standard library is imported here. It reads requests
from standard input, each two blocks (a JSON header and data), and answers each with one JSON block; a block is its
length in four bytes, then its bytes. A first block, before any request, says that it is ready. JSON and not pickle,
since what takes over the process must not get any further.
The other side is `pipeline/steps/asked_process.py`.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

MAXIMUM_MEMORY = 4 << 30
"""Bytes of address space; the worst page within the default bounds of `extract_html` took 0.2 GB."""
LARGEST_BLOCK = 1 << 30
"""What claims to be larger is none: memory is taken by the claim."""


def cores() -> int:
    """Those that this process may use, which in a container or under a scheduler are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def write_block(stream: BinaryIO, data: bytes) -> None:
    stream.write(struct.pack("<I", len(data)))
    stream.write(data)


def read_block(stream: BinaryIO) -> bytes | None:
    """The next block; None at the end of the stream, also where it ends early."""
    size = stream.read(4)
    if len(size) < 4:
        return None
    (length,) = struct.unpack("<I", size)
    data = stream.read(length) if length <= LARGEST_BLOCK else b""
    return data if len(data) == length else None


def serve(
    answer: Callable[[bytes, dict[str, Any]], dict[str, Any]], get_ready: Callable[[], object] = lambda: None
) -> None:
    """Answer requests until standard input ends. After `seconds` of processor time for one the process ends.

    `get_ready` loads what takes longer than a request may.
    """
    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (MAXIMUM_MEMORY, MAXIMUM_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get among the replies
    try:
        get_ready()
        ready = {}
    except ImportError as error:
        ready = {"missing": str(error)}
    _reply(replies, ready)
    while (header := read_block(requests)) is not None and (data := read_block(requests)) is not None:
        asked = json.loads(header)
        # Not handled in Python: the kernel ends the process, also in the middle of C code. It counts the processor's
        # time and not the clock's, so that a busy machine does not decide what is kept.
        signal.setitimer(signal.ITIMER_PROF, asked["seconds"])
        try:
            reply = answer(data, asked)
        except ImportError as error:  # no page's fault
            reply = {"missing": str(error)}
        except Exception as error:  # any page may hit a defect of a library; the others go on
            reply = {"error": f"{type(error).__name__}: {error}"[:500]}
        signal.setitimer(signal.ITIMER_PROF, 0)
        _reply(replies, reply)


def _reply(replies: BinaryIO, reply: dict[str, Any]) -> None:
    write_block(replies, json.dumps(reply).encode())
    replies.flush()
