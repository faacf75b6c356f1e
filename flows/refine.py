"""The Prefect flow `refine`: one task per level, so that runs can be scheduled, retried and watched.

It calls the same functions as the command line. The manifest decides what is done; Prefect's state is for people.
Works without a server set up beforehand: Prefect then starts an embedded one on SQLite for the time of the run.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

# Before Prefect is imported: no telemetry, patience for a cold database (20 s is its default and is often too short),
# and none of the embedded server's chatter between the lines of the run.
for _name, _value in {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # it writes to ~/.prefect whatever the home is
}.items():
    os.environ.setdefault(_name, _value)
if "PREFECT_HOME" in os.environ:
    os.environ.setdefault("PREFECT_LOCAL_STORAGE_PATH", f"{os.environ['PREFECT_HOME']}/storage")

from prefect import flow, runtime, task  # noqa: E402
from prefect.artifacts import (  # noqa: E402
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.orchestration import get_client  # noqa: E402
from prefect.events import emit_event  # noqa: E402
from prefect.states import Completed  # noqa: E402

from flows.runs.ablation import verdict_lines  # noqa: E402
from flows.runs.paused import recipe_to_run  # noqa: E402
from flows.runs.recipe import RecipeError, load_recipe  # noqa: E402
from flows.runs.run import Result, Waiting, ablate, finish, open_run, plan_recipe, run_one_level  # noqa: E402
from flows.serve.parent import end_with_service  # noqa: E402
from pipeline.books.manifest import Manifest, load  # noqa: E402
from pipeline.errors import WaitsForPeople  # noqa: E402
from pipeline.report.funnel import funnel_lines, summary  # noqa: E402
from pipeline.run.level import Finished  # noqa: E402
from pipeline.store.store import Store, open_store  # noqa: E402

PUBLISHED = "orefine.version.published"
"""The event by which a new version starts what is chained to it, such as training (docs/service.md)."""
ON = "on:"
"""Begins the tag by which a run says its machine and process, `on:host:1234`."""
PROGRESS_SECONDS = 5.0


def _run_name() -> str:
    """`demo 2026-01-31 03:00`: what a person looks for in a list of runs is the data set."""
    parameters = runtime.flow_run.parameters
    try:
        name = load_recipe(parameters["recipe"], (), parameters.get("settings") or ()).dataset
    except RecipeError:  # the run itself says what is wrong with it
        name = Path(parameters["recipe"]).stem
    return f"{name} {datetime.now(UTC):%Y-%m-%d %H:%M}"


@flow(name="refine", flow_run_name=_run_name, validate_parameters=True)
def refine(
    recipe: str,
    inputs: list[str] | None = None,
    store: str = "store",
    runner: str = "auto",
    ray_address: str | None = None,
    workers: int | None = None,
    settings: list[str] | None = None,
) -> dict[str, Any]:
    """Run a recipe through its levels; returns what `orefine run --json` prints."""
    end_with_service()
    if runtime.deployment.id:
        _say_where()
        _check_paths(store, inputs or ())
    chosen, paused = recipe_to_run(recipe, inputs or (), settings or (), open_store(store))
    opened = cache(lambda: open_run(store, runner, ray_address, workers, chosen.l0_collect.source.paths))
    plan = plan_recipe(chosen, open_store(store), runner=lambda: opened().runner)
    plan.check()
    run = opened()
    for line in paused:
        run.say(line)
    levels = {one.name: one for one in chosen.levels()}

    # The cache stays off: the manifest is the only memory, two would disagree. No retries here: the runner owns them.
    @task(task_run_name="{name}", cache_policy=NO_CACHE, persist_result=False)
    def level(name: str, parent: tuple[str, bool] | None) -> tuple[str, bool]:
        """(manifest, whether it was there already): small enough for Prefect to carry."""
        shown = _Shown(chosen.dataset, name).hear
        run.listeners.append(shown)
        try:
            finished = run_one_level(levels[name], run, plan.inputs, _load(*parent) if parent else None)
        except WaitsForPeople as waits:  # as a state of its own: raised, it would be shown as an error
            asked.append(waits)
            return cast(tuple[str, bool], Completed(name="Waiting", message=str(waits)))
        finally:
            run.listeners.remove(shown)
        return finished.path, finished.reused

    def _load(path: str, reused: bool) -> Finished:
        return Finished(load(Manifest, run.store, path), path, reused)

    done: list[tuple[str, bool]] = []
    asked: list[WaitsForPeople] = []
    for one in levels:
        made = level(one, done[-1] if done else None)
        for waits in asked:  # the flow ends well, and the next one goes on when the lot is decided
            waiting = Waiting(chosen.dataset, [_load(*entry) for entry in done], waits.lot, str(waits))
            _show_waiting(waiting.as_json(run.store))
            return waiting.as_json(run.store)
        done.append(made)
    result = finish(run, [_load(*entry) for entry in done], chosen)
    _show(result, run.store)
    if chosen.ablation is not None:

        @task(task_run_name="ablation", cache_policy=NO_CACHE, persist_result=False)
        def judge() -> dict[str, Any]:
            nonlocal result
            result = ablate(run, chosen, result)
            return dict(result.ablation or {})

        _show_verdict(judge(), chosen.dataset, run.store)
    return result.as_json(run.store)


def _say_where() -> None:
    with contextlib.suppress(Exception), get_client(sync_client=True) as client:
        tags = [*runtime.flow_run.tags, f"{ON}{socket.gethostname()}:{os.getpid()}"]
        client.update_flow_run(runtime.flow_run.id, tags=tags)


def _check_paths(store: str, inputs: Sequence[str]) -> None:
    """A worker runs each flow in a folder of its own choice, where a relative path is somewhere else each time."""
    relative = [path for path in (store, *inputs) if "://" not in path and not Path(path).is_absolute()]
    if relative:
        raise RecipeError(
            f"'{relative[0]}' is a relative path, which a scheduled run cannot have; give the deployment absolute ones "
            "(for prefect.yaml: OREFINE_STORE=/data/store prefect deploy …)"
        )


class _Shown:
    """A level's progress on Prefect's page of the run. What goes wrong with it is no matter of the run."""

    def __init__(self, dataset: str, level: str) -> None:
        self._key, self._level = _key("progress", dataset, level), level
        self._artifact: Any = None
        self._told = 0.0

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """Tell of a finished shard, at most every few seconds, and of the last one."""
        if event != "shard_done":
            return
        is_soon = time.monotonic() - self._told < PROGRESS_SECONDS
        if self._artifact is not None and is_soon and fields["done"] < fields["of"]:
            return
        self._told = time.monotonic()
        percent = 100.0 * fields["done"] / max(1, fields["of"])
        text = f"{fields['level']}: {fields['done']} of {fields['of']} shards, {fields['rows_out']:,} rows kept"
        with contextlib.suppress(Exception):
            if self._artifact is None:
                self._artifact = create_progress_artifact(percent, self._key, text)
            else:
                update_progress_artifact(self._artifact, percent, text)


def _show(result: Result, store: Store) -> None:
    """The funnel as lines and as a table, the places of what was made, and the event of a new version."""
    release = result.release
    said = result.as_json(store)
    places = [f"- {name}: `{said[name]}`" for name in ("release", "report", "certificate") if name in said]
    rows = summary(result.levels)
    lines = ["```", *funnel_lines(rows), "```", "", *places]
    create_markdown_artifact(
        key=_key("funnel", release.dataset),
        markdown=f"Version `{release.version}`\n\n" + "\n".join(lines) + "\n",
        description="What came in, what stayed, what went and why",
    )
    create_table_artifact(_table(rows), _key("reasons", release.dataset), "Rows by level and fate")
    if not result.levels[-1].reused:
        emit_event(
            PUBLISHED,
            resource={
                "prefect.resource.id": f"orefine.dataset.{release.dataset}",
                "orefine.dataset": release.dataset,
                "orefine.version": release.version,
                "orefine.content_id": release.content_id,
                "orefine.release": said["release"],
            },
            payload={"rows": release.rows, "report": said["report"]},
        )


def _show_verdict(found: Mapping[str, Any], dataset: str, store: Store) -> None:
    page = f"{found['result'].removesuffix('ablation.json')}report.md"
    markdown = "\n".join([*verdict_lines(found), "", f"By domain, controls, runs: `{page}`"])
    create_markdown_artifact(key=_key("ablation", dataset), markdown=markdown, description="What proxy models say")


def _table(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    table = []
    for level in rows:
        fates = {"kept": level["rows_out"], **level["dropped"], "quarantined": level["quarantined"]}
        table += [{"level": level["level"], "fate": fate, "rows": count} for fate, count in fates.items()]
    return table


def _show_waiting(waiting: dict[str, Any]) -> None:
    found = waiting["waiting"]
    create_markdown_artifact(
        key=_key("waiting", waiting["dataset"]),
        markdown=f"Lot `{found['lot']}` waits for people; the next run after their decision goes on.\n\n"
        f"```\n{found['way_on']}\n```\n",
        description="What people have to judge before anything is published",
    )


def _key(*parts: str) -> str:
    """Lower case, digits and dashes, as Prefect wants it."""
    return "-".join(parts).lower().replace("_", "-").replace(".", "-")
