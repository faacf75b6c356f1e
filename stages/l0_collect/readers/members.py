"""What a compressed file holds, member by member: no byte of a member comes out before its checksum was right.

| codec | member    | checked by                                        |
|-------|-----------|---------------------------------------------------|
| gzip  | member    | CRC-32 and size                                   |
| zstd  | frame     | xxHash, if the writer set it; skippable: no bytes |
| xz    | stream    | CRC-32, CRC-64 or SHA-256                         |
| bzip2 | stream    | CRC-32                                            |
| lz4   | frame     | xxHash, if the writer set it; skippable: no bytes |

A damaged member costs itself alone: the next one is found by its first bytes. Of a member that is cut short by the end
of the file, what came out before the cut is given, and then the cut.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

HELD_BYTES = 32 << 20
"""Decoded bytes that wait in memory for their checksum; a larger member is decoded twice, first only to check it."""
PIECE = 4096
"""Compressed bytes decoded at once: a bomb makes of them 128 MB at most (zstd, one block of 128 KiB in four bytes)."""
BLOCK = 1 << 20
LARGEST_WINDOW = 1 << 31
"""What `zstd --long=31` needs, as public dumps of forums do; the library allows 128 MB unasked."""
MEMORY_OF_XZ = 1 << 30


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of the file that could not be read, in the place of what it held."""

    error: str
    unread_bytes: int


@dataclass(frozen=True, slots=True)
class Codec:
    """A way of compression: how its members begin, and what decodes one."""

    name: str
    begins: re.Pattern[bytes]
    decoder: Callable[[], Any]


def _zstd() -> Any:
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj()


def _lz4() -> Any:
    import lz4.frame  # type: ignore[import-untyped]

    return lz4.frame.LZ4FrameDecompressor()


CODECS = (
    Codec("gzip", re.compile(rb"\x1f\x8b\x08[\x00-\x1f]", re.DOTALL), lambda: zlib.decompressobj(wbits=31)),
    Codec("zstd", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL), _zstd),
    Codec("xz", re.compile(rb"\xfd7zXZ\x00"), lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY_OF_XZ)),
    Codec("bzip2", re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), bz2.BZ2Decompressor),
    Codec("lz4", re.compile(rb"\x04\x22\x4d\x18"), _lz4),
)
LONGEST_BEGINNING = 10


def codec_of(stream: BinaryIO) -> Codec | None:
    """How the file is compressed, by its first bytes; the stream stands at its beginning afterwards."""
    stream.seek(0)
    head = stream.read(LONGEST_BEGINNING)
    stream.seek(0)
    found = next((codec for codec in CODECS if codec.begins.match(head)), None)
    if found is not None and found.name == "zstd" and not head.startswith(b"\x28\xb5\x2f\xfd"):
        return _behind_skippable(stream)
    return found


