"""L0 collect: files to documents."""

from typing import Annotated

from pydantic import Field

from stages.l0_collect.crawl.site_opt_outs import SiteOptOuts
from stages.l0_collect.crawl.source import CrawlSource
from stages.l0_collect.extract.extract_html import ExtractHtml
from stages.l0_collect.readers.common_crawl import CommonCrawlSource
from stages.l0_collect.readers.files import identify
from stages.l0_collect.readers.find import expand, kind_for
from stages.l0_collect.readers.hash_memory import remember, unhashed_bytes
from stages.l0_collect.readers.jsonl import JsonlSource
from stages.l0_collect.readers.parquet import ParquetSource
from stages.l0_collect.readers.pdf import PdfSource
from stages.l0_collect.readers.text import TextSource
from stages.l0_collect.readers.warc import WarcSource
from stages.l0_collect.readers.wet import WetSource

AnySource = Annotated[
    ParquetSource | JsonlSource | WarcSource | WetSource | CommonCrawlSource | CrawlSource | TextSource | PdfSource,
    Field(discriminator="kind"),
]
"""Every source that a recipe may name."""
Step = Annotated[ExtractHtml | SiteOptOuts, Field(discriminator="kind")]
"""Every step that an L0 recipe may name."""

__all__ = ["AnySource", "Step", "expand", "identify", "kind_for", "remember", "unhashed_bytes"]
