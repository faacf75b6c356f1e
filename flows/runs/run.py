"""Run a recipe through its levels: plain functions, wrapped by the command line and by the Prefect flow."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from flows.runs import lineage, metrics, traces
from flows.runs.ablation import EXTRA, ablate_levels, verdict_lines
from flows.runs.against import with_earlier
from flows.runs.certify import LEVEL, certify
from flows.runs.inputs import find_paths, identify_all
from flows.runs.live import Live
from flows.runs.models import with_models, with_trained
from flows.runs.progress import Progress, to_stderr
from flows.runs.recipe import Recipe, RecipeError
from flows.runs.report import recipe_text, write_report
from flows.runs.seeds_in_input import too_few_seeds
from flows.runs.takedowns import respecting
from pipeline.books.fingerprint import canonical
from pipeline.errors import WaitsForPeople
from pipeline.publish.release import Release, publish
from pipeline.report.funnel import funnel_lines, summary
from pipeline.report.page import FILES_NAMED, unreadable
from pipeline.run.estimates import with_estimates
from pipeline.run.level import Finished, InputFile, run_level
from pipeline.run.passes import Level
from pipeline.run.plan import Plan, plan
from pipeline.run.runners import Runner, open_runner
from pipeline.run.shards import Emit
from pipeline.steps.extras import is_installed, missing, require
from pipeline.store.artifact import supersede
from pipeline.store.store import Store, store_to_write

RAY_FROM_BYTES = 512 << 20
"""`--runner auto` takes Ray, if installed, from this much local input on: below, it costs more than it saves."""


@dataclass
class Run:
    """Where a run happens, and what it tells."""

    store: Store
    runner: Runner
    run_id: str
    say: Callable[[str], None]
    """Shows a person one line."""
    events: list[str] = field(default_factory=list)
    listeners: list[Emit] = field(default_factory=list)
    """Who else hears of every event; what a listener raises ends the run."""
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.progress = Progress(self.say, sys.stderr if self.say is to_stderr else None)

    def emit(self, event: str, fields: Mapping[str, Any]) -> None:
        """Write an event down, and show those that a person waits for."""
        self.events.append(canonical({"event": event, "time": time.time(), **fields}))
        if event == "level_started":
            self.progress.start(fields["level"], fields["shards"])
        elif event == "shard_done":
            self.progress.advance(fields)
        elif event == "note":
            self.progress.note(str(fields["text"]))
        for listener in self.listeners:
            listener(event, fields)


@dataclass(frozen=True)
class Result:
    """A finished run."""

    release: Release
    levels: list[Finished]
    report: str
    """Path of report.html, relative to the store."""
    certificate: str = ""
    """Path of the L4 certificate, relative to the store; empty without L4."""
    ablation: Mapping[str, Any] | None = None
    """What `ablate_levels` found, where the recipe asks for it."""

    @property
    def quarantined(self) -> int:
        return sum(level.manifest.quarantined for level in self.levels)

    def as_json(self, store: Store) -> dict[str, Any]:
        """The object of `--json`."""
        return {
            "dataset": self.release.dataset,
            "version": self.release.version,
            "content_id": self.release.content_id,
            "release": store.shown(f"releases/{self.release.dataset}/{self.release.version}"),
            "report": store.shown(self.report),
            "levels": summary(self.levels),
            **({"certificate": store.shown(self.certificate)} if self.certificate else {}),
            **({"ablation": self.ablation} if self.ablation else {}),
        }


def open_run(
    store: str, runner: str, address: str | None, workers: int | None, inputs: Sequence[str], quiet: bool = False
) -> Run:
    """The store and the runner; `auto` decides by the size of the input."""
    if runner == "auto":
        large = _local_bytes(inputs) >= RAY_FROM_BYTES and is_installed("ray")
        runner = "ray" if address or large else "inline"
    if runner == "ray":
        require(["ray"])
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    run = Run(store_to_write(store), open_runner(runner, address, workers), run_id, _no_line if quiet else to_stderr)
    run.listeners.append(Live(run.store, run_id))
    for listener in (metrics.from_environment(), traces.from_environment(run_id, run.store.root)):
        if listener is not None:
            run.listeners.append(listener)
    if count := run.store.remove_abandoned():
        run.emit("note", {"text": f"removed {count} temporary files of runs that were killed"})
    return run


def _local_bytes(paths: Sequence[str]) -> int:
    return sum(Path(path).stat().st_size for path in paths if Path(path).is_file())


def _no_line(line: str) -> None:
    pass


def plan_recipe(
    recipe: Recipe, store: Store, extras: Sequence[str] = (), runner: Callable[[], Runner] | None = None
) -> Plan:
    """The plan of the recipe's levels over its input; no row is read, and no input if the steps have a fault.

    `extras`: what the command needs beside the steps. `runner`: opens the run's, whose tasks hash large inputs.
    """
    judged = recipe.ablation
    paths, problems = [], missing([*extras, *([EXTRA] if judged else [])]) + (judged.missing_files() if judged else [])
    if not missing(recipe.l0_collect.source.extras()):  # else remote files cannot be listed, as the plan will say
        try:
            paths = find_paths(recipe)
            problems += too_few_seeds(recipe, paths)
        except RecipeError as error:
            problems.append(str(error))
    named = partial(identify_all, source=recipe.l0_collect.source, runner=runner)
    levels = recipe.levels()
    return with_estimates(plan(levels, store, paths, named, partial(_complete, store=store), problems), levels, store)


def _complete(level: Level, parent_id: str, store: Store) -> Level:
    return respecting(with_earlier(with_trained(level, store, parent_id), store, parent_id), store)


@dataclass(frozen=True)
class Waiting:
    """A run that has come to a lot which people have to judge; the same run later goes on from there."""

    dataset: str
    levels: list[Finished]
    lot: str
    note: str

    def as_json(self, store: Store) -> dict[str, Any]:
        """The object of `--json`: no version, and instead what is waited for and the way on."""
        way_on = f"orefine review {self.lot} --store {store.root}"
        return {
            "dataset": self.dataset,
            "waiting": {"lot": self.lot, "note": self.note, "way_on": way_on},
            "levels": summary(self.levels),
        }


def run_recipe(recipe: Recipe, run: Run, made: Plan | None = None) -> Result | Waiting:
    """All levels as planned (planned here if not given), then the release and the report.

    Waiting where a level waits for people: nothing failed, and nothing is published.
    """
    made = made or plan_recipe(recipe, run.store, runner=lambda: run.runner)
    made.check()
    levels: list[Finished] = []
    for level in recipe.levels():
        try:
            levels.append(run_one_level(level, run, made.inputs, levels[-1] if levels else None))
        except WaitsForPeople as waits:
            return Waiting(recipe.dataset, levels, waits.lot, str(waits))
    return ablate(run, recipe, finish(run, levels, recipe))


def run_one_level(level: Level, run: Run, inputs: Sequence[InputFile], parent: Finished | None) -> Finished:
    """One level with its models resolved; what is finished is found."""
    read = inputs if level.source else ()
    with (
        _written_down(run, level.name),
        run.progress.beating(level.name),
        lineage.told(run, level.dataset, level.name, read, parent) as ended,
    ):
        level = with_earlier(with_models(level, run, parent), run.store, parent.manifest.recipe_id if parent else "")
        level = respecting(level, run.store)
        finished = run_level(level, run.store, run.runner, run.emit, read, parent)
        ended(finished)
        run.emit("level_done", summary([finished])[0])
    if finished.reused:
        run.say(f"{level.name}: nothing to do, {finished.manifest.rows_out:,} rows are there")
    return finished


@contextlib.contextmanager
def _written_down(run: Run, place: str) -> Iterator[None]:
    """At the end of the block the run's events are in the store, with why if it fails or waits for people."""
    try:
        yield
    except BaseException as error:
        name = "waiting" if isinstance(error, WaitsForPeople) else "failed"
        with contextlib.suppress(Exception):
            run.emit(name, {"level": place, "note": " ".join(str(error).split())[:500]})
        with contextlib.suppress(Exception):  # the store may be what is broken, and its error would hide this one
            write_events(run)
        raise
    write_events(run)