def _behind_skippable(stream: BinaryIO) -> Codec | None:
    """Skippable frames are the same in zstd and lz4: the first other frame decides. Without one it is zstd."""
    at = 0
    while True:
        stream.seek(at)
        head = stream.read(8)
        if not (len(head) == 8 and head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
            break
        at += 8 + int.from_bytes(head[4:], "little")
    stream.seek(0)
    by_name = {codec.name: codec for codec in CODECS}
    return by_name["lz4" if head.startswith(b"\x04\x22\x4d\x18") else "zstd"]


def head_of(stream: BinaryIO, codec: Codec, size: int) -> bytes:
    """About the first `size` decoded bytes, unchecked: enough to see what the file is."""
    found = b""
    start = 0
    while len(found) < size:
        end = None
        for end in _decode(stream, codec, start, size - len(found)):
            if isinstance(end, bytes):
                found += end
        if not isinstance(end, _End) or end.error or end.at <= start:
            break
        start = end.at
    return found[:size]


def pieces(stream: BinaryIO, codec: Codec) -> Iterator[bytes | Damage]:
    """All decoded bytes in order, and the damage between them. Faults of disk and network rise."""
    size = stream.seek(0, 2)
    start = _skip_zeros(stream, 0)
    while start < size:
        held, end = _hold(stream, codec, start)
        following = size if end.state == "whole" else _next_member(stream, codec, start + 1, size)
        # A damaged length may swallow all that follows: a member that others begin in is not cut by the file's end.
        if end.state == "bad" or following < size:
            error = end.error or f"a member of the {codec.name} data has no end"
            yield Damage(f"{error}; nothing of byte {start} to {following} can be trusted", following - start)
            start = following
            continue
        if held is None:  # too much to be held, and right: decode it again
            for piece in _decode(stream, codec, start):
                if isinstance(piece, bytes):
                    yield piece
        else:
            yield from held
        if end.state == "cut":
            yield Damage(f"the {codec.name} data ends too early; what follows is lost", size - end.at)
            return
        start = _skip_zeros(stream, end.at)


@dataclass(frozen=True, slots=True)
class _End:
    """How a member ended, and where in the file; of a cut one, where its last piece begins."""

    state: Literal["whole", "cut", "bad"]
    at: int
    error: str = ""


def _hold(stream: BinaryIO, codec: Codec, start: int) -> tuple[list[bytes] | None, _End]:
    """The member's bytes, None if they are too many, and how it ends."""
    held: list[bytes] | None = []
    total = 0
    for piece in _decode(stream, codec, start):
        if isinstance(piece, _End):
            return held, piece
        total += len(piece)
        if held is not None:
            held.append(piece)
        if total > HELD_BYTES:
            held = None
    raise AssertionError("a member ends")


def _decode(stream: BinaryIO, codec: Codec, start: int, enough: int | None = None) -> Iterator[bytes | _End]:
    """The decoded pieces of the member that begins at `start`, and last how it ends. `enough`: stop after so many."""
    decoder = codec.decoder()
    stream.seek(start)
    at, given, gathered = start, 0, bytearray()
    while block := stream.read(BLOCK):
        for first in range(0, len(block), PIECE):
            piece = block[first : first + PIECE]
            try:
                gathered += decoder.decompress(piece)
            except MemoryError:
                raise
            # Each library has an error of its own; lz4 raises plain RuntimeError.
            except Exception as error:
                if gathered:
                    yield bytes(gathered)
                yield _End("bad", at, f"the {codec.name} data is damaged ({' '.join(str(error).split())})")
                return
            at += len(piece)
            if len(gathered) >= BLOCK or decoder.eof:
                given += len(gathered)
                if gathered:
                    yield bytes(gathered)
                gathered.clear()
            if decoder.eof:
                yield _End("whole", at - len(decoder.unused_data or b""))  # lz4 has None for nothing
                return
            if enough is not None and given + len(gathered) >= enough:
                yield bytes(gathered)
                yield _End("cut", at)
                return
    if gathered:
        yield bytes(gathered)
    yield _End("cut", max(start, at - PIECE))


def _next_member(stream: BinaryIO, codec: Codec, at: int, size: int) -> int:
    """Where the next member begins that can be decoded, at least up to the end of the file; else its size."""
    overlap = LONGEST_BEGINNING - 1
    while at < size:
        stream.seek(at)
        block = stream.read(BLOCK + overlap)
        for match in codec.begins.finditer(block):
            if match.start() >= BLOCK:
                break
            # The bytes may stand there by chance; then decoding them fails at once.
            end = _End("bad", 0)
            came = False
            for piece in _decode(stream, codec, at + match.start()):
                if isinstance(piece, _End):
                    end = piece
                else:
                    came = True
            if end.state == "whole" or (end.state == "cut" and came):
                return at + match.start()
        at += BLOCK
    return size


def _skip_zeros(stream: BinaryIO, at: int) -> int:
    """Zeros between and behind members are padding: tapes and block devices add them, and all tools ignore them."""
    stream.seek(at)
    while block := stream.read(BLOCK):
        rest = block.lstrip(b"\0")
        if rest:
            return at + len(block) - len(rest)
        at += len(block)
    return at
