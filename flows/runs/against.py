"""Find the earlier levels that duplicate steps compare with: by data set, version, or path."""

from __future__ import annotations

from dataclasses import replace

from flows.runs.recipe import RecipeError
from pipeline.books.manifest import Manifest, load
from pipeline.publish.release import UnknownRef, datasets, load_release, resolve
from pipeline.run.passes import Level
from pipeline.steps import Step
from pipeline.store.store import Store, is_location, locate


def with_earlier(level: Level, store: Store, own: str) -> Level:
    """The level with every `against` as locations of manifests: any task on any machine finds them.

    `own`: the recipe id of the level before this one.
    """
    return replace(level, steps=tuple(_resolved(step, level, store, own) for step in level.steps))


def _resolved(step: Step, level: Level, store: Store, own: str) -> Step:
    places = getattr(step, "against", ())
    if not places:
        return step
    found = [manifest for place in places for manifest in _manifests(place, level, store, own)]
    return step.model_copy(update={"against": tuple(found)})


def _manifests(place: str, level: Level, store: Store, own: str) -> list[str]:
    """`place` by itself, as a path in the store, or as what `orefine show` takes; a data set means all its versions."""
    for path in (f"{place}/manifest.json", place):
        around, name = locate(path) if is_location(path) else (store, path)
        if path.endswith(".json") and around.exists(name):
            return [around.shown(name)]
    if place in datasets(store) or place == level.dataset:
        return [store.shown(path) for path in _all_versions(place, level.name, store, own)]
    try:
        directory = resolve(store, place)
    except UnknownRef as error:
        raise RecipeError(f"{level.name}: against '{place}': no finished level lies there, and {error}") from None
    return [store.shown(_level_of(store, directory, level.name, place))]


def _all_versions(dataset: str, level: str, store: Store, own: str) -> list[str]:
    """The last version from each input; none from this run's own, so that a second run finds its first one done."""
    refs = datasets(store).get(dataset)
    found = {}
    for version in refs.history if refs else ():
        path = _level_of(store, f"releases/{dataset}/{version}", level, f"{dataset}@{version}")
        source = load(Manifest, store, path).parents[0].recipe_id
        found[source] = path
    return [path for source, path in found.items() if source != own]


def _level_of(store: Store, directory: str, level: str, place: str) -> str:
    for one in load_release(store, directory).levels:
        if one.level == level:
            return one.manifest
    raise RecipeError(f"{level}: against '{place}': that release has no level {level}; name one that has")
