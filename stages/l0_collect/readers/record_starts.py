"""Where a WARC or ARC record begins, also among bytes that are damaged."""

from __future__ import annotations

import re

from stages.l0_collect.readers.headers import MAXIMUM_HEAD, WARC_VERSION, arc_fields

ENOUGH = 4 << 10
"""Bytes that tell whether a record begins here: the line that begins an ARC record holds its URL."""
WARC_START = re.compile(rb"WARC/\d\.\d{1,2}[ \t]{0,8}\r?\n(?=[A-Za-z-]{4,40}:)")
WARC_NAME = re.compile(rb"\n(?:WARC-[A-Z]|Content-)", re.IGNORECASE)
ARC_REST = re.compile(rb" [0-9a-fA-F.:]{2,45} \d{12,18} [^\r\n ]{1,100} (?:[^\r\n]{1,200} )?-?\w{1,12}\r?\n")
"""The end of the line that begins an ARC record: IP, date, type, length."""
ARC_URL = re.compile(rb"(?:https?|ftp|filedesc)://|(?:dns|whois|mailto):", re.IGNORECASE)
ARC_PARTS = tuple(
    re.compile(part, re.IGNORECASE)
    for part in (rb"^[a-z]{2,10}:", rb"\d{1,3}(?:\.\d{1,3}){3}", rb"\d{14}", rb" \d{1,12}\r?$")
)
ARC_BEGINNING = re.compile(rb"[a-z]{1,10}(?::|$)", re.IGNORECASE)


def starts_record(data: bytes) -> bool:
    """Whether a record begins with these bytes, of which `ENOUGH` are enough."""
    if WARC_VERSION.match(data):
        return True
    line, end, _ = data[:MAXIMUM_HEAD].partition(b"\n")
    return bool(end) and arc_fields(line) is not None


def next_record(data: bytes | bytearray, start: int = 0) -> int:
    """Where the first record from byte `start` on begins that looks whole; -1 if there is none."""
    warc = WARC_START.search(data, start)
    end = warc.start() if warc else len(data)
    for rest in ARC_REST.finditer(data, start, end):
        line = max(start, data.rfind(b"\n", start, rest.start()) + 1)
        url = ARC_URL.search(data, line, rest.start())
        if url:
            return url.start()
    return end if warc else -1


def looks_like_damaged_record(data: bytes, separator: bytes) -> bool:
    """Whether a record with one wrong byte in its first line, or one that is cut there, may begin here.

    It stands behind the separator of its format. That of WARC, a line end of two bytes twice, is proof enough: no
    other place of a page is likely to have it.
    """
    if separator == b"\r\n\r\n":
        return True
    if separator == b"\n\n":
        return WARC_NAME.search(data, 0, 1024) is not None or b"WARC/".startswith(data)
    line, end, _ = data.partition(b"\n")
    if not end:
        return ARC_BEGINNING.match(line) is not None
    return sum(part.search(line) is not None for part in ARC_PARTS) >= len(ARC_PARTS) - 1
