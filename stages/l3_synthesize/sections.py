"""What the report shows of L3: each source beside its rewrite, with numbers marked that the source does not hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

from pipeline.report.section import Contribute, Section, StepView, fragment

SHOWN = 5
"""Rewrites."""
CHARACTERS = 700
"""Of each text."""
NUMBER = re.compile(r"\d[\d.,:]*\d|\d")
PAIRS = """
<p>The {{ pairs | length }} rewrites with the smallest ids. Marked: numbers that the
source does not hold as written.</p>
{% for one in pairs %}<div class="row">
<div class="card" style="flex: 1 1 18rem"><b>source</b><p>{{ one.source }}</p></div>
<div class="card kept" style="flex: 1 1 18rem"><b>rewrite</b> <code>{{ one.id }}</code><p>{{ one.text }}</p></div></div>
{% endfor %}
"""


def rewrites(view: StepView) -> Iterable[Section]:
    """Source and rewrite side by side."""
    rows: list[dict[str, str]] = []
    for batch in view.rows("data"):
        if "source_text" not in batch.schema.names:
            return
        rows += batch.select(["id", "text", "source_text"]).to_pylist()
        rows = sorted(rows, key=lambda row: row["id"])[:SHOWN]
    if rows:
        pairs = [
            {
                "id": row["id"],
                "source": (row["source_text"] or "")[:CHARACTERS],
                "text": marked((row["text"] or "")[:CHARACTERS], row["source_text"] or ""),
            }
            for row in rows
        ]
        yield Section("Sources and rewrites", fragment(PAIRS, pairs=pairs))


def marked(text: str, source: str) -> Markup:
    """The text as HTML, with its numbers marked that `source` does not hold."""
    known = set(NUMBER.findall(source))
    parts, end = [], 0
    for found in NUMBER.finditer(text):
        if found.group() not in known:
            parts += [escape(text[end : found.start()]), Markup("<mark>"), escape(found.group()), Markup("</mark>")]
            end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


SECTIONS: dict[str, Contribute] = {"rewrite": rewrites}
