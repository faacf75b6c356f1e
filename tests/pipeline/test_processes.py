"""The side of a process that may be killed: blocks in, blocks out, and an end where there is no more to answer."""

import io
import json
import resource
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.processes import LARGEST_BLOCK, MAXIMUM_MEMORY, read_block, write_block

ANSWERS = """
import resource, sys
from pipeline.processes import serve

def ready():
    if "unready" in sys.argv:
        raise ImportError("no such library")

def answer(data, asked):
    print("must not get among the replies")
    if data == b"limits":
        return {"limits": [resource.getrlimit(name)[0] for name in (resource.RLIMIT_AS, resource.RLIMIT_CORE)]}
    if data == b"error":
        raise ValueError("x" * 1000)
    if data == b"missing":
        raise ImportError("no such library")
    while data == b"endless":
        pass
    return {"data": data.decode(), "seconds": asked["seconds"]}

serve(answer, ready)
"""


def ask(*requests: bytes, seconds: float = 30, options: tuple[str, ...] = ()) -> tuple[list[Any], int]:
    """Its replies, the first of which says that it is ready, and how it ended."""
    stream = io.BytesIO()
    for data in requests:
        write_block(stream, json.dumps({"seconds": seconds}).encode())
        write_block(stream, data)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS, *options], cwd=root, input=stream.getvalue(), capture_output=True, timeout=60
    )
    replies = io.BytesIO(done.stdout)
    return [json.loads(block) for block in iter(lambda: read_block(replies), None)], done.returncode


def test_blocks_come_as_they_went_and_a_cut_one_is_the_end():
    stream = io.BytesIO()
    for data in (b"", b"abc"):
        write_block(stream, data)
    stream.seek(0)
    assert [read_block(stream), read_block(stream), read_block(stream)] == [b"", b"abc", None]
    for cut in (b"\x03\0\0", b"\x03\0\0\0ab", struct.pack("<I", LARGEST_BLOCK + 1) + b"a"):
        assert read_block(io.BytesIO(cut)) is None


def test_each_request_is_answered_until_there_are_no_more():
    replies, ended = ask(b"one", b"two", seconds=7)
    assert replies == [{}, {"data": "one", "seconds": 7}, {"data": "two", "seconds": 7}]
    assert ended == 0


def test_an_error_is_the_requests_own_and_a_missing_library_is_told_apart():
    replies, ended = ask(b"error", b"missing", b"one")
    assert replies[1] == {"error": f"ValueError: {'x' * 1000}"[:500]}
    assert replies[2] == {"missing": "no such library"}
    assert replies[3]["data"] == "one"
    assert ended == 0
    assert ask(options=("unready",)) == ([{"missing": "no such library"}], 0)


def test_memory_is_bounded_and_what_takes_too_long_ends_the_process():
    replies, ended = ask(b"limits", b"endless", b"one", seconds=0.2)
    assert replies == [{}, {"limits": [MAXIMUM_MEMORY, 0]}]
    assert ended == -signal.SIGPROF
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != MAXIMUM_MEMORY, "this process keeps its own"
