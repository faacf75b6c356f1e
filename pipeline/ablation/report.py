"""The result of an ablation as one Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def markdown(setting: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """report.md from the two parts of ablation.json."""
    difference, budget = result["difference"], setting["budget"]
    low, high = result["bootstrap"]
    lines = [
        f"# {result['verdict'].capitalize()}",
        "",
        f"Metric, fixed before training: {setting['metric']}; lower is better. Rule: {setting['rule']}.",
        "",
        f"- baseline {result['bpb']['baseline']:.4f}, candidate {result['bpb']['candidate']:.4f} bits per byte "
        f"(means of {setting['seeds']} seeds)",
        f"- difference (candidate minus baseline) {_signed(difference)} over seeds; "
        f"[{low:+.4f}, {high:+.4f}] over held-out documents",
        f"- smallest difference that these seeds can detect: {result['smallest_detectable']:.4f}",
    ]
    if result["noise_floor"]:
        lines.append(f"- noise floor, baseline against baseline with other seeds: {_signed(result['noise_floor'])}")
    lines += [f"- **warning**: {warning}" for warning in result["warnings"]]
    lines += ["", "## By held-out domain", "", "| domain | documents | bytes | left out as overlapping | difference |"]
    lines.append("|---|---|---|---|---|")
    for name, domain in setting["heldout"]["domains"].items():
        lines.append(
            f"| {name} | {domain['documents']:,} | {domain['bytes']:,} | {domain['left_out_as_overlapping']:,} "
            f"| {_signed(result['by_domain'][name])} |"
        )
    lines += ["", f"Held out: {setting['heldout']['origin']}."]
    names = [*setting["heldout"]["domains"], "mean"]
    lines += ["", "## Runs", "", f"| arm | seed | {' | '.join(names)} | epochs | unique tokens | seconds |"]
    lines.append("|---" * (len(names) + 5) + "|")
    for run in result["runs"]:
        scores = " | ".join(f"{run['bpb'][name]:.4f}" for name in names)
        lines.append(
            f"| {run['arm']} | {run['seed']} | {scores} | {run['epochs']:.2f} | {run['unique_tokens']:,} "
            f"| {run['train_seconds'] + run['evaluate_seconds']:.0f} |"
        )
    lines += ["", "## Data and settings", ""]
    for name, arm in setting["arms"].items():
        lines.append(
            f"- {name}: {arm['documents']:,} documents, {arm['bytes']:,} bytes in {len(arm['files'])} files; "
            f"{arm['chosen_documents']:,} documents, {arm['chosen_bytes']:,} bytes to train on (`{arm['identity']}`)"
        )
    versions = ", ".join(f"{name} {value}" for name, value in setting["versions"].items())
    lines += [
        f"- budget {budget['name']}: {result['runs'][0]['parameters']:,} parameters (width {budget['width']}, "
        f"{budget['layers']} layers), {budget['tokens']:,} tokens a run: {budget['steps']:,} steps x {budget['batch']} "
        f"x {budget['sequence']}, learning rate {budget['learning_rate']:g} with a tenth of warm-up and a cosine to 0",
        f"- tokenizer of {setting['tokenizer']['vocabulary']:,} ids, trained on both arms; device {setting['device']}; "
        f"{versions}",
        "",
    ]
    return "\n".join(lines)


def _signed(estimate: Mapping[str, Any]) -> str:
    seeds = ", ".join(f"{value:+.4f}" for value in estimate["per_seed"])
    return f"{estimate['mean']:+.4f}, 95 % [{estimate['low']:+.4f}, {estimate['high']:+.4f}] (seeds {seeds})"
