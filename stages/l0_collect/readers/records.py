"""JSON values out of a file, one by one and still as bytes, however they lie in it.

| layout | such as                                                             |
|--------|---------------------------------------------------------------------|
| lines  | JSON Lines: one value a line                                        |
| values | an array, pretty-printed objects, objects without line ends between |

The layout, the encoding (UTF-8, UTF-16, UTF-32) and the compression are seen in the file's first bytes.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from stages.l0_collect.readers.members import Codec, Damage, codec_of, head_of, pieces

MAXIMUM_LINE = 64 << 20
"""Bytes; a longer line or value is quarantined without being held in memory."""
HEAD_BYTES = 1 << 18
"""Decoded bytes from which the form of a file is seen."""
BLOCK = 1 << 20
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
WITHOUT_BOM = (
    (re.compile(rb"[^\0]\0\0\0", re.DOTALL), "utf-32-le"),
    (re.compile(rb"\0\0\0[^\0]", re.DOTALL), "utf-32-be"),
    (re.compile(rb"[^\0]\0[^\0]\0", re.DOTALL), "utf-16-le"),
    (re.compile(rb"\0[^\0]\0[^\0]", re.DOTALL), "utf-16-be"),
)
"""JSON begins with two ASCII characters, so its zeros tell the encoding."""
BEGINS_PRETTY = re.compile(rb'\s*\{[ \t]*\r?\n\s*["}]')
BEGINS_ARRAY = re.compile(rb"\s*\[\s*[\[{\]]")
SEPARATORS = re.compile(rb"(?:[\s,\x1e]|\xef\xbb\xbf)+")
SCALAR = re.compile(rb'[^\s,\x1e\[\]{}"]+')
STRUCTURE = re.compile(rb'["{}\[\]]')
STRING = re.compile(rb'[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+')
NEXT_OBJECT = re.compile(rb"\n[ \t\r]*\{")  # \s would look through a run of line ends again from each of them


Value = bytes | ValueError | Damage
"""What stands at one place of a file: a value, still as bytes, or what kept it from being read."""


@dataclass(frozen=True, slots=True)
class Form:
    """How values lie in a file."""

    codec: Codec | None
    encoding: str
    bom_bytes: int
    layout: Literal["lines", "values"]
    head: bytes
    """The first decoded bytes, in UTF-8."""
    is_whole: bool
    """The head is all there is."""

    @property
    def has_line_ranges(self) -> bool:
        """Lines can be read from any byte on."""
        return self.codec is None and self.encoding == "utf-8" and self.layout == "lines"

    def sample(self, most: int) -> list[bytes]:
        """The first values of the head, whole ones only."""
        found = []
        for number, value in _split(iter([self.head]), self.layout):
            if number > most:
                break
            found.append(value)
        if not self.is_whole and len(found) <= most:
            found = found[:-1]
        return [value for value in found if isinstance(value, bytes)]


def form_of(stream: BinaryIO) -> Form:
    """The form, from the file's beginning."""
    codec = codec_of(stream)
    head = stream.read(HEAD_BYTES) if codec is None else head_of(stream, codec, HEAD_BYTES)
    stream.seek(0)
    bom, encoding = next(((bom, name) for bom, name in BOMS if head.startswith(bom)), (b"", ""))
    encoding = encoding or next((name for zeros, name in WITHOUT_BOM if zeros.match(head)), "utf-8")
    is_whole = len(head) < HEAD_BYTES
    head = head.removeprefix(bom)
    if encoding != "utf-8":
        head = head.decode(encoding, "replace").encode()
    return Form(codec, encoding, len(bom), _layout(head), head, is_whole)


