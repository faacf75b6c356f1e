"""The command that compares data sets by proxy models trained on them: ablate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.models import STORE
from flows.commands.options import Json, StoreOption, print_result, say

if TYPE_CHECKING:
    from pipeline.store.store import Store

ABLATION = ("ablation.json", "report.md", "tokenizer.json", "runs", "models", "checkpoints", "tokens", *STORE)


def ablate(
    baseline: Annotated[
        str, typer.Argument(help="A release (dataset@version), manifest.json, Parquet or JSONL file, folder.")
    ],
    candidate: Annotated[list[str], typer.Argument(help="What is compared with it; one or more.")],
    output: Annotated[Path, typer.Option("--output", help="Folder for the result; finished runs there are reused.")],
    budget: Annotated[str, typer.Option(help="toy (CPU, minutes), small or medium (GPU).")] = "toy",
    heldout: Annotated[list[Path] | None, typer.Option(help="Texts to judge by; each is a domain.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="JSONL of a cloze task to judge by; repeatable.")] = None,
    seeds: Annotated[int | None, typer.Option(min=2, help="Runs per arm.")] = None,
    aa: Annotated[bool, typer.Option("--aa", help="Twice the runs of each arm, halves compared: noise.")] = False,
    controls: Annotated[bool, typer.Option("--controls", help="Also arms whose answer is known.")] = False,
    density: Annotated[bool, typer.Option("--density", help="Also: tokens to equal loss.")] = False,
    sweep: Annotated[str | None, typer.Option(help="COLUMN=0.1,0.3: also the best rows of the candidate.")] = None,
    second_rate: Annotated[
        bool,
        typer.Option("--second-rate", help="Also at a quarter of the learning rate; a verdict that flips is none."),
    ] = False,
    anneal: Annotated[
        Path | None, typer.Option(help="Go on from a model of --keep-models, with 30 % candidate in 70 % baseline.")
    ] = None,
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Also models/, which transformers and vLLM load.")
    ] = False,
    store: StoreOption = "store",
    as_json: Json = False,
) -> None:
    """Train proxy models on data sets and compare them in bits per byte."""
    from flows.commands.own import check_folder
    from flows.commands.score import data_location
    from flows.runs.ablation import keep_result, read_tasks
    from flows.runs.recipe import RecipeError
    from flows.runs.texts import as_parquet
    from pipeline.steps.extras import require
    from pipeline.store.store import open_store

    require(["ablation"])
    from pipeline.ablation import compare
    from pipeline.ablation.files import text_files
    from pipeline.ablation.model import BUDGETS

    if budget not in BUDGETS:
        raise RecipeError(f"--budget '{budget}': give one of {', '.join(BUDGETS)}")
    check_folder(output, ABLATION)
    try:
        first, *others = [text_files(as_parquet(data_location(name, store))) for name in (baseline, *candidate)]
        arms = dict(zip(_names(candidate), others, strict=True))
        tasks, taint = read_tasks(task or ())
        verdict = compare.ablate(
            first, arms, output, BUDGETS[budget], [Path(as_parquet(str(path))) for path in heldout or ()], seeds, say,
            aa=aa, with_controls=controls, tasks=tasks, taint=taint, sweep=read_sweep(sweep), with_density=density,
            second_rate=second_rate, anneal=anneal, keep_models=keep_models,
        )  # fmt: skip
    except (ValueError, FileNotFoundError) as error:
        raise RecipeError(str(error)) from error
    place = open_store(store)
    for dataset, version in _releases(candidate, place):
        keep_result(place, dataset, version, output)
    print_result(verdict.summary(), as_json, [verdict.report.read_text(encoding="utf-8")])


def read_sweep(text: str | None) -> tuple[str, list[float]] | None:
    if text is None:
        return None
    column, _, shares = text.partition("=")
    try:
        return column, [float(share) for share in shares.split(",")]
    except ValueError:
        raise ValueError(f"--sweep '{text}': give a column and shares, such as quality=0.1,0.3") from None


def _releases(names: Sequence[str], store: Store) -> list[tuple[str, str]]:
    """(data set, version) of those that are releases of the store and no paths."""
    from flows.commands.score import is_path
    from pipeline.publish.release import resolve

    found = [resolve(store, name).rpartition("/") for name in names if not is_path(name)]
    return [(folder.rpartition("/")[2], version) for folder, _, version in found]


def _names(candidates: Sequence[str]) -> list[str]:
    """`candidate`, or with several their last parts; a number is added to those that are alike."""
    if len(candidates) == 1:
        return ["candidate"]
    names: list[str] = []
    for text in candidates:
        name = Path(text).stem or text
        names.append(f"{name}-{len(names) + 1}" if name in (*names, "baseline") else name)
    return names
