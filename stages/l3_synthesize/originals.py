"""Documents beside what was written from them, or joined with it into one (a "megadoc").

| form     | the row                                                                                          |
|----------|--------------------------------------------------------------------------------------------------|
| original | the document as L2 left it, with its own id; nothing in it was written by a model                |
| joined   | the document, then its accepted rewrites in the order of their prompts, parted by an empty line   |

Used by the step `rewrite` (`originals`); the step `mix` brings them to a share. L4's checkers of rewrites are given
their `forms`, since there is nothing to check in these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.rows.document import Document, content_hash

ORIGINAL, JOINED = '{"kind":"original"}', '{"kind":"joined"}'
SEAM = "\n\n"


def original(parent: Document) -> dict[str, Any]:
    """The row of a document itself. It has no parent, which tells it from what was written."""
    return {
        "id": parent.id,
        "text": parent.text,
        "text_hash": content_hash(parent.text),
        "url": parent.url,
        "source": parent.source,
        "date": parent.date,
        "form": ORIGINAL,
        "source_license": parent.columns.get("license") or "",
    }


def joined_rows(parent: Document, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One row of a document and of what was written from it."""
    text = SEAM.join([parent.text.strip(), *(row["text"] for row in rows)])
    return {
        **rows[0],
        "id": content_hash(*(row["id"] for row in rows), text),
        "text": text,
        "text_hash": content_hash(text),
        "prompt": " ".join(row["prompt"] for row in rows),
        "prompt_tokens": sum(row["prompt_tokens"] for row in rows),
        "completion_tokens": sum(row["completion_tokens"] for row in rows),
        "source_text": parent.text.strip(),
        "coverage": 1.0,
        "form": JOINED,
        "task": None,
        "program": None,
    }