def finish(run: Run, levels: list[Finished], recipe: Recipe) -> Result:
    """Publish the last level's rows, write report.html and report.json."""
    with _written_down(run, "release"):
        release = publish(run.store, levels, recipe_text(recipe))
        others = tuple(f"{level.manifest.level}/{release.dataset}-" for level in levels)
        supersede(run.store, others, f"{release.dataset}@{release.version}")
        lot = next((level for level in levels if level.manifest.level == LEVEL), None)
        certificate = certify(run.store, lot) if lot else ""
        result = Result(release, levels, f"runs/{run.run_id}/report.html", certificate)
        _write_report(run, result)
        note = f"{release.dataset} {release.version}, {release.rows:,} rows"
        named = {"dataset": release.dataset, "version": release.version, "content_id": release.content_id}
        run.emit("published", {**named, "rows": release.rows, "note": note})
    for line in funnel_lines(summary(levels)):
        run.say(line)
    first = levels[0]
    for file in unreadable(run.store, first.directory, first.manifest)[:FILES_NAMED]:
        run.say(f"could not be read: {file['name']}, {file['rows']:,} entries in quarantine; first: {file['error']}")
    return result


def ablate(run: Run, recipe: Recipe, result: Result) -> Result:
    """The recipe's last task, if it asks for it: levels compared by proxy models, and the report with the verdict."""
    if recipe.ablation is None:
        return result
    settings = recipe.ablation.of_levels([level.name for level in recipe.levels()])
    found = ablate_levels(settings, run.store, result.levels, result.release.version, run.say)
    judged = replace(result, ablation=found)
    _write_report(run, judged)
    for line in verdict_lines(found):
        run.say(line)
    return judged


def _write_report(run: Run, result: Result) -> None:
    release = result.release
    directory, title = f"releases/{release.dataset}/{release.version}", f"{release.dataset}: run {run.run_id}"
    write_report(run.store, directory, result.report, result.levels, title)
    report = json.dumps(result.as_json(run.store), indent=1, sort_keys=True)
    run.store.replace(f"runs/{run.run_id}/report.json", report.encode())


def write_events(run: Run) -> None:
    run.store.replace(f"runs/{run.run_id}/events.jsonl", "".join(f"{event}\n" for event in run.events).encode())
