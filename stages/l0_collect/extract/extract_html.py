"""Extract the main text of HTML pages as Markdown, and the text layer of PDF documents that are among them.

| column               | meaning                                                                      |
|----------------------|------------------------------------------------------------------------------|
| text                 | the main text, without navigation and the like                               |
| title                | what the page's <title> says                                                 |
| published            | the date that the page gives itself, as it writes it                         |
| declared_language    | the language that the page gives itself                                      |
| canonical_url        | the absolute address that the page gives itself                              |
| license              | the address of the licence that the page names, as rel=license or a CC link  |
| extractor            | the way the text was found: blocks, trafilatura, json_ld (main_text.py);     |
|                      | text_layer of a PDF (pdf.py)                                                 |
| extractor_confidence | how sure that is: the F1 of words to expect of the model's choice of blocks  |
| html                 | taken away                                                                   |

A column is null where the page does not say.

Extractors hang or blow up on some pages. Bounds on what the page is decide first, since they give the same answer
everywhere; a limit on processor time, kept by a process that can be killed, is the last resort.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.rows.batch import Batch
from pipeline.rows.document import TEXT
from pipeline.steps import Judgement, Reason, Transform, Transformed
from pipeline.steps.asked_process import AskedProcess, NoAnswer
from pipeline.steps.extras import CORE
from stages.l0_collect.extract import page
from stages.l0_collect.extract.content import MODEL
from stages.l0_collect.extract.pdf import PdfBounds, is_pdf

SAID = ("title", "published", "declared_language", "canonical_url", "license")
WAY, CONFIDENCE = pa.field("extractor", pa.string()), pa.field("extractor_confidence", pa.float64())
ADDED = (*(pa.field(name, pa.string()) for name in SAID), WAY, CONFIDENCE)


class ExtractHtml(Transform):
    """Keeps the main text of each page and drops pages that have none.

    Of 990 real pages the largest has 1.6 MB, 10,106 elements and a depth of 43, and takes 0.8 s of processor time.
    """

    kind: Literal["extract_html"] = "extract_html"
    libraries: ClassVar[tuple[str, ...]] = ("trafilatura", "lxml", "resiliparse")
    maximum_bytes: int = Field(4 << 20, ge=1)
    maximum_elements: int = Field(50_000, ge=1)
    maximum_depth: int = Field(128, ge=1)
    timeout_s: float = Field(30.0, gt=0)
    """Processor seconds for one page."""
    pdf: PdfBounds = PdfBounds()
    """For PDF documents, which the source `warc` gives where its setting `pdf` is true."""

    def extras(self) -> tuple[str, ...]:
        return (CORE,)  # what the extractor's process imports, looked for before it meets a page

    def columns(self) -> tuple[pa.Field, ...]:
        return (TEXT, *ADDED)

    def assets(self) -> dict[str, str]:
        return {"content_model": _model_hash()}

    def prepare(self) -> None:
        _EXTRACTOR.start()

    def transform(self, batch: Batch) -> Transformed:
        pages = batch.column("html").to_pylist()
        types = batch.column("content_type").to_pylist() if "content_type" in batch.rows.schema.names else []
        judgement, errors = Judgement(len(batch)), {}
        texts = [""] * len(batch)
        added: dict[str, list[Any]] = {field.name: [None] * len(batch) for field in ADDED}
        for row, html in enumerate(pages):
            try:
                found = self._extract(html or b"", types[row] or "" if types else "")
            except NoAnswer as error:
                errors[row] = str(error)
                continue
            if isinstance(found, Reason):
                judgement.drop_row(row, found)
                continue
            texts[row] = found["text"]
            for name in SAID:
                added[name][row] = found.get(name) or None
            added[WAY.name][row] = found["extractor"]
            added[CONFIDENCE.name][row] = round(found["confidence"], 3) if "confidence" in found else None
        extracted = batch.with_column(TEXT, pa.array(texts, pa.string()))
        for field in ADDED:
            extracted = extracted.with_column(field, pa.array(added[field.name], field.type))
        changed = len(batch) - len(errors) - int((~judgement.kept).sum())
        return Transformed(Batch(extracted.rows.drop_columns(["html"])), {"extracted": changed}, judgement, errors)

    def _extract(self, html: bytes, content_type: str) -> dict[str, Any] | Reason:
        """What page.extract found, or the reader of PDFs, or why the page is dropped."""
        if is_pdf(html):
            layer = self.pdf.read(html)
            return layer if isinstance(layer, Reason) else layer | {"extractor": "text_layer"}
        if len(html) > self.maximum_bytes:
            return Reason("too_many_bytes", len(html), self.maximum_bytes)
        bounds = {"maximum_elements": self.maximum_elements, "maximum_depth": self.maximum_depth}
        found = _EXTRACTOR.ask({"content_type": content_type, "seconds": self.timeout_s, **bounds}, html)
        if found.get("undecodable"):
            return Reason("undecodable")
        if found["elements"] > self.maximum_elements:
            return Reason("too_many_elements", found["elements"], self.maximum_elements)
        if found["depth"] > self.maximum_depth:
            return Reason("too_deep", found["depth"], self.maximum_depth)
        if not found["text"].strip():
            return Reason("no_text")
        return found


@cache
def _model_hash() -> str:
    return hashlib.sha256(MODEL.read_bytes()).hexdigest()


_EXTRACTOR = AskedProcess(page.__file__)
