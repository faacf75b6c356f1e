"""Cut a WARC or ARC file into its records, and go on behind damage.

Libraries stop at the first damaged byte or, worse, end as if the file ended there. Here each stretch that cannot be
read comes out as one `Damage`, and reading goes on at the next record: the next member that begins with one or, in
what can be read, the next line that looks like a record's first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from stages.l0_collect.readers.headers import (
    BLANK_LINE,
    MAXIMUM_HEAD,
    WARC_VERSION,
    Fields,
    arc_fields,
    warc_fields,
)
from stages.l0_collect.readers.record_starts import ENOUGH, looks_like_damaged_record, next_record, starts_record
from stages.l0_collect.readers.warc_members import DamagedMember, Members, Plain, open_members

LENGTH = re.compile(r"(\d{1,18})(?:, \1)*")
LINE_ENDS = re.compile(rb"[\r\n]*")
"""Matches everywhere, if only nothing."""


@dataclass(frozen=True, slots=True)
class Record:
    position: str
    """Byte offset in the file; in a compressed one that of the member, and that inside it unless 0: `123+45`."""
    fields: Fields
    """The header; that of an ARC record under the names of WARC."""
    block: bytes | None
    """What follows the header; None if it is longer than the limit."""
    is_sound: bool = True
    """False if the compressed member around it is damaged: then its bytes may be others than were written."""

    @property
    def kind(self) -> str:
        return self.fields.get("warc-type", "").lower()

    @property
    def url(self) -> str:
        return self.fields.get("warc-target-uri", "")


@dataclass(frozen=True, slots=True)
class Damage:
    position: str
    error: str
    unread_bytes: int
    """From here to the next record: of the file, or of the member's content if only that is broken."""


class _BrokenRecord(Exception):
    """What stands here is no whole record, though its bytes could be read."""


def records(stream: BinaryIO, limit: int, start: int = 0, stop: int | None = None) -> Iterator[Record | Damage]:
    """The records whose member begins at or after byte `start` and before `stop`.

    Neighbouring ranges of one file share nothing and lose nothing: a member belongs to the range that it begins in,
    one that does not begin with a record to the range of the member before it.
    """
    members = open_members(stream)
    if start and not members.seek_record(start, stop):
        return
    yield from _Reader(members, limit, stop).all()


