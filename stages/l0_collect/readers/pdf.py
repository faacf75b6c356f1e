"""Read documents from folders of PDF files, by their text layer; what is written in pictures only is not read.

| column out      | from                                                                                          |
|-----------------|-----------------------------------------------------------------------------------------------|
| text            | the text layer in PDFium's order: lines as paragraphs, a blank line between pages             |
| extractor       | `text_layer`                                                                                  |
| title, date     | what the document says of itself; the date is that of its making                              |
| pages           | how many it has                                                                               |
| pages_with_text | how many of them have at least 50 characters                                                  |
| source          | the setting `source`                                                                          |
| source_id       | the file's path from the named folder on                                                      |
"""

from __future__ import annotations

import os
from typing import BinaryIO, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.steps import Reason
from pipeline.steps.asked_process import NoAnswer
from stages.l0_collect.extract.pdf import PdfBounds
from stages.l0_collect.readers.folder import FolderSource
from stages.l0_collect.readers.row_buffer import RowBuffer


class PdfSource(FolderSource):
    """Reads PDF files, one document a file, by their text layer.

    Dropped by rule: scanned pages without text, encrypted, damaged and truncated files, fonts without letters. A
    document on which the library hangs or crashes is quarantined.
    """

    kind: Literal["pdf"] = "pdf"
    libraries: ClassVar[tuple[str, ...]] = ("pypdfium2",)
    endings: ClassVar[tuple[str, ...]] = (".pdf",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            *((name, pa.string()) for name in ("text", "url", "source", "source_id", "title", "date", "extractor")),
            *((name, pa.int64()) for name in ("pages", "pages_with_text")),
        ]
    )
    minimum_pages_with_text: float = Field(0.5, ge=0, le=1)
    """Share of the pages; below it the document is scanned (`no_text_layer`)."""
    maximum_bytes: int = Field(128 << 20, ge=1)
    """Of a file, most of which are pictures and fonts."""
    maximum_pages: int = Field(3000, ge=1)
    timeout_s: float = Field(60.0, gt=0)
    """Processor seconds for one document."""

    def extras(self) -> tuple[str, ...]:
        return ("pdf", *super().extras())

    def add(self, stream: BinaryIO, name: str, buffer: RowBuffer) -> None:
        bounds = PdfBounds(**self.model_dump(include=set(PdfBounds.model_fields)))
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        try:
            found = bounds.too_large(size) or bounds.read(stream.read())
        except NoAnswer as error:
            buffer.quarantine(name, "", str(error))
            buffer.skip(size)
            return
        if isinstance(found, Reason):
            buffer.drop(name, "", found)
            return
        date = found.pop("published") or ""
        own = {"url": "", "source": self.source, "source_id": name, "date": date, "extractor": "text_layer"}
        buffer.add(found | own)
