"""The command line. Exit codes: 0 done, 1 failed, 2 wrong usage or recipe, 3 done with rows quarantined.

Imports are late: `orefine shard` must start work in about a second, without Ray, Prefect or torch.
"""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands import ablate as ablate_command
from flows.commands import analyze as analyze_commands
from flows.commands import crawl as crawl_commands
from flows.commands import learn as learn_commands
from flows.commands import look as look_commands
from flows.commands import models as model_commands
from flows.commands import review as review_commands
from flows.commands import serve as serve_commands
from flows.commands import store as store_commands
from flows.commands import upkeep as upkeep_commands
from flows.commands.options import FAILED, QUARANTINED, Json, StoreOption, print_result, say
from pipeline.errors import OrefineError, UsageError

if TYPE_CHECKING:
    from flows.runs.recipe import Recipe
    from flows.runs.run import Run
    from pipeline.run.plan import Plan

app = typer.Typer(
    help="Refine raw web text into versioned training data, and prove that it got better.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
SHARD_RECIPE, SHARD_SETTING = "ultra_fineweb_en", "l2_select.fasttext_quality.train.if_too_few=skip"
Settings = Annotated[list[str] | None, typer.Option("--set", help="dotted.key=value over the recipe; repeatable.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"orefine {version('orefine')}")
        except PackageNotFoundError:
            print("orefine from a source tree that is not installed")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Say which Orefine this is.")
    ] = False,
) -> None:
    """`main` looks for --debug itself, since errors end up there."""


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="YAML file, or the name of a recipe that comes with Orefine.")],
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="Replaces the source's paths; repeatable.")
    ] = None,
    store: StoreOption = "store",
    runner: Annotated[str, typer.Option(help="auto, inline or ray.")] = "auto",
    ray_address: Annotated[str | None, typer.Option(help="An existing Ray cluster, or auto.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Cores of a local Ray; default all.")] = None,
    settings: Settings = None,
    prefect: Annotated[bool, typer.Option("--prefect", help="Run as a Prefect flow, one task per level.")] = False,
    only_plan: Annotated[bool, typer.Option("--plan", help="Say what would run, and run nothing.")] = False,
    pilot: Annotated[
        int | None, typer.Option(min=1, help="Try the step that asks a model on so many documents, and stop there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a recipe through its levels."""
    if pilot is not None:
        _pilot(recipe, inputs, store, runner, ray_address, workers, settings, documents=pilot, as_json=as_json)
        return
    if only_plan:
        _show_plan(recipe, inputs, store, _extras(runner, prefect), settings, as_json)
        return
    chosen = _run_flow if prefect else _run
    _finish(chosen(recipe, inputs, store, runner, ray_address, workers, settings), as_json)


@app.command()
def serve(
    path: serve_commands.ConfigFile = Path("serve.yaml"),
    once: serve_commands.Once = None,
    as_json: Json = False,
) -> None:
    """Scheduled runs on this machine: a Prefect server if none is configured, a worker, and what FILE names."""
    if once is None:
        serve_commands.serve_forever(path)
        return
    given = serve_commands.parameters_of(path, once)
    _finish(
        _run(*(given[name] for name in ("recipe", "inputs", "store", "runner", "ray_address", "workers", "settings"))),
        as_json,
    )


@app.command()
def shard(
    path: Annotated[str, typer.Argument(metavar="INPUT", help="Parquet, JSONL, WARC, text or PDF file.")],
    output: Annotated[str, typer.Option("--output", help="Folder for levels and the release.")],
    recipe: Annotated[str | None, typer.Option(help="YAML file or name; default: ultra_fineweb_en.")] = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Refine one shard in this process."""
    if recipe is None:
        # One shard may hold too few seeds for a classifier of its own; its rows are then filtered, not selected.
        recipe, settings = SHARD_RECIPE, [SHARD_SETTING, *(settings or [])]
    _finish(_run(recipe, [path], output, "inline", None, None, settings), as_json)


def _opened(
    recipe: str,
    inputs: list[str] | None,
    store: str,
    runner: str,
    address: str | None,
    workers: int | None,
    settings: list[str] | None,
) -> tuple[Recipe, Run, Plan]:
    """The recipe without its paused prompts, planned and without a problem, and what it runs in."""
    from flows.runs.paused import recipe_to_run
    from flows.runs.run import open_run, plan_recipe
    from pipeline.store.store import open_store

    chosen, paused = recipe_to_run(recipe, inputs or (), settings or (), open_store(store))
    for line in paused:
        say(line)
    run = cache(lambda: open_run(store, runner, address, workers, chosen.l0_collect.source.paths))
    plan = plan_recipe(chosen, open_store(store), _extras(runner), lambda: run().runner)
    plan.check()  # before a Ray is started, unless it hashes the inputs
    return chosen, run(), plan


def _run(*given: Any) -> dict[str, Any]:
    """given: as `_opened` takes it."""
    from flows.runs.run import run_recipe

    chosen, opened, plan = _opened(*given)
    try:
        return run_recipe(chosen, opened, plan).as_json(opened.store)
    except KeyboardInterrupt:
        say("\ninterrupted: finished shards are kept, so the same command goes on from there")
        raise typer.Exit(FAILED) from None


def _pilot(*given: Any, documents: int, as_json: bool) -> None:
    from flows.runs.pilot import run_pilot

    chosen, opened, plan = _opened(*given)
    found = run_pilot(chosen, opened, documents, plan)
    page = opened.store.shown(found.page)
    print_result({**found.as_json(), "page": page}, as_json, [*found.lines(), f"page: {page}"])


def _extras(runner: str, prefect: bool = False) -> list[str]:
    return ["ray"] * (runner == "ray") + ["flows"] * prefect


def _show_plan(
    recipe: str,
    inputs: list[str] | None,
    store: str,
    extras: list[str],
    settings: list[str] | None,
    as_json: bool,
) -> None:
    from flows.runs.paused import recipe_to_run
    from flows.runs.run import plan_recipe
    from pipeline.run.plan import plan_lines
    from pipeline.store.store import open_store

    place = open_store(store)
    chosen, paused = recipe_to_run(recipe, inputs or (), settings or (), place)
    for line in paused:
        say(line)
    plan = plan_recipe(chosen, place, extras)
    for problem in plan.problems:
        say(f"orefine: {problem}")
    print_result(plan.as_json(), as_json, plan_lines(plan))
    if plan.problems:
        raise typer.Exit(UsageError.exit_code)


def _run_flow(
    recipe: str,
    inputs: list[str] | None,
    store: str,
    runner: str,
    address: str | None,
    workers: int | None,
    settings: list[str] | None,
) -> dict[str, Any]:
    from flows.runs.recipe import load_recipe
    from flows.runs.run import plan_recipe
    from pipeline.steps.extras import is_installed
    from pipeline.store.cache import cache_folder
    from pipeline.store.store import open_store

    chosen = load_recipe(recipe, inputs or (), settings or ())  # said now, not after Prefect's start of 10 s
    if not is_installed("flows"):
        plan_recipe(chosen, open_store(store), _extras(runner, prefect=True)).check()
    # Embedded runs leave the user's own Prefect alone. Prefect does not make the folder of its database.
    beside = cache_folder() if "://" in store else Path(store).absolute()
    home = Path(os.environ.setdefault("PREFECT_HOME", str(beside / "prefect")))
    home.mkdir(parents=True, exist_ok=True)
    if "--debug" not in sys.argv:
        # Prefect would show each error of a level and of the flow with its traceback; `main` says it in one line.
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    from flows.refine import refine

    return dict(refine(recipe, inputs, store, runner, address, workers, settings))


def _finish(result: dict[str, Any], as_json: bool) -> None:
    for name in ("release", "certificate", "report"):
        if name in result:
            say(f"{name:<12} {result[name]}")
    if waiting := result.get("waiting"):
        say(f"{waiting['note']} (here: {waiting['way_on']}), then run the same command again; nothing is published yet")
    if as_json:
        print(json.dumps(result))
    if quarantined := sum(level["quarantined"] for level in result["levels"]):
        say(f"{quarantined} rows are in quarantine, with their errors, beside the data of their level")
        raise typer.Exit(QUARANTINED)


for _command in (
    store_commands.show, store_commands.explain, store_commands.verify, store_commands.export, store_commands.ledger,
    look_commands.head, look_commands.quarantine, look_commands.report, analyze_commands.analyze,
    learn_commands.steps, learn_commands.recipes,
    upkeep_commands.doctor, upkeep_commands.diff, upkeep_commands.takedown, upkeep_commands.purge, upkeep_commands.gc,
):  # fmt: skip
    app.command()(_command)
app.add_typer(learn_commands.new, name="new")
app.command("what-if")(analyze_commands.what_if)
app.command("train-classifier")(model_commands.train_classifier)
app.command("crawl")(crawl_commands.crawl)
app.command("opt-outs")(crawl_commands.opt_outs)
app.command("score")(model_commands.score)
app.command("annotate")(model_commands.annotate)
app.command("ablate")(ablate_command.ablate)
app.command("certify")(model_commands.certify)
app.command("verify-certificate")(model_commands.verify_certificate)
app.add_typer(review_commands.app, name="review")


def main() -> None:
    """Entry point of `orefine`: errors become one line and an exit code, unless --debug is given."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what the locale cannot write is shown escaped and ends no run
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        for problem in getattr(error, "problems", (error,)):
            say(f"orefine: {_explain(error, problem)}")
        sys.exit(error.exit_code if isinstance(error, OrefineError) else FAILED)


def _explain(error: Exception, problem: object) -> str:
    text = " ".join(str(problem).split())
    return text if isinstance(error, OrefineError) else f"{type(error).__name__}: {text} (--debug shows where)"


if __name__ == "__main__":
    main()