def _layout(head: bytes) -> Literal["lines", "values"]:
    if BEGINS_ARRAY.match(head) or BEGINS_PRETTY.match(head):
        return "values"
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n\x1e")
    try:
        _, end = json.JSONDecoder().raw_decode(text) if text.startswith("{") else ({}, len(text))
    except (ValueError, RecursionError):
        return "lines"
    line, _, _ = text[end:].partition("\n")
    # On the line of the first object there is a second one: behind a comma, a lone CR, or nothing at all.
    return "values" if line.lstrip(" \t\r,\x1e").startswith("{") else "lines"


def records(stream: BinaryIO, form: Form, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Value]]:
    """(number from 1, value as bytes, or what is there instead). `start`, `stop`: lines that begin in these bytes.

    A damaged part has a number too, and so has a line or value that is too long.
    """
    if form.codec is not None:
        blocks = pieces(stream, form.codec)
    elif form.has_line_ranges:
        return _split(_line_range(stream, start, stop, form.bom_bytes), "lines")
    else:
        blocks = _blocks(stream)
    return _split(_as_utf8(_without(form.bom_bytes, blocks), form.encoding), form.layout)


def _blocks(stream: BinaryIO) -> Iterator[bytes | Damage]:
    stream.seek(0)
    while block := stream.read(BLOCK):
        yield block


def _line_range(stream: BinaryIO, start: int, stop: int | None, bom_bytes: int) -> Iterator[bytes | Damage]:
    """The lines that begin from `start` on and before `stop`."""
    at = bom_bytes
    if start:
        stream.seek(start - 1)
        while block := stream.read(BLOCK):
            if (end := block.find(b"\n")) >= 0:
                at = stream.tell() - len(block) + end + 1
                break
        else:
            return
    if stop is not None and at >= stop:
        return
    stream.seek(at)
    while block := stream.read(BLOCK):
        at += len(block)
        if stop is not None and at >= stop:
            # The last line is the one that holds the byte before `stop`.
            end = block.find(b"\n", max(0, len(block) - (at - stop) - 1))
            yield block if end < 0 else block[: end + 1]
            if end >= 0:
                return
        else:
            yield block


def _without(count: int, blocks: Iterator[bytes | Damage]) -> Iterator[bytes | Damage]:
    """The blocks without the first `count` bytes, which are a byte order mark."""
    for block in blocks:
        if count and isinstance(block, bytes):
            count, block = max(0, count - len(block)), block[count:]
        yield block


def _as_utf8(blocks: Iterator[bytes | Damage], encoding: str) -> Iterator[bytes | Damage]:
    """The blocks in UTF-8. Half a surrogate pair stays half, so that it costs its own line alone."""
    if encoding == "utf-8":
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    try:
        for block in blocks:
            if isinstance(block, bytes):
                yield decoder.decode(block).encode("utf-8", "surrogatepass")
            else:
                decoder.reset()
                yield block
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        yield Damage(f"the {encoding} text ends or breaks off: {error.reason}; what follows is lost", 0)


def _split(blocks: Iterator[bytes | Damage], layout: str) -> Iterator[tuple[int, Value]]:
    values = _lines(blocks) if layout == "lines" else _values(blocks)
    return ((number, value) for number, value in enumerate(values, 1) if not _is_blank(value))


def _is_blank(value: Value) -> bool:
    return isinstance(value, bytes) and not value.removeprefix(codecs.BOM_UTF8).strip()


def _too_long(what: str) -> ValueError:
    return ValueError(f"the {what} is longer than {MAXIMUM_LINE} bytes")


def _lines(blocks: Iterator[bytes | Damage]) -> Iterator[Value]:
    """Each line without its end, blank ones too."""
    begun: list[bytes] = []
    length = 0
    for block in blocks:
        if isinstance(block, Damage):  # the line that it cuts is part of it
            begun, length = [], 0
            yield block
            continue
        first, *others = block.split(b"\n")
        length += len(first)
        begun.append(first)
        if length > MAXIMUM_LINE:
            begun = []
        if not others:
            continue
        yield _too_long("line") if length > MAXIMUM_LINE else b"".join(begun)
        for line in others[:-1]:
            yield _too_long("line") if len(line) > MAXIMUM_LINE else line
        begun, length = [others[-1]], len(others[-1])
    if length:
        yield _too_long("line") if length > MAXIMUM_LINE else b"".join(begun)


