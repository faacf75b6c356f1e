"""What the report shows of L0: which hosts lost how much to opt-outs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pipeline.report.section import Contribute, Section, StepView, fragment
from stages.l0_collect.crawl.urls import host_of, normalized

SHOWN = 30
"""Hosts."""
LOST = """
<p>{{ lost | count }} of {{ came | count }} pages ({{ lost | share(came) }}) of {{ hosts | count }} hosts were left out
since they or their sites opt out{{ since }}. The {{ rows | length }} hosts that lost most of {{ losers | count }}:</p>
<table><tr><th>host</th><th>pages</th><th>left out</th><th>share</th><th>why</th></tr>
{% for one in rows %}<tr><td>{{ one.host }}</td><td class="number">{{ one.came | count }}</td>
<td class="number">{{ one.lost | count }}</td><td class="number">{{ one.lost | share(one.came) }}</td>
<td>{{ one.why }}</td></tr>
{% endfor %}</table>
"""


def lost_by_host(view: StepView) -> Iterable[Section]:
    """Pages by host that came to the level, and those of them that this step left out for an opt-out."""
    if not any(is_opt_out(view, rule) for rule in view.at_step.dropped):
        return
    came: Counter[str] = Counter()
    lost: dict[str, Counter[str]] = {}
    for batch in view.rows("data", ["url"]):
        came.update(_host(url) for url in batch.column("url").to_pylist())
    for batch in view.rows("dropped", ["url", "reason", "step"]):
        for row in batch.to_pylist():
            rule = str(row["reason"]).rpartition(".")[2]
            if rule in NO_PAGES:
                continue
            host = _host(row["url"])
            came[host] += 1
            if row["step"] == view.name and is_opt_out(view, rule):
                lost.setdefault(host, Counter())[rule.removeprefix("opt_out_")] += 1
    order = sorted(lost, key=lambda host: (-lost[host].total(), host))
    rows = [
        {
            "host": host, "came": came[host], "lost": lost[host].total(),
            "why": ", ".join(f"{rule} {rows:,}" for rule, rows in lost[host].most_common()),
        }
        for host in order[:SHOWN]
    ]  # fmt: skip
    asked = view.step.get("shows", {}).get("asked", "")
    yield Section(
        "Opt-outs by host",
        fragment(
            LOST, rows=rows, hosts=len(came), losers=len(lost), came=came.total(),
            lost=sum(one.total() for one in lost.values()), since=f", by what sites said on {asked}" if asked else "",
        ),
    )  # fmt: skip


NO_PAGES = ("not_a_response", "not_http", "revisit")
"""Rules of records that are no page of their host, such as requests."""


def is_opt_out(view: StepView, rule: str) -> bool:
    return view.step["kind"] == "site_opt_outs" or rule.startswith("opt_out_")


def _host(url: str | None) -> str:
    found = normalized(url or "")
    return host_of(found).partition("//")[2] if found else "(no URL)"


SECTIONS: dict[str, Contribute] = dict.fromkeys(("site_opt_outs", "warc", "crawl"), lost_by_host)
