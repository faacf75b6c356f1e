"""Read documents from folders of text files, plain or compressed with gzip or zstd: each file is one.

| column out | from                                                    |
|------------|---------------------------------------------------------|
| text       | the file, in the encoding that a page would be read in  |
| source     | the setting `source`                                    |
| source_id  | the file's path from the named folder on                |
"""

from __future__ import annotations

import os
from typing import BinaryIO, ClassVar, Literal

import pyarrow as pa

from pipeline.steps import Reason
from stages.l0_collect.extract.decode import Undecodable, decode
from stages.l0_collect.readers.files import raise_unless_damaged
from stages.l0_collect.readers.folder import FolderSource
from stages.l0_collect.readers.row_buffer import RowBuffer

CODECS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
REPLACED = "\N{REPLACEMENT CHARACTER}"
MOST_REPLACED = 0.001
"""Share of characters. One cut letter in a page of text stays below; a file read in a wrong encoding does not."""


class TextSource(FolderSource):
    """Reads text files, one document a file.

    A file without text, one that is no text and one whose bytes are no text in any encoding found are dropped by rule,
    one whose compression is damaged is quarantined.
    """

    kind: Literal["text"] = "text"
    libraries: ClassVar[tuple[str, ...]] = ("resiliparse",)  # guesses the encoding
    endings: ClassVar[tuple[str, ...]] = tuple(
        f"{name}{compression}" for name in (".txt", ".md", ".text", ".markdown") for compression in ("", ".gz", ".zst")
    )
    schema: ClassVar[pa.Schema] = pa.schema([(name, pa.string()) for name in ("text", "url", "source", "source_id")])

    def add(self, stream: BinaryIO, name: str, buffer: RowBuffer) -> None:
        size = stream.seek(0, os.SEEK_END)
        try:
            data = _plain(stream, self.max_document_bytes + 1)
        except (OSError, pa.ArrowException) as error:
            raise_unless_damaged(error)
            buffer.quarantine(name, "", error)
            buffer.skip(size)
            return
        if len(data) > self.max_document_bytes:
            buffer.drop(name, "", Reason("too_large", None, self.max_document_bytes))
            return
        try:
            text = decode(data, "")
        except Undecodable:
            buffer.drop(name, "", Reason("undecodable", None, MOST_REPLACED))
            return
        if "\0" in text:
            buffer.drop(name, "", "not_text")
        elif not text.strip():
            buffer.drop(name, "", "empty")
        elif (share := text.count(REPLACED) / len(text)) > MOST_REPLACED and REPLACED.encode() not in data:
            buffer.drop(name, "", Reason("undecodable", share, MOST_REPLACED))
        else:
            buffer.add({"text": text, "url": "", "source": self.source, "source_id": name})


def _plain(stream: BinaryIO, limit: int) -> bytes:
    """The file without its compression, at most so many bytes of it."""
    stream.seek(0)
    head = stream.read(4)
    stream.seek(0)
    codec = next((codec for magic, codec in CODECS.items() if head.startswith(magic)), None)
    return stream.read(limit) if codec is None else pa.CompressedInputStream(stream, codec).read(limit)
