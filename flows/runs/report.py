"""The report of a version: from its manifests, the recipe that lies beside it, and a sample measured again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import yaml

from flows.runs.models import with_trained
from flows.runs.recipe import LEVELS, Recipe, load_recipe_text
from flows.runs.sections import all_sections
from pipeline.books.manifest import Manifest, load
from pipeline.publish.ablated import load_ablation
from pipeline.publish.release import RECIPE, Refs, Release, load_release
from pipeline.report.funnel import summary
from pipeline.report.page import Before, Page, report_html
from pipeline.report.rules import SampleView, view_of
from pipeline.report.samples import evenly
from pipeline.rows.batch import Batch
from pipeline.run.level import Finished
from pipeline.run.measure import measure
from pipeline.run.passes import Level
from pipeline.steps import Step
from pipeline.store.checked import open_checked
from pipeline.store.store import Store

SAMPLE = 1000
"""Rows that are measured for the pictures of a level."""


def recipe_text(recipe: Recipe) -> str:
    """The recipe as YAML that `--input` completes. Without its paths: where the input lay is no part of the result."""
    kept: dict[str, Any] = {"dataset": recipe.dataset}
    for name in LEVELS:
        settings = getattr(recipe, name)
        if settings is None:
            continue
        found: dict[str, Any] = {}
        if name == "l0_collect":
            source = settings.source
            found["source"] = {"kind": source.kind} | source.model_dump(
                mode="json", exclude={"paths"}, exclude_unset=True
            )
        found["steps"] = [
            {"kind": step.kind} | step.model_dump(mode="json", exclude_unset=True) for step in settings.steps
        ]
        if settings.keep_dropped_text:
            found["keep_dropped_text"] = True
        kept[name] = found
    return "# Give the input with --input.\n" + yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=110)


def recipe_of(store: Store, directory: str) -> Recipe | None:
    """The recipe that lies in a release; None in releases from before it was kept."""
    path = f"{directory}/{RECIPE}"
    if not store.exists(path):
        return None
    return load_recipe_text(store.read(path).decode())


def write_report(store: Store, directory: str, path: str, levels: Sequence[Finished], title: str = "") -> None:
    """Write the page of a release to `path`."""
    store.replace(path, report_of(store, directory, levels, title).encode())


def report_of(store: Store, directory: str, levels: Sequence[Finished], title: str = "") -> str:
    release = load_release(store, directory)
    facts = {
        "version": release.version, "content id": release.content_id, "recipe id": release.recipe_id,
        "store": store.root,
    }  # fmt: skip
    recipe = recipe_of(store, directory)
    samples = {}
    for level in recipe.levels() if recipe else ():
        one = next((done for done in levels if done.manifest.level == level.name), None)
        if one is not None and (sample := sample_of(store, level, one.manifest)):
            samples[level.name] = sample
    text = store.read(f"{directory}/{RECIPE}").decode() if recipe else ""
    page = Page(
        title or f"{release.dataset} {release.version}", summary(levels), facts, samples, text, before(store, release),
        load_ablation(store, release.dataset, release.version),
    )  # fmt: skip
    return report_html(page, store, all_sections())


def finished_levels(store: Store, release: Release) -> list[Finished]:
    """The levels behind a release, from their manifests."""
    return [Finished(load(Manifest, store, one.manifest), one.manifest, reused=True) for one in release.levels]


def sample_of(store: Store, level: Level, manifest: Manifest) -> SampleView | None:
    """What the level's rules measure over some of the rows that came to it; None if it has no rule to show."""
    if not manifest.parents or not store.exists(manifest.parents[0].manifest):
        return None
    level = with_trained(level, store, manifest.parents[0].recipe_id)
    batch = rows_before(store, manifest)
    if batch is None:
        return None
    found = measure(measuring(level.steps), batch)
    where = f" of {manifest.rows_in:,} that came to the level" if len(batch) < manifest.rows_in else ""
    return view_of(found, batch.text.to_pylist(), where) if found.rules else None


def measuring(steps: Sequence[Step]) -> list[Step]:
    """The steps, told to measure every rule on every row."""
    return [
        step.model_copy(update={"keep_signals": True}) if "keep_signals" in type(step).model_fields else step
        for step in steps
    ]


def rows_before(store: Store, manifest: Manifest, wanted: int = SAMPLE) -> Batch | None:
    """Rows that came to a level: the first ones of some of the shards, evenly spread."""
    path = manifest.parents[0].manifest
    parent, folder = load(Manifest, store, path), path.rpartition("/")[0]
    files = [file for file in parent.of("data") if file.rows]
    chosen = evenly(files)
    parts: list[pa.RecordBatch] = []
    for file in chosen:
        left = -(-wanted // len(chosen))
        with open_checked(store, f"{folder}/{file.path}", file) as opened:  # reads no more of the file than these rows
            for rows in opened.iter_batches(left):
                parts.append(rows.slice(0, left))
                left -= len(parts[-1])
                if left <= 0:
                    break
    if not parts or "text" not in parts[0].schema.names:
        return None
    return Batch(pa.Table.from_batches(parts).combine_chunks().to_batches()[0])


def before(store: Store, release: Release) -> Before | None:
    """The version that was the latest before this one."""
    path = f"refs/{release.dataset}.json"
    history = load(Refs, store, path).history if store.exists(path) else []
    place = history.index(release.version) if release.version in history else 0
    if place == 0:
        return None
    earlier = load_release(store, f"releases/{release.dataset}/{history[place - 1]}")
    return Before(earlier.version, earlier.funnel, _differences(_settings(store, earlier), _settings(store, release)))


def _settings(store: Store, release: Release) -> dict[str, str]:
    """`l1_filter 02 gopher_quality min_doc_words` → its value, as far as the manifests are still there."""
    found = {}
    for level in release.levels:
        if store.exists(level.manifest):
            manifest = load(Manifest, store, level.manifest)
            for name, step in zip(manifest.names, manifest.steps, strict=True):
                for key, value in step.items():
                    if key not in ("kind", "shows"):
                        found[f"{level.level} {name} {key}"] = json.dumps(value)
    return found


def _differences(old: dict[str, str], new: dict[str, str]) -> list[tuple[str, str, str]]:
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [(name, old.get(name, "-")[:200], new.get(name, "-")[:200]) for name in names]
