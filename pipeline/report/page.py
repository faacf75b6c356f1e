"""The funnel of a run: as lines for a terminal, as report.json, as one self-contained report.html."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.books.accounting import Groups, Passage
from pipeline.books.manifest import Manifest, load, read_rows
from pipeline.report.selection import classifier_html, selection_html
from pipeline.run.level import Finished
from pipeline.store.store import Store

SAMPLES = 5
"""Dropped rows shown per reason."""
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem } caption { text-align: left; color: #5b6675 }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #e3e7ec; vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.bar { background: #e8edf3; height: .7rem; width: 100%; min-width: 8rem } .bar div { background: #2f6f9f; height: 100% }
img { display: block; max-width: 100% } code { font-size: .85em; overflow-wrap: anywhere } .muted { color: #5b6675 }
"""


def summary(levels: Sequence[Finished]) -> list[dict[str, Any]]:
    """The `levels` of `--json`, first to last."""
    names = {"recipe_id", "content_id", "rows_in", "rows_made", "rows_out", "dropped", "quarantined"}
    names |= {"bytes_in", "bytes_out", "seconds"}
    return [
        {"level": one.manifest.level, "manifest": one.path, "reused": one.reused}
        | one.manifest.model_dump(mode="json", include=names)
        | {"steps": one.manifest.counted_steps()}
        for one in levels
    ]


def _drops(row: Mapping[str, Any]) -> list[tuple[str, int]]:
    """(`02 threshold.below_minimum`, rows), most rows first; by kind alone in releases from before steps had places."""
    reasons = [(f"{at['step']}.{rule}", rows) for at in row.get("steps", ()) for rule, rows in at["dropped"].items()]
    return sorted(reasons or row["dropped"].items(), key=lambda item: (-item[1], item[0]))


def funnel_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line per level and one per reason, for a terminal."""
    lines = []
    for row in rows:
        rows_in = row["rows_in"] + row["rows_made"]
        share = f"{row['rows_out'] / rows_in:6.1%}" if rows_in else "     -"
        note = "  (reused)" if row.get("reused") else f"  {row['seconds']:.1f} s" if "seconds" in row else ""
        lines.append(f"{row['level']:<14} {rows_in:>9,} in {row['rows_out']:>9,} out {share}{note}")
        for reason, count in _drops(row):
            lines.append(f"{'':<14} {count:>9,} dropped  {reason}")
        if row["quarantined"]:
            lines.append(f"{'':<14} {row['quarantined']:>9,} quarantined")
    return lines


def report_html(title: str, rows: Sequence[dict[str, Any]], store: Store, facts: dict[str, str]) -> str:
    """Funnel, reasons and samples in one file without outside references. Document text is escaped."""
    most = max((row["rows_in"] + row["rows_made"] for row in rows), default=1) or 1
    body = [f"<h1>{html.escape(title)}</h1>", _facts(facts), "<h2>Funnel</h2><table>"]
    body.append(
        '<tr><th>level</th><th class="n">in</th><th class="n">out</th><th class="n">dropped</th>'
        '<th class="n">quarantined</th><th>kept of all</th></tr>'
    )
    for row in rows:
        dropped = sum(row["dropped"].values())
        bar = f'<div class="bar"><div style="width:{100 * row["rows_out"] / most:.1f}%"></div></div>'
        numbers = (row["rows_in"] + row["rows_made"], row["rows_out"], dropped, row["quarantined"])
        cells = "".join(f'<td class="n">{number:,}</td>' for number in numbers)
        body.append(f"<tr><td>{row['level']}</td>{cells}<td>{bar}</td></tr>")
    body.append("</table>")
    for row in rows:
        if row["dropped"] or row["quarantined"]:
            body.append(f"<h2>{row['level']}</h2>")
            manifest = load(Manifest, store, row["manifest"])
            body.append(_reasons(row, _samples(store, row["manifest"].rpartition("/")[0], manifest)))
            body += _by_group(manifest.groups)
            body.append(_selection(store, row))
    return page(title, body)


def classifier_page(card: Mapping[str, Any]) -> str:
    """The model card of a trained classifier with its pictures."""
    facts = {"sha256": card["sha256"], "normalizer": card["normalizer"]}
    for name, counts in (("trained on", "trained"), ("held out", "held_out"), ("repeats left out", "duplicates")):
        facts[name] = ", ".join(f"{rows:,} {label}" for label, rows in card[counts].items())
    facts["left out, in both"] = f"{card['in_both']:,}"
    facts |= {name: str(value) for name, value in card["settings"].items()}
    try:
        body = classifier_html(card)
    except ImportError as error:
        body = f"<p>No pictures: {html.escape(str(error))}; install matplotlib.</p>"
    return page("Quality classifier", ["<h1>Quality classifier</h1>", _facts(facts), body])


def page(title: str, body: Sequence[str]) -> str:
    """One HTML file; the body is HTML already."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style>\n" + "\n".join(body) + "</html>\n"
    )


