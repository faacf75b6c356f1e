"""The dataset card: README.md of a release, in the form that the Hugging Face hub reads (its YAML head and Markdown).

All of it is counted or stands in a file of the release; what nobody told, such as a licence, is said to be unknown. The
head is plain YAML, so that the core needs no client of the hub; a test reads it back through huggingface_hub's card
classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.books.accounting import OTHERS, AtStep
from pipeline.books.manifest import Manifest

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.publish.release import Release

UNITS = {3: "K", 6: "M", 9: "B", 12: "T"}
LANGUAGES = 20
"""Named in the head, those of most rows."""
BYTES_PER_TOKEN = 4.44
"""GPT-2's tokens of English web text (benchmarks/README.md)."""
EXAMPLE = 300
"""Characters of a value in the example row."""


def dataset_card(
    release: Release,
    manifests: Sequence[Manifest],
    schema: pa.Schema | None = None,
    example: Mapping[str, Any] | None = None,
    has_recipe: bool = False,
) -> str:
    """Markdown made from manifests and the first row alone, so that the same release has the same card."""
    head = yaml.safe_dump(_head(release, manifests), sort_keys=False, allow_unicode=True)
    size = manifests[-1].bytes_out
    lines = [
        "---",
        *head.rstrip("\n").splitlines(),
        "---",
        f"# {release.dataset}",
        "",
        f"{release.rows:,} documents after {release.level}, made by Orefine: {size:,} bytes of text, by estimate "
        f"{round(size / BYTES_PER_TOKEN):,} tokens ({BYTES_PER_TOKEN} bytes each, as GPT-2 has on English web text).",
        "",
        f"- version `{release.version}`",
        f"- content id `{release.content_id}`: a rebuild from the same input must reproduce it",
        f"- recipe id `{release.recipe_id}`: hash of input, configuration, code and models",
        *_packed(release),
        *(["- `recipe.yaml`: the recipe; give it the input with `--input`"] if has_recipe else []),
        "",
        "```python",
        "from datasets import load_dataset",
        "",
        'rows = load_dataset("path/to/this/folder", split="train")',
        "```",
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
    lines += _columns(schema, example)
    lines += ["", "## What to know before use", "", *(f"- {line}" for line in _to_know(manifests))]
    lines += ["", "## Steps and what they dropped", ""]
    for manifest in manifests:
        for name, step in zip(manifest.names, manifest.steps, strict=True):
            settings = {name: value for name, value in step.items() if name not in ("kind", "assets", "shows")}
            lines.append(f"- **{manifest.level} · {name}** `{json.dumps(settings, sort_keys=True)}`")
            lines += [f"  - {asset}: sha256 `{sha256}`" for asset, sha256 in sorted(step.get("assets", {}).items())]
            ended = manifest.by_step.get(name, AtStep())
            lines += [f"  - {rule}: {rows:,}" for rule, rows in sorted(ended.dropped.items())]
    if any(step["kind"] == "upsample" for manifest in manifests for step in manifest.steps):
        lines += ["", "Each row stands once; the column `repeats` says how often training is to read it."]
    return "\n".join(lines) + "\n"


def _packed(release: Release) -> list[str]:
    if not release.packed:
        return []
    parts = sum(map(len, release.packed.values()))
    line = f"- {parts:,} small files of {release.level} lie together in {len(release.packed):,}: "
    return [f"{line}the same rows in the same order (`packed` in `manifest.json`)"]


def _head(release: Release, manifests: Sequence[Manifest]) -> dict[str, Any]:
    head: dict[str, Any] = {}
    if languages := [name for name, _ in kept_by(manifests, "language") if name]:
        head["language"] = languages[:LANGUAGES]
    head["pretty_name"] = release.dataset
    head["size_categories"] = [size_category(release.rows)]
    head["task_categories"] = ["text-generation"]
    head["tags"] = ["orefine", *(manifest.level for manifest in manifests)]
    head["configs"] = [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}]
    return head


def size_category(rows: int) -> str:
    """`1K<n<10K`, as the hub names sizes."""
    if rows < 1000:
        return "n<1K"
    digits = len(str(rows)) - 1
    return "n>1T" if digits >= 12 else f"{_power(digits)}<n<{_power(digits + 1)}"


def _power(digits: int) -> str:
    return f"{10 ** (digits % 3)}{UNITS[digits - digits % 3]}"


