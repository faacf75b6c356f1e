"""The headers of WARC and ARC records and of HTTP messages, by one parser.

Names are in lower case, since they mean the same in any; a line that begins with a blank goes on the line before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Fields = Mapping[str, str]

MAXIMUM_HEAD = 64 << 10
BLANK_LINE = re.compile(rb"\r?\n\r?\n")
WARC_VERSION = re.compile(rb"WARC/\d", re.IGNORECASE)
ARC_LINE = re.compile(
    rb"(?P<url>[a-z][a-z0-9+.-]{0,30}:.{0,16384}?) (?P<ip>\S{1,45}) (?P<date>\d{8,18}) (?P<rest>.*)", re.IGNORECASE
)
"""Version 1: URL, IP, date, type, length; version 2 has five more before the length. A URL may hold blanks."""
STATUS_LINE = re.compile(rb"\s{0,8}HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?!\d)", re.IGNORECASE)


def parse_fields(lines: bytes) -> dict[str, str]:
    """The fields by name; those that come more than once joined with a comma, as HTTP reads them."""
    try:
        text = lines.decode("utf-8")
    except UnicodeDecodeError:
        text = lines.decode("latin-1")
    found: dict[str, str] = {}
    name = ""
    for line in text.split("\n"):
        if line[:1] in (" ", "\t"):
            if name:
                found[name] = f"{found[name]} {line.strip()}".strip()
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower() if colon else ""
        if name:
            value = value.strip()
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def warc_fields(head: bytes) -> dict[str, str]:
    """The fields of a WARC record, without its version line."""
    fields = parse_fields(head.partition(b"\n")[2])
    if "warc-target-uri" in fields:  # wget and others took the standard's <uri> for a part of the value
        fields["warc-target-uri"] = fields["warc-target-uri"].removeprefix("<").removesuffix(">")
    return fields


def arc_fields(line: bytes) -> dict[str, str] | None:
    """The line that begins an ARC record, with the names of WARC; None if it is none."""
    match = ARC_LINE.match(line.rstrip(b"\r\n"))
    if match is None:
        return None
    url, date, rest = (match[name].decode("utf-8", "replace") for name in ("url", "date", "rest"))
    media_type, _, length = rest.rpartition(" ")
    is_page = url[:5].lower() in ("http:", "https")
    return {
        "warc-type": "warcinfo" if url.lower().startswith("filedesc:") else "response",
        "warc-target-uri": url,
        "warc-date": f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[8:10]}:{date[10:12]}:{date[12:14]}Z"
        if len(date) >= 14
        else date,
        "content-type": "application/http; msgtype=response" if is_page else media_type.partition(" ")[0],
        "content-length": length,
    }


def split_http(message: bytes) -> tuple[int, Fields, bytes]:
    """(status, fields, body) of a response. Raises ValueError if it has no status line."""
    status = STATUS_LINE.match(message)
    if status is None:
        raise ValueError(f"no HTTP status line stands where the response begins, but {message[:20]!r}")
    blank = BLANK_LINE.search(message, status.end(), MAXIMUM_HEAD)
    head, body = (message[: blank.start()], message[blank.end() :]) if blank else (message[:MAXIMUM_HEAD], b"")
    if status[1].startswith(b"1") and STATUS_LINE.match(body):  # 100 Continue, 103 Early Hints: not yet the answer
        return split_http(body)
    return int(status[1]), parse_fields(head[status.end() :].partition(b"\n")[2]), body
