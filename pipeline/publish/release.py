"""Releases and refs: immutable versions that readers open, and the one mutable object that names the latest.

    releases/<dataset>/<version>/   README.md (dataset card), croissant.json, manifest.json,
                                    data/train-00000-of-00042.parquet
    refs/<dataset>.json             latest, history and tags; changed by compare-and-swap

A version's name follows from the recipe id and the content id of its last level: the same work is the same version.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pydantic import BaseModel, Field

from pipeline.books.manifest import FORMAT, Manifest, Parent, Purged, dump, load
from pipeline.errors import UsageError
from pipeline.publish import compact, croissant
from pipeline.publish.card import dataset_card
from pipeline.rows.document import content_hash
from pipeline.run.level import Finished, as_parent
from pipeline.store.appear import appearing
from pipeline.store.artifact import Artifact
from pipeline.store.damage import damaged
from pipeline.store.shard import FileEntry, describe_file, stored_sha256
from pipeline.store.store import Store

CARD = "README.md"
RECIPE = "recipe.yaml"


class UnknownRef(UsageError):
    """No data set, version or document of that name; says which there are."""


class Release(BaseModel):
    """manifest.json of a release."""

    format: int = FORMAT
    dataset: str
    version: str
    content_id: str
    recipe_id: str
    level: str
    rows: int
    levels: list[Parent]
    """All levels that led here, first to last."""
    funnel: list[dict[str, Any]]
    files: list[FileEntry]
    """Paths relative to the release's folder."""
    packed: dict[str, list[str]] = Field(default_factory=dict)
    """Data file → sha256 of the last level's files whose rows it holds, in their order; others are copies of one."""
    purged: list[Purged] = Field(default_factory=list)


class Refs(BaseModel):
    """refs/<dataset>.json"""

    latest: str
    history: list[str] = Field(default_factory=list)
    """Versions in the order in which they first became latest."""
    tags: dict[str, str] = Field(default_factory=dict)


def publish(store: Store, levels: Sequence[Finished], recipe: str = "") -> Release:
    """Make the last level's rows a release and point the data set's ref at it. Doing it twice changes nothing.

    `recipe`: as text, to lie beside the data.
    """
    last = levels[-1].manifest
    version = version_of(last.recipe_id, last.content_id)
    directory = f"releases/{last.dataset}/{version}"
    path = f"{directory}/manifest.json"

    def build() -> bytes:
        with appearing(store, directory) as filled:
            _build(store, levels, filled, version, recipe)
        return store.read(path)

    release = load(Release, store, path, Artifact(store, directory, path).make(build))
    _point(store, last.dataset, version)
    return release


def version_of(recipe_id: str, content_id: str) -> str:
    return content_hash(recipe_id, content_id)[:12]


def _build(store: Store, levels: Sequence[Finished], directory: str, version: str, recipe: str) -> None:
    """Write the release's files into a folder: the last level's data, large files as copies, small ones together."""
    last, manifests = levels[-1], [one.manifest for one in levels]
    files, packed = _fill(store, levels[-1], directory)
    release = Release(
        **last.manifest.model_dump(include={"dataset", "content_id", "recipe_id", "level"}),
        version=version,
        rows=last.manifest.rows_out,
        levels=[as_parent(one) for one in levels],
        funnel=funnel(manifests),
        files=files,
        packed=packed,
    )
    if recipe:
        _add(store, directory, release, RECIPE, "recipe", recipe)
    _add(store, directory, release, croissant.NAME, "croissant", croissant_of(store, directory, release))
    _add(store, directory, release, CARD, "card", card_of(store, directory, release, manifests))
    store.create(f"{directory}/manifest.json", dump(release))


def _fill(store: Store, last: Finished, directory: str) -> tuple[list[FileEntry], dict[str, list[str]]]:
    """Write the data files; their entries, and `Release.packed`."""
    files, packed = [], {}
    groups = compact.groups(published_files(last.manifest.of("data")))
    earlier = _packed_before(store, last.manifest.dataset)
    for number, parts in enumerate(groups):
        name, hashes = f"data/train-{number:05d}-of-{len(groups):05d}.parquet", [file.sha256 for file in parts]
        target = f"{directory}/{name}"
        if len(parts) == 1:
            file, source = parts[0], f"{last.directory}/{parts[0].path}"
            if not _copied(store, source, target, file.sha256):
                raise damaged(store, source, "its copy for the release has another sha256 than was written")
        else:
            packed[name] = hashes
            source, file = earlier.get(tuple(hashes), ("", parts[0]))
            if not source or not _copied(store, source, target, file.sha256):
                file = compact.pack(store, last.directory, parts, target)
        files.append(file.model_copy(update={"path": name}))
    return files, packed


