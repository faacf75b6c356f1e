"""What the report shows of L3: what the replies took, and each source beside its rewrite.

Numbers are marked that the source does not hold."""

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


TOKENS = """
<p>Tokens of the model's replies by prompt and by what became of them; seconds are summed over requests that ran at
once.{% if per_token %} A million tokens of accepted rows cost {{ "%.2f" | format(per_token) }}.{% endif %}</p>
<table><thead><tr><th>prompt</th><th>became</th><th>replies</th><th>prompt tokens</th><th>of these cached</th>
<th>completion tokens</th><th>seconds</th><th>cost</th></tr></thead><tbody>
{% for prompt, outcome, one in rows %}<tr><td>{{ prompt }}</td><td>{{ outcome }}</td><td>{{ one.requests | count }}</td>
<td>{{ one.prompt_tokens | count }}</td><td>{{ one.cached_tokens | count }}</td>
<td>{{ one.completion_tokens | count }}</td><td>{{ "%.0f" | format(one.seconds) }}</td>
<td>{{ "%.4f" | format(one.cost) }}</td></tr>
{% endfor %}</tbody></table>
"""


def sections(view: StepView) -> Iterable[Section]:
    yield from tokens(view)
    yield from rewrites(view)


def tokens(view: StepView) -> Iterable[Section]:
    """What the replies took, by prompt and by what became of them."""
    rows = [
        (prompt, outcome, one)
        for prompt, outcomes in sorted(view.at_step.tokens.items())
        for outcome, one in sorted(outcomes.items())
    ]
    accepted = sum(one.completion_tokens for _, outcome, one in rows if outcome == "accepted")
    cost = sum(one.cost for _, _, one in rows)
    if rows:
        per_token = 1e6 * cost / accepted if accepted else 0.0
        yield Section("Tokens and cost", fragment(TOKENS, rows=rows, per_token=per_token))


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


SECTIONS: dict[str, Contribute] = {"rewrite": sections}
