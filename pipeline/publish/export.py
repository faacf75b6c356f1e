"""A release as a folder outside of the store, in the form that other tools take."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.publish.croissant import NAME
from pipeline.publish.release import croissant_of, load_release
from pipeline.store.damage import damaged
from pipeline.store.shard import file_sha256
from pipeline.store.store import Store

MANIFEST = "manifest.json"


class NotEmpty(UsageError):
    """The folder to write to holds something else, which readers would take for a part of the release."""


def export_hf(store: Store, directory: str, target: Path) -> Path:
    """A folder that `datasets.load_dataset` and the Hugging Face hub take as it is.

    It is empty before, or holds files of this version: what a call that was killed has left is completed.
    """
    release = load_release(store, directory)
    hashes = {file.path: file.sha256 for file in release.files}
    _check_target(target, hashes, store.read(f"{directory}/{MANIFEST}"))
    for name, sha256 in hashes.items():
        _copy(store, f"{directory}/{name}", target / name, sha256)
    _copy(store, f"{directory}/{MANIFEST}", target / MANIFEST)  # last: the copy is whole
    return target


def export_croissant(store: Store, directory: str, target: Path) -> Path:
    """The same, with a `croissant.json` also for versions from before releases had one."""
    release = load_release(store, directory)
    if any(file.path == NAME for file in release.files):
        return export_hf(store, directory, target)
    (target / NAME).unlink(missing_ok=True)
    export_hf(store, directory, target)
    (target / NAME).write_text(croissant_of(store, directory, release), encoding="utf-8")
    return target


def _check_target(target: Path, hashes: dict[str, str], manifest: bytes) -> None:
    for file in target.rglob("*") if target.is_dir() else ():
        name = str(file.relative_to(target))
        if file.is_symlink():
            raise NotEmpty(f"{file} is a link, which may lead out of {target}; export to an empty folder")
        if file.is_dir() or _is_part(file, target, hashes):
            continue
        same = file.read_bytes() == manifest if name == MANIFEST else file_sha256(file) == hashes.get(name)
        if not same:
            raise NotEmpty(
                f"{target} holds '{name}', which is no file of this version, and readers would mix them; "
                "export to an empty folder, or remove it first"
            )


def _is_part(file: Path, target: Path, hashes: dict[str, str]) -> bool:
    """Whether a call that was killed has left this."""
    names = {_part(target / name) for name in (*hashes, MANIFEST)}
    return file in names


def _part(place: Path) -> Path:
    return place.with_name(f".{place.name}.part")


def _copy(store: Store, path: str, place: Path, sha256: str | None = None) -> None:
    if place.exists():  # and is the same, by the check before
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    part = _part(place)
    with store.open(path) as source, open(part, "wb") as copied:
        shutil.copyfileobj(source, copied, 1 << 20)
    if sha256 and file_sha256(part) != sha256:
        part.unlink()
        raise damaged(store, path, f"its sha256 is not the {sha256[:16]}… that the manifest states")
    os.replace(part, place)
