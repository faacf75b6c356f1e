"""What is wrong with a release that lies outside of a store: a folder that `orefine export` has written.

Its levels are not there, so nothing can be computed from them again: files are held to the manifest and the manifest
to itself, and what the copy alone has (the section of its card, a description of an older version) to what that follows
from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.publish import ablated, croissant
from pipeline.publish.export import MANIFEST, is_card
from pipeline.publish.release import CARD, Release, croissant_of
from pipeline.publish.verify import check_files, check_release, foreign, load_or_say
from pipeline.store.store import Store, open_store


def is_copy(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() and (folder / CARD).is_file()


def verify_copy(folder: Path) -> list[str]:
    """One sentence per finding; empty if everything is as it was published."""
    store, directory = open_store(str(folder.resolve().parent)), folder.resolve().name
    findings: list[str] = []
    release = load_or_say(Release, store, f"{directory}/{MANIFEST}", findings)
    if release is None:
        return findings
    listed = {file.path for file in release.files}
    findings += check_release(f"{directory}/{MANIFEST}", release)
    findings += check_files(store, directory, [file for file in release.files if file.path != CARD])
    findings += _card(store, directory, release)
    if croissant.NAME not in listed and store.exists(f"{directory}/{croissant.NAME}"):
        findings += _described(store, directory, release)
    # Hidden files are the hub's and its client's; no reader takes them for data.
    hidden = {path.removeprefix(f"{directory}/") for path in store.list(directory) if path.startswith(f"{directory}/.")}
    findings += foreign(store, directory, {*listed, *hidden, MANIFEST, ablated.NAME, croissant.NAME})
    return findings


def _card(store: Store, directory: str, release: Release) -> Iterator[str]:
    """The card as published, and behind it what follows from the ablation that lies beside it."""
    path, beside = f"{directory}/{CARD}", f"{directory}/{ablated.NAME}"
    (card,) = [file for file in release.files if file.path == CARD]
    data = store.read(path)
    if not is_card(data, card):
        yield f"{path}: does not begin with the card that was published"
        return
    section = b""
    if store.exists(beside):
        try:
            section = ablated.card_section(json.loads(store.read(beside))).encode()
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            yield f"{beside}: is no result of an ablation ({type(error).__name__}: {error})"
            return
    if data[card.bytes :] != section:
        yield f"{path}: ends with what does not follow from {ablated.NAME}"


def _described(store: Store, directory: str, release: Release) -> Iterator[str]:
    path = f"{directory}/{croissant.NAME}"
    if store.read(path) != croissant_of(store, directory, release).encode():
        yield f"{path}: not the description that follows from the manifest"
