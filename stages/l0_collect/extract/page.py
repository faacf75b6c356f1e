"""The main text of one page, worked out in a process that can be killed.

Run as a file this is that process. It reads requests from standard input, each two blocks (a JSON header and the page),
and answers each with one JSON block; a block is its length in four bytes, then its bytes. JSON and not pickle, since
a page that takes over the process must not get any further.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import struct
import sys
from typing import Any, BinaryIO

MAXIMUM_TITLE = 500
MAXIMUM_MEMORY = 4 << 30
"""Bytes of address space; the worst page within the default bounds took 0.2 GB."""


def extract(page: bytes, content_type: str, maximum_elements: int, maximum_depth: int) -> dict[str, Any]:
    """{text, title, elements, depth}; text and title are empty if the page breaks a bound or has none.

    With `undecodable` if no encoding makes text of it.
    """
    import trafilatura

    from stages.l0_collect.extract.decode import Undecodable, decode
    from stages.l0_collect.extract.tree import parse

    try:
        tree = parse(decode(page, content_type))
    except Undecodable:
        return {"text": "", "title": "", "elements": 0, "depth": 0, "undecodable": True}
    elements, depth = _size(tree)
    found = {"text": "", "title": "", "elements": elements, "depth": depth}
    if elements <= maximum_elements and depth <= maximum_depth:
        title = " ".join((tree.findtext(".//title") or "").split())
        # `deduplicate` stays off: it compares with the pages before, so the output would depend on their order.
        text = trafilatura.extract(tree, favor_precision=True, include_comments=False, deduplicate=False)
        found |= {"text": text or "", "title": title[:MAXIMUM_TITLE]}
    return found


def _size(tree: Any) -> tuple[int, int]:
    """(elements, depth)"""
    from lxml import etree  # type: ignore[import-untyped]

    elements = depth = deepest = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        if event == "start":
            elements += 1
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return elements, deepest


def write_block(stream: BinaryIO, data: bytes) -> None:
    stream.write(struct.pack("<I", len(data)))
    stream.write(data)


def read_block(stream: BinaryIO) -> bytes | None:
    """The next block; None at the end of the stream, also where it ends early."""
    size = stream.read(4)
    if len(size) < 4:
        return None
    (length,) = struct.unpack("<I", size)
    data = stream.read(length)
    return data if len(data) == length else None


def main() -> None:
    """Answer requests until standard input ends."""
    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (MAXIMUM_MEMORY, MAXIMUM_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get among the replies
    while (header := read_block(requests)) is not None and (page := read_block(requests)) is not None:
        asked = json.loads(header)
        # Not handled in Python: the kernel ends the process, also in the middle of C code. It counts the processor's
        # time and not the clock's, so that a busy machine does not decide what is kept.
        signal.setitimer(signal.ITIMER_PROF, asked["seconds"])
        try:
            reply = extract(page, asked["content_type"], asked["maximum_elements"], asked["maximum_depth"])
        except ImportError as error:  # no page's fault
            reply = {"missing": str(error)}
        except Exception as error:  # any page may hit a defect of a library; the others go on
            reply = {"error": f"{type(error).__name__}: {error}"[:500]}
        signal.setitimer(signal.ITIMER_PROF, 0)
        write_block(replies, json.dumps(reply).encode())
        replies.flush()


if __name__ == "__main__":
    main()