def _facts(facts: dict[str, str]) -> str:
    lines = [
        f"<tr><td>{html.escape(name)}</td><td><code>{html.escape(value)}</code></td></tr>"
        for name, value in facts.items()
    ]
    return f"<table>{''.join(lines)}</table>"


def _reasons(row: dict[str, Any], samples: dict[str, list[dict[str, Any]]]) -> str:
    lines = ['<table><tr><th>reason</th><th class="n">rows</th><th>samples: value against threshold</th></tr>']
    for reason, count in _drops(row):
        shown = "<br>".join(_sample(sample) for sample in samples.get(reason, []))
        lines.append(f'<tr><td>{html.escape(reason)}</td><td class="n">{count:,}</td><td>{shown}</td></tr>')
    if row["quarantined"]:
        lines.append(f'<tr><td>quarantined</td><td class="n">{row["quarantined"]:,}</td><td></td></tr>')
    return "".join(lines) + "</table>"


def _by_group(groups: Groups) -> list[str]:
    """A table per column that has several values: what came to the level of each, and what each step dropped of it."""
    tables = []
    for column, values in groups.items():
        if len(values) < 2:
            continue
        came = {value: max(one.rows_in for one in passages.values()) for value, passages in values.items()}
        steps = sorted({step for passages in values.values() for step in passages})
        heads = "".join(f'<th class="n">{html.escape(step)}</th>' for step in steps)
        tables.append("<table><caption>share dropped by each step</caption>")
        tables.append(f'<tr><th>{column}</th><th class="n">in</th>{heads}</tr>')
        for value, passages in sorted(values.items(), key=lambda item: -came[item[0]]):
            numbers = (f"{came[value]:,}", *(_share(passages.get(step)) for step in steps))
            cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
            tables.append(f"<tr><td>{html.escape(value)}</td>{cells}</tr>")
        tables.append("</table>")
    return tables


def _share(passage: Passage | None) -> str:
    return f"{sum(passage.dropped.values()) / passage.rows_in:.1%}" if passage and passage.rows_in else ""


def _sample(sample: dict[str, Any]) -> str:
    name = html.escape((sample["url"] or sample["id"] or "")[:100])
    if sample["value"] is None:
        return f"<code>{name}</code>"
    threshold = "" if sample["threshold"] is None else f" against {sample['threshold']:.4g}"
    return f'<code>{name}</code> <span class="muted">{sample["value"]:.4g}{threshold}</span>'


def _selection(store: Store, row: dict[str, Any]) -> str:
    """What a level that chose by a score has to show; without matplotlib a line instead."""
    if not store.exists(row["manifest"]):
        return ""
    try:
        return selection_html(store, row["manifest"])
    except ImportError as error:
        return f"<p>No pictures: {html.escape(str(error))}; install matplotlib.</p>"


def _reason(row: dict[str, Any]) -> str:
    """`02 threshold.below_minimum`, as in `_drops`."""
    place = (row["step"] or "").partition(" ")[0]
    return f"{place} {row['reason']}" if place.isdigit() else row["reason"]


def _samples(store: Store, folder: str, manifest: Manifest) -> dict[str, list[dict[str, Any]]]:
    """For each reason the dropped rows with the smallest ids: a sample that does not depend on order."""
    found: dict[str, list[dict[str, Any]]] = {}
    columns = ["id", "url", "reason", "value", "threshold", "step"]
    dropped = read_rows(store, folder, manifest, "dropped", columns)
    for row in (row for rows in dropped for row in rows.to_pylist()):
        known = found.setdefault(_reason(row), [])
        known.append(row)
        known.sort(key=lambda row: row["id"] or "")
        del known[SAMPLES:]
    return found
