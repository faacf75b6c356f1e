"""Commands for choosing thresholds: analyze files before a run, and what-if for a version that is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Json, Ref, StoreOption, print_result

if TYPE_CHECKING:
    from pipeline.report.rules import SampleView

DEFAULT_RECIPE = "ultra_fineweb_en"


def analyze(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE", help="Parquet, JSONL, WARC, text or PDF files.")],
    recipe: Annotated[str, typer.Option(help="Whose rules are asked: a YAML file or a name.")] = DEFAULT_RECIPE,
    sample: Annotated[int, typer.Option(min=1, help="Documents that are measured.")] = 5000,
    output: Annotated[Path, typer.Option("--output", help="The page to write.")] = Path("analysis.html"),
    settings: Annotated[list[str] | None, typer.Option("--set", help="dotted.key=value over the recipe.")] = None,
    as_json: Json = False,
) -> None:
    """Before any run: how every signal spreads in these files, and what each rule of a recipe would drop."""
    from flows.commands.own import write_page
    from flows.runs.analysis import analyze as look
    from flows.runs.recipe import load_recipe
    from pipeline.report.section import render

    found = look(load_recipe(recipe, inputs, settings or ()), sample)
    read = f"{found.read} of {found.parts}" if found.read < found.parts else f"all {found.parts}"
    facts = {
        "files": ", ".join(inputs[:5]) + (f" and {len(inputs) - 5} more" if len(inputs) > 5 else ""),
        "read": f"{found.documents:,} documents from {read} parts of {found.files} files",
        "rules": recipe,
        "unreadable": f"{len(found.unreadable):,} entries" if found.unreadable else "nothing",
    }
    write_page(output, render("analysis.html.j2", title="Analysis", facts=facts, sample=found.view))
    result = {"facts": facts, **_as_json(found.view), "unreadable": found.unreadable[:100], "page": str(output)}
    lines = [f"{name:<12} {value}" for name, value in facts.items()]
    lines += [f"{'':<12} {place}: {error}" for place, error in found.unreadable[:5]]
    print_result(result, as_json, [*lines, "", *rule_lines(found.view), "", f"page         {output}"])


def what_if(
    ref: Ref,
    changes: Annotated[
        list[str], typer.Argument(metavar="STEP.PARAMETER=VALUE", help="gopher_quality.min_alpha_words_ratio=0.75")
    ],
    sample: Annotated[int, typer.Option(min=1, help="Rows of each level that are measured, once.")] = 5000,
    store: StoreOption = "store",
    as_json: Json = False,
) -> None:
    """What other thresholds would drop and keep, on a sample of a version; nothing is run and nothing is changed."""
    from flows.runs.whatif import compare
    from pipeline.publish.release import resolve
    from pipeline.store.store import open_store

    place = open_store(store)
    found = compare(place, resolve(place, ref), changes, sample)
    print_result([one.as_json() for one in found], as_json, [line for one in found for line in one.lines()])


def rule_lines(view: SampleView) -> list[str]:
    """A table for the terminal: those rules that some row breaks, then how many break none."""
    head = f"{'rule':<46} {'breaks':>14} {'first':>7} {'only':>7}  {'5 %':>9} {'half':>9} {'95 %':>9}  threshold"
    lines = [head]
    for rule in (rule for rule in view.rules if rule.alone):
        at = [f"{value:>9.4g}" for value in rule.quantiles] if rule.quantiles else [" " * 9] * 3
        limit = "" if rule.limit is None else f"{rule.limit:.4g}"
        share = f"{rule.alone:,} {rule.alone / view.rows:6.1%}"
        lines.append(f"{rule.name:<46} {share:>14} {rule.first:>7,} {rule.only:>7,}  {' '.join(at)}  {limit}")
    quiet = sum(not rule.alone for rule in view.rules)
    share = f"{view.kept / view.rows:.1%}"
    lines.append(f"{quiet} rules that no row breaks; {view.kept:,} of {view.rows:,} rows break none ({share})")
    lines.append(f"{view.repeats:,} rows have the text of an earlier one")
    for title, values in (("languages", view.languages), ("hosts", view.domains)):
        if values:
            shown = ", ".join(f"{value} {rows:,}" for value, rows, _ in values[:6])
            lines.append(f"{title}: {shown}")
    foreign = sum(rule.alone for rule in view.rules if rule.name.endswith("language.other_language"))
    if 2 * foreign > view.rows:
        lines.append(
            "most rows are in a language that these rules do not keep: give --recipe with one that does, such as "
            "fineweb2_multilingual (`orefine recipes`)"
        )
    lines += [f"not measured: {name} ({why})" for name, why in view.left_out.items()]
    return lines


def _as_json(view: SampleView) -> dict[str, Any]:
    rules = [
        {
            "rule": rule.name, "threshold": rule.limit, "breaks": rule.alone, "first": rule.first, "only": rule.only,
            "quantiles": rule.quantiles, "looser": rule.looser, "tighter": rule.tighter,
        }
        for rule in view.rules
    ]  # fmt: skip
    return {
        "rows": view.rows, "kept": view.kept, "repeats": view.repeats, "rules": rules, "languages": view.languages,
        "hosts": view.domains, "left_out": dict(view.left_out),
    }  # fmt: skip
