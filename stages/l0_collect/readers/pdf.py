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
import re
from datetime import datetime
from typing import Any, BinaryIO, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.steps import Reason
from pipeline.steps.asked_process import AskedProcess, NoAnswer
from stages.l0_collect.extract import pdf_text
from stages.l0_collect.readers.folder import FolderSource
from stages.l0_collect.readers.row_buffer import RowBuffer

DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-]\d\d)'?(\d\d)?'?)?")
UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff]")
"""What stands for signs of fonts that do not say which letters theirs are."""
MOST_UNREADABLE = 0.1
MAXIMUM_TITLE = 500


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
        size = stream.seek(0, os.SEEK_END)
        if size > self.maximum_bytes:
            buffer.drop(name, "", Reason("too_many_bytes", size, self.maximum_bytes))
            return
        stream.seek(0)
        try:
            found = _READER.ask({"maximum_pages": self.maximum_pages, "seconds": self.timeout_s}, stream.read())
        except NoAnswer as error:
            buffer.quarantine(name, "", str(error))
            buffer.skip(size)
            return
        if (reason := self._reason(found)) is not None:
            buffer.drop(name, "", reason)
            return
        said = {"title": found["title"][:MAXIMUM_TITLE] or None, "date": iso_date(found["date"])}
        counts = {key: found[key] for key in ("pages", "pages_with_text")}
        buffer.add(
            {"text": found["text"], "url": "", "source": self.source, "source_id": name, "extractor": "text_layer"}
            | said
            | counts
        )

    def _reason(self, found: dict[str, Any]) -> Reason | None:
        """Why the document is dropped."""
        rule, pages = found.get("rule"), found["pages"]
        if rule == "too_many_pages":
            return Reason(rule, pages, self.maximum_pages)
        if rule:
            return Reason(rule)
        share = found["pages_with_text"] / pages if pages else 0.0
        if share < self.minimum_pages_with_text or not found["text"].strip():
            return Reason("no_text_layer", share, self.minimum_pages_with_text)
        unreadable = len(UNREADABLE.findall(found["text"])) / len(found["text"])
        return Reason("unreadable_fonts", unreadable, MOST_UNREADABLE) if unreadable > MOST_UNREADABLE else None


def iso_date(said: str) -> str:
    """A PDF's date, `D:20260131235900+01'00'`, in ISO 8601; empty if it is none."""
    match = DATE.fullmatch(said.strip())
    if not match:
        return ""
    year, month, day, hour, minute, second, zone, zone_minutes = match.groups()
    text = "-".join(part for part in (year, month, day) if part)
    if hour and day:
        text += f"T{hour}:{minute or '00'}:{second or '00'}"
        text += f"{zone}:{zone_minutes or '00'}" if zone else "Z" if "Z" in said else ""
    try:
        datetime.fromisoformat(text if day else f"{year}-{month or '01'}-01")
    except ValueError:
        return ""
    return text


_READER = AskedProcess(pdf_text.__file__)
