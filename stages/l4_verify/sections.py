"""What the report shows of L4: what each checker found and how far it can be trusted, and each prompt's defects.

All of it stands in the certificate, which lies beside the level; the report shows it once, with the level's last step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pipeline.publish.defects import over_limit
from pipeline.report.section import Contribute, Section, StepView, fragment

CHECKED = """
<p>{{ certified | count }} of {{ rows_in | count }} rows are certified. An abstention is no pass. Defects were planted
in certified rows to see what each checker catches; harmless changes, to see what it refuses without cause.</p>
<table><tr><th>checker</th><th class="n">pass</th><th class="n">fail</th><th class="n">abstain</th>
<th>planted</th><th class="n">caught</th><th class="n">95 %</th></tr>
{% for name, verdicts, kinds in checkers %}<tr><td>{{ name }}</td><td class="n">{{ verdicts.pass | count }}</td>
<td class="n">{{ verdicts.fail | count }}</td><td class="n">{{ verdicts.abstain | count }}</td><td></td><td></td>
<td></td></tr>{% for kind, one in kinds %}<tr><td></td><td></td><td></td><td></td><td>{{ kind }}</td>
{% if "mutants" in one %}<td class="n">{{ one.caught }} of {{ one.mutants }}</td>
{% else %}<td class="n">{{ one.failed }} of {{ one.variants }} refused without cause</td>{% endif %}
<td class="n">{{ "%.2f to %.2f" % (one.interval[0], one.interval[1]) }}</td></tr>
{% endfor %}{% endfor %}</table>
"""
DEFECTS = """
{% if over %}<p>Over the limit of {{ over[0][1].limit }} and to be paused:
{% for name, one in over %}<b>{{ name }}</b>{{ ", " if not loop.last }}{% endfor %}.</p>{% endif %}
<table><tr><th>prompt by model</th><th class="n">rows</th><th class="n">refused</th><th class="n">95 %</th><th>for</th>
</tr>{% for name, one in defects %}<tr><td>{{ name }}</td><td class="n">{{ one.rows | count }}</td>
<td class="n">{{ one.defective | share(one.rows) }}</td>
<td class="n">{{ "%.3f to %.3f" % (one.interval[0], one.interval[1]) }}</td>
<td>{% for reason, part in one.refused %}{{ part.rows | share(one.rows) }} {{ reason }}{{ ", " if not loop.last }}
{% endfor %}</td></tr>{% endfor %}</table>
"""


def certified(view: StepView) -> Iterable[Section]:
    """The certificate's findings, with the level's last step."""
    path = f"{view.folder}/certificate.json"
    if view.name != view.manifest.names[-1] or not view.store.exists(path):
        return
    made: dict[str, Any] = json.loads(view.store.read(path))
    planted = made["calibration"]
    checkers = [
        (name, verdicts, [(kind, one) for kind, one in sorted(planted.get(name, {}).items()) if "interval" in one])
        for name, verdicts in made["verdicts"].items()
    ]
    yield Section("Checks", fragment(CHECKED, checkers=checkers, certified=made["certified"], rows_in=made["rows_in"]))
    defects = sorted(made["defects"].items(), key=lambda item: (-item[1]["interval"][0], item[0]))
    shown = [
        (name, one | {"refused": sorted(one["refused"].items(), key=lambda item: -item[1]["rows"])})
        for name, one in defects
    ]
    if shown:
        named = set(over_limit(made))
        over = [(name, one) for name, one in shown if name in named]
        yield Section("Defects by prompt", fragment(DEFECTS, defects=shown, over=over))


SECTIONS: dict[str, Contribute] = dict.fromkeys(
    (
        "format", "faithfulness", "entailment", "contamination", "paraphrased_items", "math_answer", "task_answer",
        "code_execution", "smt", "lean", "human_review", "policy",
    ),
    certified,
)  # fmt: skip
"""Any of them may be the last step."""
