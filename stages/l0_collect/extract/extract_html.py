"""Extract the main text of HTML pages with trafilatura.

| column | meaning                                                         |
|--------|-----------------------------------------------------------------|
| text   | the main text, without navigation, comments and the like        |
| title  | what the page's <title> says; ends in `meta`                    |
| html   | taken away                                                      |

Extractors hang or blow up on some pages. Bounds on what the page is decide first, since they give the same answer
everywhere; a limit on processor time, kept by a process that can be killed, is the last resort.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.rows.batch import Batch
from pipeline.rows.document import TEXT
from pipeline.steps import Judgement, Reason, Transform, Transformed
from pipeline.steps.extras import CORE
from stages.l0_collect.extract import page
from stages.l0_collect.extract.killable import ExtractionError, KillableProcess

TITLE = pa.field("title", pa.string())


class ExtractHtml(Transform):
    """Keeps the main text of each page and drops pages that have none.

    Of 990 real pages the largest has 1.6 MB, 10,106 elements and a depth of 43, and takes 0.8 s of processor time.
    """

    kind: Literal["extract_html"] = "extract_html"
    libraries: ClassVar[tuple[str, ...]] = ("trafilatura", "lxml", "charset-normalizer")
    maximum_bytes: int = Field(4 << 20, ge=1)
    maximum_elements: int = Field(50_000, ge=1)
    maximum_depth: int = Field(128, ge=1)
    timeout_s: float = Field(30.0, gt=0)
    """Processor seconds for one page."""

    def extras(self) -> tuple[str, ...]:
        return (CORE,)  # what the extractor's process imports, looked for before it meets a page

    def columns(self) -> tuple[pa.Field, ...]:
        return (TEXT,)

    def prepare(self) -> None:
        _EXTRACTOR.start()

    def transform(self, batch: Batch) -> Transformed:
        pages = batch.column("html").to_pylist()
        types = batch.column("content_type").to_pylist() if "content_type" in batch.rows.schema.names else []
        judgement, errors = Judgement(len(batch)), {}
        texts, titles = [""] * len(batch), [""] * len(batch)
        for row, html in enumerate(pages):
            try:
                found = self._extract(html or b"", types[row] or "" if types else "")
            except ExtractionError as error:
                errors[row] = str(error)
                continue
            if isinstance(found, Reason):
                judgement.drop_row(row, found)
            else:
                texts[row], titles[row] = found
        extracted = batch.with_column(TEXT, pa.array(texts, pa.string())).with_column(
            TITLE, pa.array(titles, pa.string())
        )
        changed = len(batch) - len(errors) - int((~judgement.kept).sum())
        return Transformed(Batch(extracted.rows.drop_columns(["html"])), {"extracted": changed}, judgement, errors)

    def _extract(self, html: bytes, content_type: str) -> tuple[str, str] | Reason:
        """(text, title), or why the page is dropped."""
        if len(html) > self.maximum_bytes:
            return Reason("too_many_bytes", len(html), self.maximum_bytes)
        bounds = {"maximum_elements": self.maximum_elements, "maximum_depth": self.maximum_depth}
        found = _EXTRACTOR.ask(html, {"content_type": content_type, "seconds": self.timeout_s, **bounds})
        if found["elements"] > self.maximum_elements:
            return Reason("too_many_elements", found["elements"], self.maximum_elements)
        if found["depth"] > self.maximum_depth:
            return Reason("too_deep", found["depth"], self.maximum_depth)
        if not found["text"].strip():
            return Reason("no_text")
        return found["text"], found["title"]


_EXTRACTOR = KillableProcess(page.__file__)
