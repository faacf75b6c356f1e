"""The funnel of a run as lines for a terminal and as the `levels` of `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.run.level import Finished


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


def drops(row: Mapping[str, Any]) -> list[tuple[str, int]]:
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
        for reason, count in drops(row):
            lines.append(f"{'':<14} {count:>9,} dropped  {reason}")
        if row["quarantined"]:
            lines.append(f"{'':<14} {row['quarantined']:>9,} quarantined")
    return lines
