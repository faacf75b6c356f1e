"""A release as a folder outside of the store, in the form that other tools take."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.publish import ablated
from pipeline.publish.croissant import NAME
from pipeline.publish.release import CARD, croissant_of, load_release
from pipeline.store.damage import damaged
from pipeline.store.shard import FileEntry, file_sha256
from pipeline.store.store import Store

MANIFEST = "manifest.json"


class NotEmpty(UsageError):
    """The folder to write to holds something else, which readers would take for a part of the release."""


def export_hf(store: Store, directory: str, target: Path) -> Path:
    """A folder that `datasets.load_dataset` and the Hugging Face hub take as it is.

    It is empty before, or holds files of this version: what a call that was killed has left is completed. If the
    version was judged by an ablation, its card ends with the result.
    """
    release = load_release(store, directory)
    files = {file.path: file for file in release.files}
    _check_target(target, files, store.read(f"{directory}/{MANIFEST}"))
    for name, file in files.items():
        _copy(store, f"{directory}/{name}", target / name, file.sha256)
    if found := ablated.load_ablation(store, release.dataset, release.version):
        claims = ablated.claims_of(found)
        card = (target / CARD).read_bytes()[: files[CARD].bytes]
        _write(target / ablated.NAME, json.dumps(claims, indent=1, ensure_ascii=False).encode())
        _write(target / CARD, card + ablated.card_section(claims).encode())
    _copy(store, f"{directory}/{MANIFEST}", target / MANIFEST)  # last: the copy is whole
    return target


def is_card(data: bytes, card: FileEntry) -> bool:
    """Whether this is the card of a release, perhaps with a section behind it."""
    return hashlib.sha256(data[: card.bytes]).hexdigest() == card.sha256


def export_croissant(store: Store, directory: str, target: Path) -> Path:
    """The same, with a `croissant.json` also for versions from before releases had one."""
    release = load_release(store, directory)
    if any(file.path == NAME for file in release.files):
        return export_hf(store, directory, target)
    (target / NAME).unlink(missing_ok=True)
    export_hf(store, directory, target)
    (target / NAME).write_text(croissant_of(store, directory, release), encoding="utf-8")
    return target


def _check_target(target: Path, files: Mapping[str, FileEntry], manifest: bytes) -> None:
    has_card = (target / CARD).is_file() and is_card((target / CARD).read_bytes(), files[CARD])
    for file in target.rglob("*") if target.is_dir() else ():
        name = str(file.relative_to(target))
        if file.is_symlink():
            raise NotEmpty(f"{file} is a link, which may lead out of {target}; export to an empty folder")
        if file.is_dir() or _is_part(file, target, files) or (has_card and name in (CARD, ablated.NAME)):
            continue
        is_same = file.read_bytes() == manifest if name == MANIFEST else _is(file, files.get(name))
        if not is_same:
            raise NotEmpty(
                f"{target} holds '{name}', which is no file of this version, and readers would mix them; "
                "export to an empty folder, or remove it first"
            )


def _is(file: Path, entry: FileEntry | None) -> bool:
    return entry is not None and file_sha256(file) == entry.sha256


def _is_part(file: Path, target: Path, files: Mapping[str, FileEntry]) -> bool:
    """Whether a call that was killed has left this."""
    return file in {_part(target / name) for name in (*files, MANIFEST, ablated.NAME)}


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


def _write(place: Path, data: bytes) -> None:
    _part(place).write_bytes(data)
    os.replace(_part(place), place)
