"""What the report shows of L3: tokens, sources beside rewrites, how well the checks see, how varied the texts are.

The checks are measured on what this run accepted: defects of each kind are planted in it, and harmless changes made to
it, so that each reject rate stands beside the share of defects that the check would miss.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from random import Random
from typing import Any

from markupsafe import Markup, escape

from pipeline.report.section import Contribute, Section, StepView, fragment
from stages.l3_synthesize.diversity import diversity
from stages.l3_synthesize.measure import measure
from stages.l3_synthesize.plants import Case, sentences
from stages.l3_synthesize.prompts.prompt import Prompt

SHOWN = 5
"""Rewrites."""
CHARACTERS = 700
"""Of each text."""
PLANTED = 40
"""Rows in which defects are planted: a second or two of the report."""
MEASURED = 2_000
"""Rows of which the variety is measured."""
CHECKS = """
<p>A defect of each kind was planted in {{ rows }} rows of this run; good are the same rows with their sentences in
another order. <code>python -m benchmarks.l3_checks</code> measures on more, and on phrases that the checks were not
written for.</p>
<table><tr><th>check</th><th class="n">refused in this run</th><th class="n">planted</th><th class="n">caught</th>
<th class="n">recall, 95 %</th><th class="n">good refused</th><th class="n">of</th><th class="n">95 %</th></tr>
{% for name, one in checks.items() %}<tr><td>{{ name }}</td><td class="n">{{ refused.get(name, 0) | count }}</td>
<td class="n">{{ one.planted }}</td><td class="n">{{ one.caught }}</td>
<td class="n">{% if one.planted %}{{ "%.2f to %.2f" % one.recall_interval }}{% else %}-{% endif %}</td>
<td class="n">{{ one.refused }}</td><td class="n">{{ one.good }}</td>
<td class="n">{{ "%.2f to %.2f" % one.alarm_interval }}</td></tr>{% endfor %}</table>
"""
VARIETY = """
<table><tr><th>prompt</th><th class="n">texts</th><th class="n">begin as no other</th><th class="n">openers, bits</th>
<th>most frequent opener</th><th class="n">different words</th><th class="n">pairs of siblings</th>
<th class="n">alike</th></tr>
{% for prompt, one in prompts.items() %}<tr><td>{{ prompt }}</td><td class="n">{{ one.texts | count }}</td>
<td class="n">{{ one.openers | share(1) }}</td><td class="n">{{ one.opener_bits | number }}</td>
<td>{{ one.common_opener[0] }} ({{ one.common_opener[1] }})</td><td class="n">{{ one.distinct_words | share(1) }}</td>
<td class="n">{{ one.siblings | count }}</td><td class="n">{{ one.alike | number }}</td></tr>{% endfor %}</table>
"""
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
{% for line in ending %}<p>{{ line }}.</p>{% endfor %}
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


def tokens(view: StepView) -> Iterable[Section]:
    """What the replies took, by prompt and by what became of them."""
    rows = [
        (prompt, outcome, one)
        for prompt, outcomes in sorted(view.at_step.tokens.items())
        for outcome, one in sorted(outcomes.items())
    ]
    accepted = sum(one.completion_tokens for _, outcome, one in rows if outcome == "accepted")
    cost = sum(one.cost for _, _, one in rows)
    ending = view.at_step.ending.lines() if view.at_step.ending else []
    if rows:
        per_token = 1e6 * cost / accepted if accepted else 0.0
        yield Section("Tokens and cost", fragment(TOKENS, rows=rows, per_token=per_token, ending=ending))


def rewrites(view: StepView) -> Iterable[Section]:
    """Source and rewrite side by side."""
    rows: list[dict[str, str]] = []
    for batch in view.rows("data"):
        if "source_text" not in batch.schema.names:
            return
        batch = batch.filter(batch.column("source_text").is_valid())  # others come from the step `tasks`
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


def checks(view: StepView) -> Iterable[Section]:
    """Each output check: how many rows it refused, and how many planted defects it catches."""
    prompts = {prompt.id: prompt for prompt in map(Prompt.model_validate, view.step["prompts"])}
    rows = sorted(_rows(view, PLANTED, ("id", "text", "source_text", "prompt", "program")), key=lambda row: row["id"])
    cases = [_case(prompts[row["prompt"]], row) for row in rows]
    if cases:
        found = measure(cases, seed=0)
        yield Section("Output checks", fragment(CHECKS, rows=len(cases), checks=found, refused=view.at_step.dropped))


def _case(prompt: Prompt, row: dict[str, Any]) -> Case:
    """A row as the reply that it was, prose with its sentences in another order."""
    text = row["text"]
    if prompt.form.stored()["kind"] == "prose" and len(parts := sentences(text)) > 1:
        place = Random(row["id"]).randrange(1, len(parts))
        text = " ".join(part.strip() for part in parts[place:] + parts[:place])
    named = prompt.form.named()
    answer = {"edits": row["program"], "tagged": text.join(named)}.get(prompt.form.kind, text)
    return Case(prompt, row["source_text"], answer)


def variety(view: StepView) -> Iterable[Section]:
    """How varied the texts of each prompt are."""
    found = diversity(_rows(view, MEASURED, ("text", "prompt", "parent_id")))
    if found:
        yield Section("Variety", fragment(VARIETY, prompts=found))


def _rows(view: StepView, most: int, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """The first rows of the level that a model wrote, if it has any."""
    rows: list[dict[str, Any]] = []
    for batch in view.rows("data"):
        if not {*columns, "parent_id"} <= set(batch.schema.names):
            return []
        written = batch.filter(batch.column("parent_id").is_valid())  # as above
        rows += written.slice(0, most - len(rows)).select(columns).to_pylist()
        if len(rows) >= most:
            break
    return rows


def everything(view: StepView) -> Iterable[Section]:
    yield from tokens(view)
    yield from rewrites(view)
    yield from checks(view)
    yield from variety(view)


SECTIONS: dict[str, Contribute] = {"rewrite": everything}