class _Reader:
    """The bytes of members, cut into records."""

    def __init__(self, members: Members, limit: int, stop: int | None) -> None:
        self._members = members
        self._limit = limit
        self._stop = stop
        self._buffer = bytearray()
        self._given = 0  # bytes that this member has put into the buffer
        self._held = b""  # the beginning of the next member, kept back from the record before it
        self._position = "0"  # of the record that is being read
        self._begun = (0, 0)  # its member, and its offset in that
        self._is_sound = True  # whether all members that it lies in are
        self._is_head_read = False
        self._broken: str | None = ""  # why it is no whole record, None while none is being read
        self._closing = 0  # bytes of line ends between the last two records that followed each other
        self._is_cut = False  # whether there are fewer behind the last one
        self._is_over = False

    def all(self) -> Iterator[Record | Damage]:
        while not self._is_over:
            try:
                found = self._next()
            except DamagedMember as error:
                found = self._pass_damage(error)
            if found is None:
                return
            yield found

    def _next(self) -> Record | Damage | None:
        if not self._find_start():
            return self._missing_end()
        try:
            found: Record | Damage = self._record()
        except _BrokenRecord as error:
            self._broken = str(error)
            found = Damage(self._position, str(error), self._skip_to_next_record())
        self._broken = None
        return found

    def _find_start(self) -> bool:
        """Go to the next byte that is no line end and no padding; False at the end of the file or of the range."""
        self._broken = None
        while True:
            if self._buffer and self._buffer[0] in b"\r\n\0":
                self._buffer = self._buffer.lstrip(b"\r\n\0")
            if self._buffer:
                self._begun = (self._members.member, self._offset())
                self._position = self._members.position(self._begun[1])
                self._broken = ""
                self._is_head_read = False
                self._is_sound = self._members.is_sound
                return True
            if self._fill():
                continue
            if not (self._held or self._members.next_member()):
                return False
            is_behind = self._stop is not None and self._members.member >= self._stop
            if is_behind and (self._held or self._members.starts_record()):
                return False
            self._buffer += self._held or self._first_bytes()
            self._given = len(self._buffer)
            self._held = b""

    def _missing_end(self) -> Damage | None:
        """What a plain file lacks that was cut inside its last line ends: any longer cut is seen in the record."""
        self._is_over = True
        if not self._is_cut:
            return None
        return Damage(str(self._members.size), "the file ends inside the line ends that close its last record", 0)

    def _pass_damage(self, error: DamagedMember) -> Damage:
        """Go on behind the member that cannot be read, with the next that begins with a record."""
        members = self._members
        begun, position = members.member, members.position(0)
        if self._broken is not None:  # inside a record
            begun = self._begun[0] if not self._begun[1] else members.read_to()
            position = self._position
        problem = f"{self._broken}; {error}" if self._broken else str(error)
        self._buffer.clear()
        self._held = b""
        self._is_over = not members.seek_record(members.member + 1, self._stop)
        end = min(members.size, self._stop or members.size) if self._is_over else members.member
        return Damage(position, problem, max(0, end - begun))

    def _record(self) -> Record:
        fields, separator = self._head()
        told = fields.get("content-length")
        match = LENGTH.fullmatch(told or "")
        if not match:
            problem = "no Content-Length" if told is None else f"{told[:30]!r} for its Content-Length"
            raise _BrokenRecord(f"the record has {problem}")
        length = int(match[1])
        if length > self._limit:
            self._skip(length, separator)
            return Record(self._position, fields, None, self._is_sound)
        block = self._take(length)
        if len(block) < length or not self._is_closed(separator):
            self._unread_next_record(block)
            raise _BrokenRecord(f"the record does not end after the {length} bytes of its Content-Length")
        return Record(self._position, fields, block, self._is_sound)

    def _head(self) -> tuple[Fields, bytes]:
        """The header, and what closes a record that has such a header."""
        searched = 0
        while True:
            if self._is_warc():
                match = BLANK_LINE.search(self._buffer, searched)
                if match:
                    head = self._cut(match.end())
                    self._is_head_read = True
                    return warc_fields(head), b"\r\n\r\n" if head.endswith(b"\r\n\r\n") else b"\n\n"
            else:
                end = self._buffer.find(b"\n", searched) + 1
                fields = arc_fields(bytes(self._buffer[:end])) if end else None
                if fields:
                    del self._buffer[:end]
                    self._is_head_read = True
                    return fields, b"\n"
                if end or len(self._buffer) > MAXIMUM_HEAD:
                    raise _BrokenRecord(f"no WARC record starts here, but {bytes(self._buffer[:20])!r}")
            searched = max(0, len(self._buffer) - 3)
            if searched > MAXIMUM_HEAD:
                raise _BrokenRecord(f"the record's header does not end within {MAXIMUM_HEAD} bytes")
            if not self._fill_record():
                if self._is_warc():
                    raise _BrokenRecord("the record's header does not end")
                raise _BrokenRecord(f"no WARC record starts here, but {bytes(self._buffer[:20])!r}")

    def _is_warc(self) -> bool:
        return WARC_VERSION.match(self._buffer) is not None

    def _take(self, length: int) -> bytes:
        while len(self._buffer) < length and self._fill_record():
            pass
        return self._cut(length)

    def _skip(self, length: int, separator: bytes) -> None:
        """Go behind a block that is too long to be held."""
        problem = f"the record does not end after the {length} bytes of its Content-Length"
        if isinstance(self._members, Plain):
            begun = self._offset()
            end = begun + length
            if end > self._members.size:
                raise _BrokenRecord(problem)
            self._jump(end)
            if not self._is_closed(separator):
                self._jump(begun)
                raise _BrokenRecord(problem)
            return
        while length > len(self._buffer):
            length -= len(self._buffer)
            self._buffer.clear()
            if not self._fill_record():
                raise _BrokenRecord(problem)
        del self._buffer[:length]
        if not self._is_closed(separator):
            raise _BrokenRecord(problem)

    def _jump(self, offset: int) -> None:
        assert isinstance(self._members, Plain)
        self._members.jump(offset)
        self._buffer.clear()
        self._given = offset

    def _is_closed(self, separator: bytes) -> bool:
        """Whether the record ends here: the next one follows, or nothing. Goes behind the line ends between them.

        Where something else follows, the separator in its place tells the damage of what follows from a
        Content-Length that is too short. One wrong byte in the separator itself is passed over.
        """
        while len(self._buffer) < ENOUGH and self._fill():
            pass
        line_ends = LINE_ENDS.match(self._buffer)
        ends = line_ends.end() if line_ends else 0
        follows = bytes(self._buffer[ends : ends + ENOUGH])
        if not follows:
            self._is_cut = ends < min(self._closing, len(separator)) and isinstance(self._members, Plain)
        elif starts_record(follows):
            self._closing = ends
        elif self._buffer.startswith(separator) and looks_like_damaged_record(follows, separator):
            pass
        elif follows.startswith(b"\0"):
            return self._only_padding_follows()
        else:
            ends = len(separator)
            wrong = sum(found != wanted for found, wanted in zip(self._buffer, separator, strict=False))
            if wrong != 1 or not starts_record(bytes(self._buffer[ends : ends + ENOUGH])):
                return False
        del self._buffer[:ends]
        return True

    def _only_padding_follows(self) -> bool:
        """Zeros and line ends, then the next record or nothing."""
        while True:
            self._buffer = self._buffer.lstrip(b"\0\r\n")
            if len(self._buffer) >= ENOUGH or not self._fill():
                return not self._buffer or starts_record(bytes(self._buffer[:ENOUGH]))

    def _unread_next_record(self, block: bytes) -> None:
        """A Content-Length that is too large has swallowed the records behind; put them back."""
        at = next_record(block)
        if at >= 0:
            self._buffer[:0] = block[at:]

    def _skip_to_next_record(self) -> int:
        """Forget bytes up to what looks like a record, or up to the next member that begins with one; how many."""
        member, inner = self._begun
        start = 0 if self._is_head_read else 1  # else the broken record itself would be found
        while True:
            at = next_record(self._buffer, start)
            if at >= 0:
                del self._buffer[:at]
                break
            if len(self._buffer) > 2 * ENOUGH:
                del self._buffer[: -2 * ENOUGH]
                start = 0
            if not self._fill_record():
                self._buffer.clear()
                break
        if self._members.member == member and not self._held:
            return max(0, self._offset() - inner)
        end = self._members.member if self._held or self._buffer else self._members.size
        return max(0, end - member)

    def _fill(self) -> bool:
        """More bytes of this member; False at its end."""
        found = b"" if self._held else self._members.piece()
        self._buffer += found
        self._given += len(found)
        return bool(found)

    def _fill_record(self) -> bool:
        """More bytes of this record; False if it cannot go on, since the next member starts a new one."""
        if self._fill():
            return True
        while not self._held and self._members.next_member():
            first = self._first_bytes()
            if starts_record(first):
                self._held = first
            elif first:
                self._is_sound &= self._members.is_sound
                self._buffer += first
                self._given = len(first)
                return True
        return False

    def _first_bytes(self) -> bytes:
        """The beginning of a member, long enough to tell whether it starts with a record."""
        first = b""
        while len(first) < ENOUGH and (piece := self._members.piece()):
            first += piece
        return first

    def _offset(self) -> int:
        """Of the buffer's first byte in the member."""
        return max(0, self._given - len(self._buffer))

    def _cut(self, length: int) -> bytes:
        with memoryview(self._buffer) as view:
            found = bytes(view[:length])
        del self._buffer[:length]
        return found
