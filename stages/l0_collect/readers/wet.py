"""Read texts from WET files, the text that Common Crawl takes out of its pages.

| column out     | from                                                                         |
|----------------|------------------------------------------------------------------------------|
| text           | the block of a `conversion` record                                           |
| languages      | WARC-Identified-Content-Language: codes of the text's languages, main first  |
| warc_refers_to | WARC-Refers-To, the page that the text is of                                 |
| every other    | the record's header (`record_source.py`)                                     |
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pyarrow as pa

from stages.l0_collect.readers import record_source
from stages.l0_collect.readers.record_source import RecordSource
from stages.l0_collect.readers.warc_records import Record


class WetSource(RecordSource):
    """Reads the texts of WET files. Whatever else is in them is dropped by rule, damage is quarantined."""

    kind: Literal["wet"] = "wet"
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            ("text", pa.string()),
            *record_source.COLUMNS,
            ("languages", pa.string()),
            ("warc_refers_to", pa.string()),
        ]
    )

    def _row(self, record: Record) -> dict[str, Any] | str:
        if record.kind != "conversion":
            return "not_a_conversion"
        if not record.fields.get("content-type", "text/plain").lower().startswith("text/plain"):
            return "not_text"
        if record.block is None:
            return "too_large"
        common = self._common(record, record.block)
        text = record.block.decode("utf-8")
        if not text.strip():
            return "empty_text"
        return common | {
            "text": text,
            "languages": record.fields.get("warc-identified-content-language"),
            "warc_refers_to": record.fields.get("warc-refers-to"),
        }
