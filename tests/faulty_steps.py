"""Steps on which the surroundings fail, alone here: all that a step's module imports counts for its identity."""

import os
from typing import Literal

from pipeline.rows.batch import Batch
from pipeline.rows.document import Document
from pipeline.steps import DocumentFilter, Fault, Filter, Judgement

ERRORS = {
    "disk full": OSError(28, "No space left on device"),
    "out of memory": MemoryError("no room for 3 GB"),
    "missing library": ImportError("No module named 'lxml_html_clean'"),
    "dead engine": Fault("the engine died"),
    "unreadable file": PermissionError(13, "Permission denied"),
}


class Breaks(Filter):
    """Keeps everything; raises what the test put into `error`, on every batch."""

    kind: Literal["breaks"] = "breaks"
    error: str = ""

    def judge(self, batch: Batch) -> Judgement:
        if os.environ.get("BREAKS"):
            raise ERRORS[self.error]
        return Judgement(len(batch))


class BreaksByDocument(DocumentFilter):
    """The same for a filter in plain Python, on its second document."""

    kind: Literal["breaks_by_document"] = "breaks_by_document"
    error: str = ""

    def reason_to_drop(self, document: Document) -> str | None:
        if os.environ.get("BREAKS") and "banana" in document.text:
            raise ERRORS[self.error]
        return None


class Kills(DocumentFilter):
    """Kills its process on a text with the word `kill`, as a defect in a C library does."""

    kind: Literal["kills"] = "kills"

    def reason_to_drop(self, document: Document) -> str | None:
        if "kill" in document.text:
            os._exit(1)
        return None
