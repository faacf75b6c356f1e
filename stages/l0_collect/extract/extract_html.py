"""Extract the main text of HTML pages as Markdown.

| column               | meaning                                                                      |
|----------------------|------------------------------------------------------------------------------|
| text                 | the main text, without navigation and the like                               |
| title                | what the page's <title> says                                                 |
| published            | the date that the page gives itself, as it writes it                         |
| declared_language    | the language that the page gives itself                                      |
| canonical_url        | the absolute address that the page gives itself                              |
| license              | the address of the licence that the page names, as rel=license or a CC link  |
| extractor            | the way the text was found: blocks, trafilatura, json_ld (main_text.py)      |
| extractor_confidence | how sure that is: the F1 of words to expect of the model's choice of blocks  |
| html                 | taken away                                                                   |

A column is null where the page does not say.

Extractors hang or blow up on some pages. Bounds on what the page is decide first, since they give the same answer
everywhere; a limit on processor time, kept by a process that can be killed, is the last resort.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import select
import signal
import subprocess
import threading
from functools import cache
from typing import Any, BinaryIO, ClassVar, Literal, cast

import pyarrow as pa
from pydantic import Field

from pipeline.rows.batch import Batch
from pipeline.rows.document import TEXT
from pipeline.steps import Fault, Judgement, Reason, Transform, Transformed
from pipeline.steps.extras import CORE
from pipeline.steps.interpreter import python, safe_environment
from stages.l0_collect.extract import page
from stages.l0_collect.extract.content import MODEL
from stages.l0_collect.extract.page import read_block, write_block

SAID = ("title", "published", "declared_language", "canonical_url", "license")
WAY, CONFIDENCE = pa.field("extractor", pa.string()), pa.field("extractor_confidence", pa.float64())
ADDED = (*(pa.field(name, pa.string()) for name in SAID), WAY, CONFIDENCE)
PAGES_PER_PROCESS = 2000
"""Then a fresh one takes over: extractors leak."""
WAIT_PER_SECOND = 10
"""Wall-clock seconds to wait for each second of processor time allowed: only a stuck machine needs them."""


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
            except ExtractionError as error:
                errors[row] = str(error)
                continue
            if isinstance(found, Reason):
                judgement.drop_row(row, found)
                continue
            texts[row] = found["text"]
            for name in SAID:
                added[name][row] = found[name] or None
            added[WAY.name][row], added[CONFIDENCE.name][row] = found["extractor"], round(found["confidence"], 3)
        extracted = batch.with_column(TEXT, pa.array(texts, pa.string()))
        for field in ADDED:
            extracted = extracted.with_column(field, pa.array(added[field.name], field.type))
        changed = len(batch) - len(errors) - int((~judgement.kept).sum())
        return Transformed(Batch(extracted.rows.drop_columns(["html"])), {"extracted": changed}, judgement, errors)

    def _extract(self, html: bytes, content_type: str) -> dict[str, Any] | Reason:
        """What page.extract found, or why the page is dropped."""
        if len(html) > self.maximum_bytes:
            return Reason("too_many_bytes", len(html), self.maximum_bytes)
        bounds = {"maximum_elements": self.maximum_elements, "maximum_depth": self.maximum_depth}
        found = _EXTRACTOR.extract(html, {"content_type": content_type, "seconds": self.timeout_s, **bounds})
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


class ExtractionError(Exception):
    """The page could not be processed, in words for the quarantine."""


class _Extractor:
    """The process that extracts, started when needed and replaced when it dies or has done enough."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pages = 0
        self._lock = threading.Lock()

    def start(self) -> None:
        if self._process is not None:
            return
        # By file: importing the package would cost a second.
        self._process = subprocess.Popen(
            python(page.__file__), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | safe_environment(), start_new_session=True,
        )  # fmt: skip
        self._pages = 0

    def extract(self, html: bytes, request: dict[str, Any]) -> dict[str, Any]:
        """The process's answer. Raises ExtractionError if there is none or it is an error, Fault if a library lacks."""
        with self._lock:
            self.start()
            found = self._ask(html, request)
            self._pages += 1
            if self._pages >= PAGES_PER_PROCESS:
                self.stop()
        if "missing" in found:
            raise Fault(f"the extractor lacks a library: {found['missing']}")
        if "error" in found:
            raise ExtractionError(found["error"])
        return found

    def stop(self) -> int | None:
        """End the process; its return code, negative for the signal that had ended it before."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()  # no harm if it has ended: the code stays what it was
        cast(BinaryIO, process.stdout).close()
        with contextlib.suppress(BrokenPipeError):
            cast(BinaryIO, process.stdin).close()
        return process.wait()

    def _ask(self, html: bytes, request: dict[str, Any]) -> dict[str, Any]:
        process = cast("subprocess.Popen[bytes]", self._process)
        requests, replies = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
        try:
            write_block(requests, json.dumps(request).encode())
            write_block(requests, html)
            requests.flush()
            is_answered = bool(select.select([replies], [], [], WAIT_PER_SECOND * request["seconds"])[0])
            block = read_block(replies) if is_answered else None
        except BrokenPipeError:
            is_answered, block = True, None
        if block is not None:
            return cast(dict[str, Any], json.loads(block))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.0 if not is_answered else 5.0)
        code = self.stop()
        if not is_answered or code == -signal.SIGPROF:
            raise ExtractionError(f"timed_out: more than {request['seconds']} processor seconds")
        raise ExtractionError(f"crashed: the extractor ended with code {code}")


_EXTRACTOR = _Extractor()
atexit.register(_EXTRACTOR.stop)
