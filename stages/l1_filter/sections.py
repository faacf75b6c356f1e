"""What the report shows of L1: near duplicates, the dropped text beside the kept one, with what differs marked."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any

from markupsafe import Markup, escape

from pipeline.report.samples import texts_before
from pipeline.report.section import Contribute, Section, StepView, fragment

SHOWN = 5
"""Pairs."""
WORDS = 150
"""Of each text; comparing takes the product of both."""
PAIRS = """
<p>{{ pairs | length }} dropped rows with the smallest ids, each beside the row that stayed. Marked:
words that the other one does not have.</p>
{% for one in pairs %}<div class="row">
<div class="card dropped" style="flex: 1 1 18rem"><b>dropped</b> <code>{{ one.id }}</code><br>similarity
{{ one.similarity | number }}<p>{{ one.text }}</p></div>
<div class="card kept" style="flex: 1 1 18rem"><b>kept</b> <code>{{ one.kept_id }}</code>
<p>{{ one.kept }}</p></div></div>
{% endfor %}
"""


def near_duplicates(view: StepView) -> Iterable[Section]:
    """Pairs of dropped and kept rows."""
    rows: list[dict[str, Any]] = []
    for batch in view.rows("clusters"):
        rows += [row for row in batch.to_pylist() if row["id"] != row["kept_id"]]
        rows = sorted(rows, key=lambda row: row["id"])[:SHOWN]
    texts = texts_before(view.store, view.manifest, {row[name] for row in rows for name in ("id", "kept_id")})
    pairs = []
    for row in rows:
        if row["id"] in texts and row["kept_id"] in texts:
            mine, other = marked(texts[row["id"]], texts[row["kept_id"]])
            pairs.append({**row, "text": mine, "kept": other})
    if pairs:
        yield Section("Near duplicates", fragment(PAIRS, pairs=pairs))


def marked(text: str, other: str) -> tuple[Markup, Markup]:
    """The beginnings of both texts as HTML, with the words marked that differ."""
    words, others = text.split()[:WORDS], other.split()[:WORDS]
    sides: tuple[list[Markup], list[Markup]] = ([], [])
    for tag, a, b, c, d in SequenceMatcher(None, words, others, autojunk=False).get_opcodes():
        for side, part in zip(sides, (words[a:b], others[c:d]), strict=True):
            shown = escape(" ".join(part))
            if part:
                side.append(shown if tag == "equal" else Markup("<mark>") + shown + Markup("</mark>"))
    return Markup(" ").join(sides[0]), Markup(" ").join(sides[1])


SECTIONS: dict[str, Contribute] = {"near_duplicates": near_duplicates}
