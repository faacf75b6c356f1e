"""A WARC file as members: gzip members, Zstandard frames, or the whole of a plain file.

One member's damage is not the next one's: reading goes on at the next member that begins with a record. A member's
checksum stands at its end, so each is decoded to there before any of its bytes come out: what comes of a damaged one
is known to be unsound.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any, BinaryIO, Protocol

from stages.l0_collect.readers.headers import WARC_VERSION
from stages.l0_collect.readers.inflate import GZIP, ZSTD, CorruptData, Inflater, Zlib, Zstd, zstd_dictionary
from stages.l0_collect.readers.record_starts import ENOUGH, next_record, starts_record

PIECE = 64 << 10
HELD_BYTES = 4 << 20
"""Of a member, while its checksum is waited for; a larger one is decoded twice, first only to check it."""
SCAN = 1 << 20
SEARCHED_FOR_FORMAT = 16 << 20
MAXIMUM_DICTIONARY = 64 << 20
GZIP_HEADER = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")
ZSTD_SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
ZSTD_FRAME = re.compile(re.escape(ZSTD) + b"|" + ZSTD_SKIPPED.pattern)
ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"
"""The frame to be skipped that holds the file's dictionary (Zstandard Compression for WARC Files 1.0, IIPC)."""
DICTIONARY = b"\x37\xa4\x30\xec"
"""How the dictionary itself begins, unless it is compressed."""


class DamagedMember(Exception):
    """This member cannot be read to its end."""


class CutMember(DamagedMember):
    """The file ends inside this member; what came before is as it was written."""


class Members(Protocol):
    """The bytes of one member after the other."""

    member: int
    """Where the current member begins in the file."""
    size: int
    """Of the file."""
    is_sound: bool
    """False once a piece was given of a member whose checksum is wrong or which breaks off inside the file."""

    def position(self, inner: int) -> str:
        """The place of the member's byte `inner` as quarantine entries name it."""

    def next_member(self) -> bool:
        """Go to the next member; False at the end of the file."""

    def starts_record(self) -> bool:
        """Whether the member just come to begins with a record, as `seek_record` sees it."""

    def piece(self) -> bytes:
        """More bytes of this member; empty once it has ended and is whole. Raises DamagedMember."""

    def read_to(self) -> int:
        """How far into the file this member has been read."""

    def seek_record(self, start: int, stop: int | None) -> bool:
        """Go to the first member from byte `start` on, before `stop`, that begins with a record; False if none does."""


def open_members(stream: BinaryIO) -> Members:
    found = compression(stream)
    return Compressed(stream, found) if found else Plain(stream)


def compression(stream: BinaryIO) -> str:
    """`gzip`, `zstd`, or nothing: by the first bytes or, if these are damaged, by the first record that is found."""
    stream.seek(0)
    head = stream.read(PIECE)
    if head.startswith(GZIP):
        return "gzip"
    if ZSTD_FRAME.match(head) or head.startswith(DICTIONARY, 8):
        return "zstd"
    if starts_record(head):
        return ""
    head += stream.read(SEARCHED_FOR_FORMAT)
    plain = next_record(head)
    first, found = len(head) if plain < 0 else plain, ""
    for name, (header, new) in FORMATS.items():
        for match in header.finditer(head, 0, first):
            if _unpacks_to_record(new(None), head[match.start() : match.start() + PIECE]):
                first, found = match.start(), name
                break
    return found


class Plain:
    """A file without compression, as one member."""

    member = 0
    is_sound = True

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = stream.seek(0, 2)
        stream.seek(0)
        self._begun = False

    def position(self, inner: int) -> str:
        return str(inner)

    def next_member(self) -> bool:
        begun, self._begun = self._begun, True
        return not begun

    def starts_record(self) -> bool:
        return True

    def piece(self) -> bytes:
        return self._stream.read(PIECE)

    def read_to(self) -> int:
        return self._stream.tell()

    def jump(self, offset: int) -> None:
        """Go on reading at this byte."""
        self._stream.seek(offset)

    def seek_record(self, start: int, stop: int | None) -> bool:
        return False


