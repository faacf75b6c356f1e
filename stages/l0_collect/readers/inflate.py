"""One compressed member or frame in bounded steps, whatever its format. WARC files and HTTP bodies are read with it."""

from __future__ import annotations

import zlib
from typing import Any, Protocol

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
ZSTD_STEP = 512
"""Bytes of input at a time: zstandard gives all that comes of them at once, up to 128 KiB for each four."""


class CorruptData(ValueError):
    """Compressed bytes are not what their format or their checksum says."""


class Inflater(Protocol):
    """What is left of the input is in `unused_data` once the end has come (`eof`), else in `unconsumed_tail`."""

    eof: bool
    unused_data: bytes
    unconsumed_tail: bytes

    def decompress(self, data: bytes, limit: int) -> bytes:
        """About `limit` bytes at most. Raises CorruptData."""


class Zlib:
    """A member of gzip (`wbits` 31), of zlib (15) or a bare deflate stream (-15)."""

    def __init__(self, wbits: int = 31) -> None:
        self._stream = zlib.decompressobj(wbits=wbits)
        self.eof = False
        self.unused_data = self.unconsumed_tail = b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        try:
            found = self._stream.decompress(data, limit)
        except zlib.error as error:
            raise CorruptData(str(error)) from None
        self.eof = self._stream.eof
        self.unused_data, self.unconsumed_tail = self._stream.unused_data, self._stream.unconsumed_tail
        return found


class Zstd:
    """A Zstandard frame; one that is to be skipped gives nothing."""

    def __init__(self, dictionary: Any = None) -> None:
        import zstandard

        self._stream = zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
        self._error = zstandard.ZstdError
        self.eof = False
        self.unused_data = self.unconsumed_tail = b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        found, at = bytearray(), 0
        try:
            while at < len(data) and len(found) < limit and not self._stream.eof:
                found += self._stream.decompress(data[at : at + ZSTD_STEP])
                at += ZSTD_STEP
        except self._error as error:
            raise CorruptData(str(error)) from None
        self.eof = self._stream.eof
        if self.eof:
            self.unused_data = self._stream.unused_data + data[at:]
        self.unconsumed_tail = b"" if self.eof else data[at:]
        return bytes(found)


class Brotli:
    """A Brotli stream. It has no mark by which its end or its beginning could be found."""

    def __init__(self) -> None:
        import brotli

        self._stream, self._error = brotli.Decompressor(), brotli.error
        self.eof = False
        self.unused_data = self.unconsumed_tail = b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        try:
            found = bytearray(self._stream.process(data, output_buffer_limit=limit))
            while len(found) < limit and (piece := self._stream.process(b"", output_buffer_limit=limit)):
                found += piece
        except self._error as error:
            raise CorruptData(str(error)) from None
        self.eof = self._stream.is_finished()
        return bytes(found)


def zstd_dictionary(frame: bytes) -> Any:
    """The dictionary that a `.warc.zst` carries in its first frame, itself compressed or not. Raises CorruptData."""
    import zstandard

    if frame.startswith(ZSTD):
        inflater, limit = Zstd(), 64 << 20
        frame = inflater.decompress(frame, limit)
        if not inflater.eof:
            raise CorruptData(f"the dictionary does not end within {limit} bytes")
    dictionary = zstandard.ZstdCompressionDict(frame, dict_type=zstandard.DICT_TYPE_AUTO)
    try:
        zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
    except zstandard.ZstdError as error:
        raise CorruptData(str(error)) from None
    return dictionary