def published_files(data: Sequence[FileEntry]) -> list[FileEntry]:
    """Those of a level's data files whose rows a release holds."""
    # Readers choke on a folder of empty files less than on none: one empty file stays if there is nothing else.
    return [file for file in data if file.rows] or list(data[:1])


def _packed_before(store: Store, dataset: str) -> dict[tuple[str, ...], tuple[str, FileEntry]]:
    """Hashes of parts → path and entry of the file in the latest version; none if a purge took rows out of it."""
    path = f"refs/{dataset}.json"
    directory = f"releases/{dataset}/{load(Refs, store, path).latest}" if store.exists(path) else ""
    if not directory or not store.exists(f"{directory}/manifest.json"):
        return {}
    release = load_release(store, directory)
    files = {file.path: file for file in release.files}
    packed = {} if release.purged else release.packed
    return {tuple(hashes): (f"{directory}/{name}", files[name]) for name, hashes in packed.items()}


def _copied(store: Store, source: str, target: str, sha256: str) -> bool:
    """Copy a file, and say whether it is the one that was written; if not there is no copy."""
    store.copy(source, target)
    if stored_sha256(store, target) == sha256:
        return True
    store.remove(target)
    return False


def _add(store: Store, directory: str, release: Release, name: str, role: str, text: str) -> None:
    store.create(f"{directory}/{name}", text.encode())
    release.files.append(describe_file(store, f"{directory}/{name}", role, 0).model_copy(update={"path": name}))


def card_of(store: Store, directory: str, release: Release, manifests: Sequence[Manifest]) -> str:
    """The card that follows from the manifests and from the first row of the release's files."""
    first = next((file.path for file in release.files if file.role == "data"), None)
    has_recipe = any(file.role == "recipe" for file in release.files)
    if first is None:
        return dataset_card(release, manifests, has_recipe=has_recipe)
    with store.open(f"{directory}/{first}") as opened:
        file = pq.ParquetFile(opened, page_checksum_verification=True)
        batch = next(file.iter_batches(1), None)
        rows = batch.to_pylist() if batch is not None else []
        return dataset_card(release, manifests, file.schema_arrow, rows[0] if rows else None, has_recipe)


def croissant_of(store: Store, directory: str, release: Release) -> str:
    """The Croissant file that follows from the manifest and from the columns of the release's files."""
    columns: dict[str, str] = {}
    for file in release.files:
        if file.role == "data":
            with store.open(f"{directory}/{file.path}") as opened:
                columns = {column.name: str(column.type) for column in pq.read_schema(opened)}
            break
    return croissant.croissant_text(release, columns)


def funnel(manifests: Sequence[Manifest]) -> list[dict[str, Any]]:
    """A row per level: what came in, what stayed, what went and why."""
    names = ("level", "rows_in", "rows_made", "rows_out", "dropped", "quarantined", "bytes_in", "bytes_out")
    return [
        manifest.model_dump(mode="json", include=set(names)) | {"steps": manifest.counted_steps()}
        for manifest in manifests
    ]


def _point(store: Store, dataset: str, version: str) -> None:
    path = f"refs/{dataset}.json"
    while True:
        before = store.read(path) if store.exists(path) else None
        refs = load(Refs, store, path) if before else Refs(latest=version)
        if before and refs.latest == version:
            return
        refs.latest = version
        refs.history = [*(known for known in refs.history if known != version), version]
        if store.compare_and_swap(path, before, dump(refs)):
            return


def resolve(store: Store, ref: str) -> str:
    """The folder of a release in the store: for `dataset`, `dataset@tag`, `dataset@version` or `dataset/version`."""
    dataset, _, wanted = ref.replace("/", "@").partition("@")
    path = f"refs/{dataset}.json"
    if not store.exists(path):
        known = [Path(name).stem for name in store.list("refs") if name.endswith(".json")]
        raise UnknownRef(f"no data set '{dataset}' in {store.root}; there are: {', '.join(known) or 'none'}")
    refs = load(Refs, store, path)
    version = refs.tags.get(wanted, wanted) if wanted and wanted != "latest" else refs.latest
    matching = [known for known in refs.history if known.startswith(version)]
    if len(matching) != 1:
        raise UnknownRef(f"no version '{wanted}' of '{dataset}'; there are: {', '.join(refs.history)}")
    return f"releases/{dataset}/{matching[0]}"


def load_release(store: Store, directory: str) -> Release:
    return load(Release, store, f"{directory}/manifest.json")


def datasets(store: Store) -> dict[str, Refs]:
    """Every data set of the store with its versions."""
    found = {}
    for path in store.list("refs"):
        if path.endswith(".json"):
            found[Path(path).stem] = load(Refs, store, path)
    return found