class Compressed:
    """A file of gzip members or Zstandard frames."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self.size = stream.seek(0, 2)
        self._name = name
        self._header, self._new = FORMATS[name]
        self._dictionary = _dictionary(stream) if name == "zstd" else None
        self._restart(0)

    def _restart(self, offset: int) -> None:
        self._stream.seek(offset)
        self._offset = offset
        self._input = b""
        self._inflater: Inflater | None = None
        self._held: deque[bytes] = deque()
        self._problem: DamagedMember | None = None
        self._is_checked = self.is_sound = True
        self.member = offset

    def position(self, inner: int) -> str:
        return f"{self.member}+{inner}" if inner else str(self.member)

    def next_member(self) -> bool:
        """Zeros between members are padding, frames to be skipped hold no records."""
        while True:
            while not (self._input or self._read()) or not self._input.strip(b"\0"):
                if not self._input:
                    return False
                self._input = b""
            self._input = self._input.lstrip(b"\0")
            if len(self._input) < 8:
                self._input += self._more()
            self.member = self._offset - len(self._input)
            if self._name != "zstd" or not ZSTD_SKIPPED.match(self._input):
                self._begin()
                return True
            end = self.member + 8 + int.from_bytes(self._input[4:8], "little")
            if len(self._input) < 8 or end > self.size:
                raise CutMember("the file ends inside a zstd member")
            self._restart(end)

    def _begin(self) -> None:
        self._inflater = self._new(self._dictionary)
        self._is_checked, self.is_sound, self._problem = False, True, None
        self._held.clear()

    def starts_record(self) -> bool:
        at = self._stream.tell()
        self._stream.seek(self.member)
        head = self._stream.read(PIECE)
        self._stream.seek(at)
        return _unpacks_to_record(self._new(self._dictionary), head)

    def piece(self) -> bytes:
        if not self._is_checked:
            self._check()
        if self._held:
            return self._held.popleft()
        if self._problem is not None:
            raise self._problem
        return self._decoded()

    def _check(self) -> None:
        """Decode the member to its end. What it holds is kept for `piece`, or decoded there again if it is too much."""
        self._is_checked, size = True, 0
        try:
            while piece := self._decoded():
                size += len(piece)
                if size <= HELD_BYTES:
                    self._held.append(piece)
        except DamagedMember as problem:
            self._problem, self.is_sound = problem, isinstance(problem, CutMember)
        if size > HELD_BYTES:
            is_sound = self.is_sound
            self._restart(self.member)
            self._inflater, self.is_sound = self._new(self._dictionary), is_sound

    def _decoded(self) -> bytes:
        while self._inflater is not None:
            if not (self._input or self._read()):
                raise CutMember(f"the file ends inside a {self._name} member")
            try:
                found = self._inflater.decompress(self._input, PIECE)
            except CorruptData as error:
                raise DamagedMember(f"the {self._name} member is damaged: {error}") from None
            self._input = self._inflater.unconsumed_tail
            if self._inflater.eof:
                self._input = self._inflater.unused_data
                self._inflater = None
            if found:
                return found
        return b""

    def read_to(self) -> int:
        return self._offset - len(self._input)

    def seek_record(self, start: int, stop: int | None) -> bool:
        self._stream.seek(start)
        window, offset = b"", start
        while True:
            block = self._stream.read(SCAN)
            window += block
            # What is too near the window's end is looked at again with more bytes behind it.
            searched = max(0, len(window) - PIECE) if block else len(window)
            for match in self._header.finditer(window[: searched + 3]):
                found = match.start()
                if stop is not None and offset + found >= stop:
                    return False
                unpacked = window[found : found + PIECE]
                if found < searched and _unpacks_to_record(self._new(self._dictionary), unpacked):
                    self._restart(offset + found)
                    return True
            if not block or (stop is not None and offset >= stop):
                return False
            window, offset = window[searched:], offset + searched

    def _more(self) -> bytes:
        found = self._stream.read(PIECE)
        self._offset += len(found)
        return found

    def _read(self) -> bytes:
        self._input = self._more()
        return self._input


FORMATS: dict[str, tuple[re.Pattern[bytes], Any]] = {
    "gzip": (GZIP_HEADER, lambda dictionary: Zlib()),
    "zstd": (re.compile(re.escape(ZSTD)), Zstd),
}
"""How a member begins, and what reads it."""


def _unpacks_to_record(inflater: Inflater, data: bytes) -> bool:
    head = b""
    try:
        while not inflater.eof and data and len(head) < ENOUGH and not WARC_VERSION.match(head):
            head += inflater.decompress(data, len(head) or 16)
            data = inflater.unconsumed_tail
    except CorruptData:
        return WARC_VERSION.match(head) is not None  # the damage behind is its own member's
    return starts_record(head)


def _dictionary(stream: BinaryIO) -> Any:
    """What the file's first frame holds for the others; None if it has no such frame or that is damaged."""
    stream.seek(0)
    head = stream.read(8)
    frame = stream.read(min(int.from_bytes(head[4:], "little"), MAXIMUM_DICTIONARY))
    if not (head.startswith(ZSTD_DICTIONARY) or frame.startswith(DICTIONARY)):
        return None
    try:
        return zstd_dictionary(frame)
    except CorruptData:
        return None  # the frames that need it say that it is missing
