"""Releases and refs: immutable versions that readers open, and the one mutable object that names the latest.

    releases/<dataset>/<version>/   README.md (dataset card), manifest.json, data/train-00000-of-00042.parquet
    refs/<dataset>.json             latest, history and tags; changed by compare-and-swap

A version's name follows from the recipe id and the content id of its last level: the same work is the same version.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from pipeline.books.manifest import FORMAT, Manifest, Parent, dump
from pipeline.publish.card import dataset_card
from pipeline.rows.document import content_hash
from pipeline.run.level import Finished
from pipeline.store.shard import FileEntry, file_sha256, stored_sha256
from pipeline.store.store import Store


class UnknownRef(LookupError):
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


class Refs(BaseModel):
    """refs/<dataset>.json"""

    latest: str
    history: list[str] = Field(default_factory=list)
    """Versions in the order in which they first became latest."""
    tags: dict[str, str] = Field(default_factory=dict)


def publish(store: Store, levels: Sequence[Finished]) -> Release:
    """Make the last level's rows a release and point the data set's ref at it. Doing it twice changes nothing."""
    last = levels[-1]
    dataset = last.manifest.dataset
    version = content_hash(last.manifest.recipe_id, last.manifest.content_id)[:12]
    directory = f"releases/{dataset}/{version}"
    path = f"{directory}/manifest.json"
    if store.exists(path):
        release = Release.model_validate_json(store.read(path))
    else:
        release = _build(store, levels, directory, version)
        store.create(path, dump(release))
    _point(store, dataset, version)
    return release


def _build(store: Store, levels: Sequence[Finished], directory: str, version: str) -> Release:
    last = levels[-1]
    data = [file for file in last.manifest.files if file.role == "data"]
    # Readers choke on a folder of empty files less than on none: one empty file stays if there is nothing else.
    chosen = [file for file in data if file.rows] or data[:1]
    files = []
    for number, file in enumerate(chosen):
        name = f"data/train-{number:05d}-of-{len(chosen):05d}.parquet"
        store.copy(f"{last.directory}/{file.path}", f"{directory}/{name}")
        files.append(file.model_copy(update={"path": name}))
    release = Release(
        dataset=last.manifest.dataset,
        version=version,
        content_id=last.manifest.content_id,
        recipe_id=last.manifest.recipe_id,
        level=last.manifest.level,
        rows=last.manifest.rows_out,
        levels=[
            Parent(
                level=one.manifest.level,
                recipe_id=one.manifest.recipe_id,
                content_id=one.manifest.content_id,
                manifest=one.path,
            )
            for one in levels
        ],
        funnel=funnel([one.manifest for one in levels]),
        files=files,
    )
    store.create(f"{directory}/README.md", dataset_card(release, [one.manifest for one in levels]).encode())
    return release


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
        refs = Refs.model_validate_json(before) if before else Refs(latest=version)
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
        known = sorted(Path(name).stem for name in store.list("refs") if name.endswith(".json"))
        raise UnknownRef(f"no data set '{dataset}' in {store.root}; there are: {', '.join(known) or 'none'}")
    refs = Refs.model_validate_json(store.read(path))
    version = refs.tags.get(wanted, wanted) if wanted and wanted != "latest" else refs.latest
    matching = [known for known in refs.history if known.startswith(version)]
    if len(matching) != 1:
        raise UnknownRef(f"no version '{wanted}' of '{dataset}'; there are: {', '.join(refs.history)}")
    return f"releases/{dataset}/{matching[0]}"


def load_release(store: Store, directory: str) -> Release:
    return Release.model_validate_json(store.read(f"{directory}/manifest.json"))


def verify_release(store: Store, directory: str) -> list[str]:
    """What is wrong with a release and the levels behind it; empty if every byte is as published."""
    release = load_release(store, directory)
    findings = _check_files(store, directory, release.files)
    for level in release.levels:
        if not store.exists(level.manifest):
            findings.append(f"{level.manifest}: missing; the release's {level.level} cannot be checked")
            continue
        manifest = Manifest.model_validate_json(store.read(level.manifest))
        if manifest.content_id != level.content_id:
            findings.append(f"{level.manifest}: content id {manifest.content_id}, the release says {level.content_id}")
        findings += _check_files(store, level.manifest.rsplit("/", 1)[0], manifest.files)
    return findings


def _check_files(store: Store, directory: str, files: Sequence[FileEntry]) -> list[str]:
    findings = []
    for file in files:
        path = f"{directory}/{file.path}"
        if not store.exists(path):
            findings.append(f"{path}: missing")
        elif (found := stored_sha256(store, path)) != file.sha256:
            findings.append(f"{path}: sha256 {found[:16]}…, the manifest says {file.sha256[:16]}…")
    return findings


def export_hf(store: Store, directory: str, target: Path) -> Path:
    """A folder that `datasets.load_dataset` and the Hugging Face hub take as it is."""
    release = load_release(store, directory)
    (target / "data").mkdir(parents=True, exist_ok=True)
    for name in ("README.md", "manifest.json", *(file.path for file in release.files)):
        with store.open(f"{directory}/{name}") as source, open(target / name, "wb") as copied:
            shutil.copyfileobj(source, copied, 1 << 20)
    findings = [file.path for file in release.files if file_sha256(target / file.path) != file.sha256]
    if findings:
        raise OSError(f"export to {target}: {', '.join(findings)} differ from the release; run `orefine verify`")
    return target


def datasets(store: Store) -> dict[str, Refs]:
    """Every data set of the store with its versions."""
    found = {}
    for path in store.list("refs"):
        if path.endswith(".json"):
            found[Path(path).stem] = Refs.model_validate(json.loads(store.read(path)))
    return found
