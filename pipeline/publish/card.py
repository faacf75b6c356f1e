"""The dataset card: README.md of a release, in the form that the Hugging Face hub reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.books.accounting import AtStep
from pipeline.books.manifest import Manifest

if TYPE_CHECKING:
    from pipeline.publish.release import Release


def dataset_card(release: Release, manifests: Sequence[Manifest]) -> str:
    """Markdown made from manifests alone, so that the same release has the same card."""
    lines = [
        "---",
        "configs:",
        "- config_name: default",
        "  data_files:",
        "  - split: train",
        "    path: data/train-*.parquet",
        "---",
        f"# {release.dataset}",
        "",
        f"{release.rows:,} documents after {release.level}, made by Orefine.",
        "",
        f"- version `{release.version}`",
        f"- content id `{release.content_id}`: a rebuild from the same input must reproduce it",
        f"- recipe id `{release.recipe_id}`: hash of input, configuration, code and models",
        "",
        "| level | rows in | rows out | dropped | quarantined | bytes out |",
        "|---|---|---|---|---|---|",
    ]
    for row in release.funnel:
        dropped = sum(row["dropped"].values())
        lines.append(
            f"| {row['level']} | {row['rows_in'] + row['rows_made']:,} | {row['rows_out']:,} | {dropped:,} "
            f"| {row['quarantined']:,} | {row['bytes_out']:,} |"
        )
    lines += ["", "## Steps and what they dropped", ""]
    for manifest in manifests:
        for name, step in zip(manifest.names, manifest.steps, strict=True):
            settings = {name: value for name, value in step.items() if name not in ("kind", "assets", "shows")}
            lines.append(f"- **{manifest.level} · {name}** `{json.dumps(settings, sort_keys=True)}`")
            ended = manifest.by_step.get(name, AtStep())
            lines += [f"  - {rule}: {rows:,}" for rule, rows in sorted(ended.dropped.items())]
    if any(step["kind"] == "upsample" for manifest in manifests for step in manifest.steps):
        lines += ["", "Each row stands once; the column `repeats` says how often training is to read it."]
    return "\n".join(lines) + "\n"
