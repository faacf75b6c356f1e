"""Remove what no version of a store leads to any more: levels, finished or not, and releases.

Kept is what a ref names (latest, history, tags), all levels behind it, and the levels that those were compared with.
While anything is being made nothing is removed: a level that is done has no lease of its own while the next one runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.books.manifest import Manifest, dump, load
from pipeline.errors import UsageError
from pipeline.publish.release import Refs, datasets, load_release
from pipeline.run.reuse import FOLDER as REUSE
from pipeline.store.artifact import FOLDER as STATE
from pipeline.store.artifact import unfinished
from pipeline.store.store import Store
from pipeline.upkeep.takedown import LEVELS, place_of


class Busy(UsageError):
    """Something is being made in the store."""


@dataclass
class Garbage:
    """What may go: folders of the store, with their bytes."""

    folders: dict[str, int] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    """`dataset@version` that leave their history, with `keep_versions`."""

    def lines(self) -> list[str]:
        """For people."""
        lines = [f"version {one} leaves the history" for one in self.versions]
        lines += [f"{size:>15,} bytes  {folder}" for folder, size in sorted(self.folders.items())]
        return [*lines, f"{sum(self.folders.values()):>15,} bytes in {len(self.folders):,} folders"]


def find_garbage(store: Store, keep_versions: int | None = None) -> Garbage:
    """What nothing leads to. `keep_versions`: of each data set only so many of the last, and what is tagged."""
    attempts = unfinished(store)
    busy = [key for key, state in attempts.items() if state.name in ("leased", "waiting")]
    if busy:
        raise Busy(f"{store.root}: {busy[0]} is being made or waits for people; `orefine show --runs` says more")
    found = Garbage()
    kept: set[str] = set()
    for dataset, refs in datasets(store).items():
        versions = _kept(refs, keep_versions)
        found.versions += [f"{dataset}@{version}" for version in refs.history if version not in versions]
        for version in versions:
            directory = f"releases/{dataset}/{version}"
            kept.add(directory)
            for parent in load_release(store, directory).levels:
                kept |= set(_level(store, parent.manifest.rsplit("/", 1)[0]))
    for folder in (*LEVELS, "releases"):
        for path in store.list(folder):
            if (place := place_of(path)) not in kept:
                found.folders[place] = found.folders.get(place, 0) + store.size(path)
    for key, state in attempts.items():
        if state.superseded and (place := place_of(key)) not in kept:
            found.folders.setdefault(place, 0)  # an attempt that wrote nothing
    return found


def collect(store: Store, garbage: Garbage) -> None:
    """Remove it: first from the refs, so that nobody finds what is about to go."""
    for one in garbage.versions:
        dataset, _, version = one.partition("@")
        path = f"refs/{dataset}.json"
        while True:
            before = store.read(path)
            refs = load(Refs, store, path, before)
            refs.history = [known for known in refs.history if known != version]
            if store.compare_and_swap(path, before, dump(refs)):
                break
    for folder in garbage.folders:
        store.remove(f"{folder}/manifest.json")  # first: what is half removed must not look complete
        store.remove(folder)
        store.remove(f"{REUSE}/{folder}.json")
        store.remove(f"{STATE}/{folder}.json")
        store.remove(f"{STATE}/{folder}")


def _kept(refs: Refs, keep_versions: int | None) -> list[str]:
    last = refs.history if keep_versions is None else refs.history[-keep_versions:]
    return list(dict.fromkeys([*last, refs.latest, *refs.tags.values()]))


def _level(store: Store, directory: str) -> Iterator[str]:
    """The level and those that its duplicates were compared with."""
    yield directory
    path = f"{directory}/manifest.json"
    if store.exists(path):
        for step in load(Manifest, store, path).steps:
            for place in step.get("against", ()):
                yield str(place).removeprefix(f"{store.root}/").removesuffix("/manifest.json")
