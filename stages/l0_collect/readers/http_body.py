"""The body of an HTTP response as the server meant it: chunks joined, content encodings undone, within bounds.

Crawlers decode bodies and keep the headers, or the other way round, so the bytes decide and the headers are hints.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

from stages.l0_collect.readers.headers import Fields
from stages.l0_collect.readers.inflate import GZIP, ZSTD, Brotli, CorruptData, Inflater, Zlib, Zstd
from stages.l0_collect.readers.page_sniff import has_signature, is_binary, is_markup, is_text

MAXIMUM_BODY = 50 << 20
MAXIMUM_RATIO = 100
RATIO_FROM = 1 << 20
"""Bytes; below it a high ratio is a repetitive page, above it a bomb."""
MAXIMUM_LAYERS = 5
MAXIMUM_MEMBERS = 10_000
PIECE = 16 << 10
CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")
LINE_END = re.compile(rb"\r?\n")
LAST_CHUNK = re.compile(rb"\n0{1,8}\r?\n\r?\n\Z")
BY_MAGIC: dict[bytes, tuple[tuple[str, ...], Callable[[], Inflater]]] = {
    GZIP: (("gzip", "x-gzip"), Zlib),
    ZSTD: (("zstd", "x-zstd"), Zstd),
}
"""Encodings that the bytes show: the names that headers give them, and what reads them."""
BY_NAME: dict[str, tuple[Callable[[], Inflater], ...]] = {
    "deflate": (lambda: Zlib(15), lambda: Zlib(-15)),  # zlib's format is meant, but some servers send the bare stream
    "br": (Brotli,),
}
"""Encodings that only the header shows."""
UNNAMED: tuple[Callable[[], Inflater], ...] = (lambda: Zlib(15), Brotli)
"""What a body that no header explains is tried with; a bare deflate stream would prove nothing."""


def decoded(body: bytes, fields: Fields, is_whole: bool) -> bytes | None:
    """The body, None if it is too large. Raises ValueError if it is broken."""
    transfer = [name.strip() for name in fields.get("transfer-encoding", "").lower().split(",")]
    body = received = _joined_chunks(body, "chunked" in transfer, is_whole)
    content = [name.strip() for name in fields.get("content-encoding", "").lower().split(",")]
    told = [name for name in (*content, *transfer) if name not in ("", "identity", "chunked")]
    outermost = told[-1] if told else ""
    for _ in range(MAXIMUM_LAYERS):
        limit = min(MAXIMUM_BODY, max(RATIO_FROM, MAXIMUM_RATIO * len(body)))
        found = _one_layer_less(body, told, limit, is_whole)
        if found is None:
            if body is received and body and outermost and not is_text(body) and not has_signature(body):
                raise ValueError(f"the body is neither text nor in a known content encoding, but in '{outermost}'")
            return body
        if len(found) > limit:
            return None
        body = found
    raise ValueError(f"the body is compressed more than {MAXIMUM_LAYERS - 1} times")


def _one_layer_less(body: bytes, told: list[str], limit: int, is_whole: bool) -> bytes | None:
    """The body without its outermost encoding, whose name is taken from `told`; None if it has none."""
    for magic, (names, new) in BY_MAGIC.items():
        if body.startswith(magic):
            for name in names:
                if name in told:
                    told.remove(name)
            return _inflated(body, new, limit, is_whole)
    if not body or is_markup(body):
        return None
    while told:
        for new in BY_NAME.get(told.pop(), ()):
            if (found := _tried(body, new, limit, is_whole)) is not None:
                return found
    if is_binary(body):
        for new in UNNAMED:
            with suppress(ValueError):
                found = _inflated(body, new, limit, is_whole=True)
                if not is_binary(found):
                    return found
    return None


def _tried(body: bytes, new: Callable[[], Inflater], limit: int, is_whole: bool) -> bytes | None:
    """The body without this encoding; None if it is not in it. Raises ValueError if it ends too early."""
    if not is_whole and not is_binary(body):
        return None
    try:
        return _inflated(body, new, limit, is_whole)
    except CorruptData:
        return None
    except ValueError:
        if is_binary(body):
            raise
        return None


def _inflated(body: bytes, new: Callable[[], Inflater], limit: int, is_whole: bool) -> bytes:
    """All members of the body one after the other, or the first `limit` + 1 bytes or a little more.

    What follows the last member is left, as browsers do, but not where the encoding has no magic: any text begins
    like some bare deflate stream.
    """
    found, at = bytearray(), 0
    for _ in range(MAXIMUM_MEMBERS):
        inflater, begun = new(), at
        while at < len(body) and len(found) <= limit and not inflater.eof:
            piece = body[at : at + PIECE]
            found += inflater.decompress(piece, limit + 1 - len(found))
            at += len(piece) - len(inflater.unused_data) - len(inflater.unconsumed_tail)
        if len(found) > limit:
            return bytes(found)
        if not inflater.eof:
            if is_whole:
                raise ValueError("the compressed body ends too early")
            return bytes(found)
        if not body.startswith(tuple(BY_MAGIC), begun):
            if body[at:].strip(b"\0\r\n"):
                raise CorruptData("something follows the compressed body")
            return bytes(found)
        if not body.startswith(tuple(BY_MAGIC), at):
            return bytes(found)
    raise ValueError(f"the body has more than {MAXIMUM_MEMBERS} compressed members")


def _joined_chunks(body: bytes, is_told: bool, is_whole: bool) -> bytes:
    """The chunks joined; the body itself if it has none, whatever the header says."""
    chunks, at, is_ended = [], 0, False
    while not is_ended and (match := CHUNK_SIZE.match(body, at)):
        size = int(match[1], 16)
        end = match.end() + size
        is_ended = size == 0
        line_end = LINE_END.match(body, end)
        if not is_ended and not line_end and end < len(body):
            break  # nothing ends where the size says
        chunks.append(body[match.end() : end])
        at = line_end.end() if line_end else end
    if is_ended and len(chunks) > 1 and (is_told or at == len(body)):
        return b"".join(chunks)
    if not is_told or (not chunks and not LAST_CHUNK.search(body, max(0, len(body) - 40))):
        return body
    if is_whole and not is_ended:
        raise ValueError(f"the chunked body is broken at byte {min(at, len(body))} of {len(body)}")
    return b"".join(chunks)
