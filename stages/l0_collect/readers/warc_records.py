"""Cut a WARC file into its records, and go on behind damage.

Libraries stop at the first damaged byte or, worse, end as if the file ended there. Here each stretch that cannot be
read comes out as one `Damage`, and reading goes on at the next record: the next gzip member that starts with "WARC/",
or, in plain text, the next line that does.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAGIC = b"WARC/"
MAXIMUM_HEAD = 64 << 10
PIECE = 64 << 10
SCAN = 1 << 20
GZIP_HEADER = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")
BLANK_LINE = re.compile(rb"\r?\n\r?\n")
CONTENT_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r?\n", re.IGNORECASE)
NEXT_RECORD = re.compile(rb"\nWARC/1\.")


@dataclass(frozen=True, slots=True)
class Record:
    position: str
    """Byte offset in the file; in gzip that of the member, and the offset inside it unless that is 0: `123+45`."""
    head: bytes
    """The WARC header with the blank line that ends it."""
    block: bytes | None
    """What follows the header; None if it is longer than the limit."""


@dataclass(frozen=True, slots=True)
class Damage:
    position: str
    error: str
    unread_bytes: int
    """From here to the next record: of the file, or of the member's content if only that is broken."""


class _BrokenRecord(Exception):
    """What stands here is no whole record, though its bytes could be read."""


def is_gzip(stream: BinaryIO) -> bool:
    stream.seek(0)
    return stream.read(2) == b"\x1f\x8b"


def records(stream: BinaryIO, limit: int, start: int = 0, stop: int | None = None) -> Iterator[Record | Damage]:
    """The records whose gzip member begins at or after byte `start` and before `stop`.

    Neighbouring ranges of one file share nothing and lose nothing: a member belongs to the range that it begins in,
    one that does not begin with a record to the range of the member before it.
    """
    reader = _Reader(_Gzip(stream) if is_gzip(stream) else _Plain(stream), limit)
    if start and not reader.source.seek_record(start, stop):
        return
    while True:
        try:
            if not reader.find_start(stop):
                return
            found: Record | Damage = reader.record()
        except _BrokenRecord as error:
            found = Damage(reader.position, str(error), reader.skip_to_next_record())
        except (zlib.error, EOFError) as error:
            begun, position = reader.source.member, reader.position
            reader.forget()
            goes_on = reader.source.seek_record(begun + 1, stop)
            size = stream.seek(0, 2) if not goes_on else 0
            end = reader.source.member if goes_on else min(size, stop or size)
            found = Damage(position, str(error), max(0, end - begun))
            if not goes_on:
                yield found
                return
        yield found


class _Plain:
    """A file without compression, as one member."""

    member = 0

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
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

    def seek_record(self, start: int, stop: int | None) -> bool:
        return False