def kept_by(manifests: Sequence[Manifest], column: str) -> list[tuple[str, int]]:
    """(value of `source` or `language`, rows of it that stayed), most rows first, by the last level that counted it."""
    for manifest in reversed(manifests):
        if values := manifest.groups.get(column):
            found = []
            for value, steps in values.items():
                last = steps[max(steps)]  # names begin with the step's place
                if (rows := last.rows_in - sum(last.dropped.values())) and value != OTHERS:
                    found.append((value, rows))
            return sorted(found, key=lambda one: (-one[1], one[0]))
    return []


def _columns(schema: pa.Schema | None, example: Mapping[str, Any] | None) -> list[str]:
    if schema is None:
        return []
    lines = [
        "",
        "## Columns",
        "",
        "| column | type |",
        "|---|---|",
        *(f"| `{one.name}` | {one.type} |" for one in schema),
    ]
    if example:
        shown = {
            name: value[:EXAMPLE] + " …" if isinstance(value, str) and len(value) > EXAMPLE else value
            for name, value in example.items()
        }
        # A document may hold a fence of its own; indented, it can end nothing.
        text = json.dumps(shown, indent=1, ensure_ascii=False, default=str)
        lines += ["", "The first row, long values cut:", "", *(f"    {line}" for line in text.splitlines())]
    return lines


def _to_know(manifests: Sequence[Manifest]) -> list[str]:
    steps = [(manifest, step) for manifest in manifests for step in manifest.steps]
    kinds = {step["kind"] for _, step in steps}
    first = manifests[0]
    lines = ["Licence: none was stated for the whole; each text keeps that of its source."]
    if sources := [f"{name} ({rows:,} rows)" for name, rows in kept_by(manifests, "source") if name]:
        lines.append(f"Sources: {', '.join(sources[:10])}{' and others' if len(sources) > 10 else ''}.")
    if first.inputs:
        lines.append(
            f"Read from {len(first.inputs):,} input files; {first.quarantined:,} entries of them could not be read"
            + (f" ({first.unread_bytes:,} bytes)." if first.unread_bytes else ".")
        )
    lines += _opt_outs(manifests)
    if "personal_data" in kinds:
        changed = {
            name.partition(".")[2]: rows
            for manifest in manifests
            for name, rows in manifest.changed.items()
            if name.startswith("personal_data.")
        }
        what = ", ".join(f"{name} in {rows:,} rows" for name, rows in sorted(changed.items())) or "nothing was found"
        lines.append(f"Personal data was replaced where patterns find it ({what}); names and addresses may remain.")
    else:
        lines.append("Personal data: no step looked for it.")
    if "l3_synthesize" in {manifest.level for manifest in manifests}:
        lines.append("The texts are rewrites by a language model, not those of the sources.")
        verified = any(manifest.level == "l4_verify" for manifest in manifests)
        lines.append("Checks of L4 accepted each." if verified else "No check compared them with their sources.")
    if not kinds & {"exact_duplicates", "near_duplicates", "substring_duplicates"}:
        lines.append("Duplicates were not looked for.")
    if "contamination" not in kinds:
        lines.append("Overlap with evaluation sets was not looked for.")
    lines.append("Whether training on it helps: no ablation is recorded in this version.")
    return lines


def _opt_outs(manifests: Sequence[Manifest]) -> list[str]:
    """What was left out since pages or their sites opt out of training, at each step that looked."""
    lines = []
    for manifest in manifests:
        for name, step in zip(manifest.names, manifest.steps, strict=True):
            at_step, is_site = manifest.by_step.get(name, AtStep()), step["kind"] == "site_opt_outs"
            rules = {rule: rows for rule, rows in at_step.dropped.items() if is_site or rule.startswith("opt_out_")}
            if not is_site and not rules:
                continue
            lost = sum(rules.values())
            what = ", ".join(f"{rule.removeprefix('opt_out_')} {rows:,}" for rule, rows in sorted(rules.items()))
            shows = step.get("shows", {})
            who = f"sites as asked on {shows['asked']} ({shows['hosts']:,} hosts)" if shows.get("asked") else "pages"
            lines.append(
                f"Opt-outs of {who}: {lost:,} of {at_step.rows_in:,} rows left out "
                f"({lost / max(1, at_step.rows_in):.1%}){': ' if what else ''}{what}; the report names the hosts."
            )
    return lines
