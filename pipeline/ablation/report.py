"""The result of an ablation as one Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.publish.ablated import signed

Part = Mapping[str, Any]


def markdown(setting: Part, result: Part) -> str:
    """report.md from the two parts of ablation.json."""
    main = result["comparisons"][0]
    lines = [
        f"# {main['verdict'].capitalize()}",
        "",
        f"Ruler, fixed before training: {setting['metric']}; lower is better. Rule: {setting['rule']}.",
        "",
    ]
    for found in result["comparisons"]:
        first, second = found["first"], found["second"]
        lines.append(
            f"- **{found['verdict']}**: {second} {result['bpb'][second]:.4f}, {first} {result['bpb'][first]:.4f}; "
            f"difference {signed(found['difference'])}, p {found['adjusted_p']:.3g}; smallest detectable difference "
            f"{found['difference']['detectable']:.4f}; n-grams {signed(found['second_opinion'])}"
            + (f"; at a smaller learning rate {signed(found['at_second_rate'])}" if found["at_second_rate"] else "")
        )
    lines += [f"- **warning**: {warning}" for warning in result["warnings"]]
    for part in (_by_domain, _density, _sweep, _controls, _runs, _settings):
        lines += [""] * bool(more := part(setting, result)) + more
    return "\n".join([*lines, ""])


def _by_domain(setting: Part, result: Part) -> list[str]:
    names = [f"{found['second']} - {found['first']}" for found in result["comparisons"]]
    rows = []
    for name, domain in setting["ruler"]["domains"].items():
        cells = [signed(found["by_domain"][name]) for found in result["comparisons"]]
        facts = [name, domain["kind"], *(f"{domain[key]:,}" for key in ("documents", "sites", "bytes"))]
        rows.append([*facts, f"{domain['left_out_as_overlapping']:,}", *cells])
    head = ["domain", "kind", "documents", "sites", "bytes", "left out as overlapping", *names]
    lines = ["## By domain", "", *_table(head, rows), "", f"Held out: {setting['ruler']['origin']}."]
    if any(setting["tainted"].values()):
        counts = ", ".join(f"{count:,} of the {name}" for name, count in setting["tainted"].items())
        lines.append(f"Training texts left out because they hold an item of a task: {counts}.")
    return lines


def _density(setting: Part, result: Part) -> list[str]:
    """Tokens of the baseline that teach what one token of each candidate teaches."""
    if "density" not in result:
        return []
    rows = [
        [name, ruler, found.get("none") or f"{found['rho']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"
         + (", extrapolated" if found["extrapolated"] else "")]
        for name, of in result["density"].items()
        for ruler, found in of.items()
    ]  # fmt: skip
    ruler = f"Baseline tokens to the same {setting['metric']}, by one token of the candidate."
    return ["## Density", "", ruler, "", *_table(["candidate", "judged by", "density"], rows)]


def _sweep(setting: Part, result: Part) -> list[str]:
    if "sweep" not in result:
        return []
    smallest = result["sweep"]["smallest"]
    rows = [[f"{share:g}", signed(point)] for share, point in result["sweep"]["curve"].items()]
    said = (
        "No share matches the baseline." if smallest is None else f"The smallest share that is not worse: {smallest:g}."
    )
    return ["## Share kept", "", *_table(["share", "difference to the baseline"], rows), "", said]


def _controls(setting: Part, result: Part) -> list[str]:
    rows = [
        [check["second"], "as it must" if check["holds"] else "**not as it must**", signed(check["difference"]),
         signed(check["second_opinion"])]
        for check in result["controls"]
    ]  # fmt: skip
    rows += [
        [f"{name} against itself", "covers zero" if floor["low"] <= 0 <= floor["high"] else "**excludes zero**",
         signed(floor), ""]
        for name, floor in result["noise_floor"].items()
    ]  # fmt: skip
    if not rows and not setting["controls_missing"]:
        return []
    lines = ["## Controls and noise floor", "", *_table(["arm", "against the baseline", "difference", "n-grams"], rows)]
    return [
        *lines,
        *(["", *(f"- no {why}" for why in setting["controls_missing"])] if setting["controls_missing"] else []),
    ]


def _runs(setting: Part, result: Part) -> list[str]:
    names = [*setting["ruler"]["domains"], "mean"]
    tasks = [name for name, domain in setting["ruler"]["domains"].items() if domain["kind"] == "task"]
    rows = [
        [run["arm"], str(run["seed"]), *(f"{run['bpb'][name]:.4f}" for name in names),
         *(f"{run['accuracy'][name]:.3f}" for name in tasks), f"{run['ngram_bpb']['mean']:.4f}", f"{run['epochs']:.2f}",
         f"{run['unique_tokens']:,}", f"{run['train_seconds'] + run['evaluate_seconds']:.0f}"]
        for run in result["runs"]
    ]  # fmt: skip
    accuracy = [f"accuracy {name}" for name in tasks]
    head = ["arm", "seed", *names, *accuracy, "n-grams", "epochs", "unique tokens", "seconds"]
    return ["## Runs", "", *_table(head, rows)]


def _settings(setting: Part, result: Part) -> list[str]:
    budget, lines = setting["budget"], ["## Data and settings", ""]
    for name, arm in setting["arms"].items():
        lines.append(
            f"- {name}: {arm['documents']:,} documents, {arm['bytes']:,} bytes in {len(arm['files'])} files; "
            f"{arm['chosen_documents']:,} documents, {arm['chosen_bytes']:,} bytes to train on (`{arm['identity']}`)"
        )
    versions = ", ".join(f"{name} {value}" for name, value in setting["versions"].items())
    return [
        *lines,
        f"- budget {budget['name']}: {result['runs'][0]['parameters']:,} parameters (width {budget['width']}, "
        f"{budget['layers']} layers), {budget['tokens']:,} tokens a run: {budget['steps']:,} steps x {budget['batch']}"
        f" x {budget['sequence']}, learning rate {budget['learning_rate']:g}: a tenth of warm-up, three tenths of "
        f"decay; weight decay {setting['weight_decay']}; mean of the last checkpoints; n-grams of "
        f"{budget['ngram_tokens']:,} tokens",
        *([f"- all arms go on from the model with the weights `{setting['trunk']}`"] if setting["trunk"] else []),
        f"- tokenizer of {setting['tokenizer']['vocabulary']:,} ids, trained on all arms; device {setting['device']}; "
        f"{versions}",
    ]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