class _Gzip:
    """A gzip file member by member, so that one member's damage is not the next one's."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._restart(0)

    def _restart(self, offset: int) -> None:
        self._stream.seek(offset)
        self._offset = offset
        self._input = b""
        self._inflate: zlib._Decompress | None = None
        self.member = offset

    def position(self, inner: int) -> str:
        return f"{self.member}+{inner}" if inner else str(self.member)

    def next_member(self) -> bool:
        """Go to the next member; False at the end of the file. Zeros between members are padding."""
        while not (self._input or self._read()) or not self._input.strip(b"\0"):
            if not self._input:
                return False
            self._input = b""
        self._input = self._input.lstrip(b"\0")
        self.member = self._offset - len(self._input)
        self._inflate = zlib.decompressobj(wbits=31)
        return True

    def starts_record(self) -> bool:
        """Whether the member just come to begins with a record, as `seek_record` sees it."""
        more = self._stream.read(PIECE)
        self._input, self._offset = self._input + more, self._offset + len(more)
        return _starts_with_record(self._input[:PIECE])

    def piece(self) -> bytes:
        """More bytes of this member; empty once it has ended and its checksum was right."""
        while self._inflate is not None:
            if not (self._input or self._read()):
                raise EOFError("the file ends inside a gzip member")
            found = self._inflate.decompress(self._input, PIECE)
            self._input = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._input = self._inflate.unused_data
                self._inflate = None
            if found:
                return found
        return b""

    def seek_record(self, start: int, stop: int | None) -> bool:
        """Go to the first member from byte `start` on that begins with a record; False if there is none."""
        self._stream.seek(start)
        window, offset = b"", start
        while True:
            block = self._stream.read(SCAN)
            window += block
            # What is too near the window's end is looked at again with more bytes behind it.
            searched = max(0, len(window) - PIECE) if block else len(window)
            for match in GZIP_HEADER.finditer(window[: searched + 3]):
                found = match.start()
                if stop is not None and offset + found >= stop:
                    return False
                if found < searched and _starts_with_record(window[found : found + PIECE]):
                    self._restart(offset + found)
                    return True
            if not block or (stop is not None and offset >= stop):
                return False
            window, offset = window[searched:], offset + searched

    def _read(self) -> bytes:
        self._input = self._stream.read(PIECE)
        self._offset += len(self._input)
        return self._input


class _Reader:
    """The bytes from a source, cut into records."""

    def __init__(self, source: _Plain | _Gzip, limit: int) -> None:
        self.source = source
        self.position = "0"
        self._limit = limit
        self._begun = 0  # offset in the member of the record that is being read
        self._buffer = bytearray()
        self._given = 0  # bytes that this member has put into the buffer
        self._held = b""  # the beginning of the next member, kept back from the record before it

    def find_start(self, stop: int | None) -> bool:
        """Go to the next byte that is no line end; False at the end of the file or of the range."""
        while True:
            self._buffer = self._buffer.lstrip(b"\r\n")
            if self._buffer:
                self._begun = self._offset()
                self.position = self.source.position(self._begun)
                return True
            if self._fill():
                continue
            if not (self._held or self.source.next_member()):
                return False
            if stop is not None and self.source.member >= stop and (self._held or self.source.starts_record()):
                return False
            self._begin_member()

    def record(self) -> Record:
        head = self._head()
        match = CONTENT_LENGTH.search(head)
        if not match:
            raise _BrokenRecord("the record has no Content-Length")
        length = int(match[1])
        if length > self._limit:
            self._skip(length)
            block = None
        else:
            block = self._take(length)
        if (block is not None and len(block) < length) or not self._is_at_end():
            self._unread_next_record(block)
            raise _BrokenRecord(f"the record does not end after the {length} bytes of its Content-Length")
        return Record(self.position, head, block)

    def skip_to_next_record(self) -> int:
        """Forget bytes up to a line that starts a record, or up to the next gzip member; how many since the last."""
        while True:
            match = NEXT_RECORD.search(self._buffer)
            if match:
                del self._buffer[: match.start() + 1]
                break
            del self._buffer[: -len(b"\nWARC/1.")]
            if not self._fill():
                self._buffer.clear()
                break
        return max(0, self._offset() - self._begun)

    def forget(self) -> None:
        self._buffer.clear()
        self._held = b""

    def _head(self) -> bytes:
        searched = 0
        while True:
            if not self._buffer.startswith(MAGIC[: len(self._buffer)]):
                raise _BrokenRecord(f"no WARC record starts here, but {bytes(self._buffer[:20])!r}")
            match = BLANK_LINE.search(self._buffer, searched)
            if match:
                return self._cut(match.end())
            searched = max(0, len(self._buffer) - 3)
            if searched > MAXIMUM_HEAD or not self._fill_record():
                raise _BrokenRecord("the record's header does not end")

    def _take(self, length: int) -> bytes:
        while len(self._buffer) < length and self._fill_record():
            pass
        return self._cut(length)

    def _skip(self, length: int) -> None:
        while length > len(self._buffer):
            length -= len(self._buffer)
            self._buffer.clear()
            if not self._fill_record():
                raise _BrokenRecord("the record ends before its Content-Length")
        del self._buffer[:length]

    def _is_at_end(self) -> bool:
        """After the line ends that close a record comes the next record, or the member is over."""
        while True:
            self._buffer = self._buffer.lstrip(b"\r\n")
            if len(self._buffer) >= len(MAGIC):
                return self._buffer.startswith(MAGIC)
            if not self._fill():
                return not self._buffer

    def _unread_next_record(self, block: bytes | None) -> None:
        """A Content-Length that is too large has swallowed the records behind; put them back."""
        match = NEXT_RECORD.search(block) if block else None
        if block and match:
            self._buffer[:0] = block[match.start() :]

    def _fill(self) -> bool:
        """More bytes of this gzip member; False at its end."""
        found = b"" if self._held else self.source.piece()
        self._buffer += found
        self._given += len(found)
        return bool(found)

    def _fill_record(self) -> bool:
        """More bytes of this record; False if it cannot go on, since the next gzip member starts a new one."""
        if self._fill():
            return True
        if self._held or not self.source.next_member():
            return False
        first = self._first_bytes()
        if first.startswith(MAGIC):
            self._held = first
            return False
        self._buffer += first
        self._given = len(first)
        return bool(first)

    def _begin_member(self) -> None:
        self.position = self.source.position(0)
        self._held = self._held or self._first_bytes()
        self._buffer += self._held
        self._given = len(self._held)
        self._held = b""

    def _first_bytes(self) -> bytes:
        """The beginning of a member, long enough to tell whether it starts with a record."""
        first = b""
        while len(first) < len(MAGIC) and (piece := self.source.piece()):
            first += piece
        return first

    def _offset(self) -> int:
        """Of the buffer's first byte in the member."""
        return max(0, self._given - len(self._buffer))

    def _cut(self, length: int) -> bytes:
        found = bytes(self._buffer[:length])
        del self._buffer[:length]
        return found


def _starts_with_record(data: bytes) -> bool:
    try:
        return zlib.decompressobj(wbits=31).decompress(data, len(MAGIC)) == MAGIC
    except zlib.error:
        return False