def _values(blocks: Iterator[bytes | Damage]) -> Iterator[Value]:
    """Each value of the outermost arrays, or each that stands by itself."""
    scanner = _Scanner()
    for block in blocks:
        if isinstance(block, Damage):
            scanner = _Scanner()
            yield block
        else:
            yield from scanner.feed(block)
    yield from scanner.finish()


class _Scanner:
    """Finds where values begin and end, by brackets and strings alone: a value that is no JSON costs only itself.

    A string that its line does not end is no JSON; reading goes on at the next line that begins an object.
    """

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._begin: int | None = None
        """Of the value that is being read."""
        self._depth = 0
        self._in_string = False
        self._is_lost = False
        self._is_too_long = False
        self._arrays = 0
        """Outer ones that are open; their brackets and commas only separate values."""

    def feed(self, block: bytes) -> Iterator[Value]:
        used = self._at if self._begin is None else self._begin
        self._data, self._at = self._data[used:] + block, self._at - used
        self._begin = None if self._begin is None else 0
        yield from self._scan(is_last=False)
        if self._begin is not None and self._at - self._begin > MAXIMUM_LINE:
            self._is_too_long, self._begin = True, self._at

    def finish(self) -> Iterator[Value]:
        yield from self._scan(is_last=True)
        if self._begin is not None:
            yield ValueError("the last value has no end: the file is cut short, or a bracket is missing")
        elif self._arrays > 0:
            yield ValueError("the array has no end: the file is cut short")

    def _scan(self, is_last: bool) -> Iterator[Value]:
        data = self._data
        while self._at < len(data):
            if self._is_lost:
                found = NEXT_OBJECT.search(data, self._at)
                if found is None:
                    self._at = max(self._at, data.rfind(b"\n")) if not is_last else len(data)
                    return
                self._is_lost, self._at = False, found.end() - 1
            elif self._in_string:
                end = _end_of(STRING, data, self._at)
                if len(data) - end <= data.count(b"\\", end, end + 1):  # also where a backslash is the last byte
                    self._at = end
                    return
                self._in_string, self._at = False, end + 1
                if data[end] != ord('"'):
                    yield ValueError("a string has no end on its line")
                    self._begin, self._depth, self._is_lost, self._at = None, 0, True, end
                elif not self._depth:
                    yield self._take()
            elif self._depth:
                found = STRUCTURE.search(data, self._at)
                self._at = len(data) if found is None else found.end()
                if found is not None:
                    sign = found[0]
                    self._in_string = sign == b'"'
                    self._depth += (sign in b"{[") - (sign in b"}]")
                    if not self._depth:
                        yield self._take()
            elif (after := _end_of(SEPARATORS, data, self._at)) > self._at:
                self._at = after
            elif (after := _end_of(SCALAR, data, self._at)) > self._at:
                if after == len(data) and not is_last:
                    return
                yield data[self._at : after]
                self._at = after
            else:
                sign = data[self._at : self._at + 1]
                if sign in b'{"':
                    self._begin, self._depth, self._in_string = self._at, int(sign == b"{"), sign == b'"'
                elif sign == b"}":
                    yield ValueError("a bracket closes what none opened")
                else:
                    self._arrays += 1 if sign == b"[" else -1
                self._at += 1

    def _take(self) -> Value:
        """The value that ends here."""
        value = self._data[self._begin : self._at]
        is_too_long = self._is_too_long or len(value) > MAXIMUM_LINE
        self._begin, self._is_too_long = None, False
        return _too_long("value") if is_too_long else value


def _end_of(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Where the pattern's match at this place ends; the place itself if there is none."""
    found = pattern.match(data, at)
    return at if found is None else found.end()
