"""L0 collect: files to documents."""

from typing import Annotated

from pydantic import Field

from stages.l0_collect.extract.extract_html import ExtractHtml
from stages.l0_collect.readers.common_crawl import CommonCrawlSource
from stages.l0_collect.readers.files import expand, identify
from stages.l0_collect.readers.jsonl import JsonlSource
from stages.l0_collect.readers.parquet import ParquetSource
from stages.l0_collect.readers.pdf import PdfSource
from stages.l0_collect.readers.text import TextSource
from stages.l0_collect.readers.warc import WarcSource

AnySource = Annotated[
    ParquetSource | JsonlSource | WarcSource | CommonCrawlSource | TextSource | PdfSource, Field(discriminator="kind")
]
"""Every source that a recipe may name."""
Step = ExtractHtml
"""Every step that an L0 recipe may name."""
FORMATS = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".ndjson": "jsonl",
    ".warc": "warc",
    ".txt": "text",
    ".md": "text",
    ".pdf": "pdf",
}
COMPRESSIONS = (".gz", ".zst")


def kind_for(path: str) -> str | None:
    """The source that reads files of this name; None if the name does not say."""
    for ending in COMPRESSIONS:
        path = path.removesuffix(ending)
    return next((kind for ending, kind in FORMATS.items() if path.endswith(ending)), None)


__all__ = ["AnySource", "Step", "expand", "identify", "kind_for"]
