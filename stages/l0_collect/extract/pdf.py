"""PDF documents by their text layer, with the reason why one is dropped: for `extract_html` and the source `pdf`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline.steps import Reason
from pipeline.steps.asked_process import AskedProcess
from stages.l0_collect.extract import pdf_text

MARK = b"%PDF-"
MARK_WITHIN = 1024
"""Bytes in which the mark of a PDF must stand, for readers of PDF too."""
DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-]\d\d)'?(\d\d)?'?)?")
UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff]")
"""What stands for signs of fonts that do not say which letters theirs are."""
MOST_UNREADABLE = 0.1
MAXIMUM_TITLE = 500


class PdfBounds(BaseModel):
    """Which documents are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum_pages_with_text: float = Field(0.5, ge=0, le=1)
    """Share of the pages; below it the document is scanned (`no_text_layer`)."""
    maximum_bytes: int = Field(128 << 20, ge=1)
    """Of a file, most of which are pictures and fonts."""
    maximum_pages: int = Field(3000, ge=1)
    timeout_s: float = Field(60.0, gt=0)
    """Processor seconds for one document."""

    def read(self, data: bytes) -> dict[str, Any] | Reason:
        """{text, title, published, pages, pages_with_text}, or why the document is dropped.

        What it does not say of itself is null. Raises NoAnswer if the library hangs or crashes on it.
        """
        if (reason := self.too_large(len(data))) is not None:
            return reason
        found = _READER.ask({"maximum_pages": self.maximum_pages, "seconds": self.timeout_s}, data)
        if (reason := self._reason(found)) is not None:
            return reason
        title, date = found.pop("title")[:MAXIMUM_TITLE], iso_date(found.pop("date"))
        return found | {"title": title or None, "published": date or None}

    def too_large(self, size: int) -> Reason | None:
        return Reason("too_many_bytes", size, self.maximum_bytes) if size > self.maximum_bytes else None

    def _reason(self, found: dict[str, Any]) -> Reason | None:
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


def is_pdf(body: bytes) -> bool:
    return body.startswith(MARK) or (MARK in body[:MARK_WITHIN] and b"<" not in body[: body.find(MARK)])


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
