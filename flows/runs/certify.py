"""Certificates of releases that went through L4: made beside the level, checked against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flows.runs.recipe import RecipeError
from pipeline.books.manifest import Manifest, load
from pipeline.publish import certificate
from pipeline.publish.release import load_release, resolve
from pipeline.run.level import Finished
from pipeline.steps import Checker
from pipeline.store.artifact import Artifact
from pipeline.store.damage import damaged
from pipeline.store.store import Store, locate, open_store
from stages import l4_verify

LEVEL = "l4_verify"
NAME = "certificate.json"


def certify(store: Store, lot: Finished) -> str:
    """Write the certificate of a finished L4 level beside it; its path in the store."""
    path = f"{lot.directory}/{NAME}"
    artifact = Artifact(store, path.removesuffix(".json"), path)
    artifact.make(lambda: _dump(certificate.make(store, lot.directory, checkers_of(lot.manifest))))
    return path


def certify_release(store: Store, ref: str, output: Path | None) -> tuple[dict[str, Any], str]:
    """The certificate of a release, and where it lies; RecipeError if the release did not go through L4."""
    release = load_release(store, resolve(store, ref))
    parent = next((level for level in release.levels if level.level == LEVEL), None)
    if parent is None:
        names = ", ".join(level.level for level in release.levels)
        raise RecipeError(f"'{ref}' went through {names} only; add `{LEVEL}` to its recipe to certify it")
    path = certify(store, Finished(load(Manifest, store, parent.manifest), parent.manifest))
    data = store.read(path)
    made = _intact(data)
    if made is None:
        raise damaged(store, path, "its bytes do not have the certificate_hash that it states")
    if output is not None:
        output.write_bytes(data)
    return made, str(output or store.shown(path))


def _intact(data: bytes) -> dict[str, Any] | None:
    """The certificate, if every byte is one that `certify` wrote."""
    try:
        made: dict[str, Any] = json.loads(data)
        whole = data == _dump(made) and made["certificate_hash"] == certificate.certificate_hash(made)
    except (ValueError, TypeError, KeyError):
        return None
    return made if whole else None


def check_certificate(location: str, store: str = "") -> list[str]:
    """What is wrong with a certificate and its lot, one sentence each; empty if it holds.

    The lot is the folder of the file; for a certificate that was copied elsewhere it is found in `store`.
    """
    folder, name = locate(location)
    if not folder.exists(name):
        raise RecipeError(f"certificate {location} is not there; `orefine certify` writes one")
    data = folder.read(name)
    try:
        claimed = json.loads(data)
        policy = _checkers(claimed["policy"])
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        return [f"{location}: expected a certificate, found something else: {' '.join(str(error).split())[:200]}"]
    if folder.exists("manifest.json"):
        root, level, lot = folder.root.rsplit("/", 2)
        place, directory = open_store(root), f"{level}/{lot}"
    elif store:
        place, directory = open_store(store), f"{LEVEL}/{claimed['dataset']}-{claimed['recipe_id'][:16]}"
    else:
        raise RecipeError(f"{location} does not lie beside its lot; say with --store where the lot is")
    # Every byte counts, also one between the values.
    changed = [] if data == _dump(claimed) else [f"{location}: expected the bytes that certify wrote, found others"]
    return changed + certificate.verify(claimed, place, directory, policy)


def checkers_of(manifest: Manifest) -> list[Checker]:
    """The level's checkers, as its manifest describes them."""
    return _checkers(manifest.steps)


def _checkers(policy: list[dict[str, Any]]) -> list[Checker]:
    parameters = [{name: value for name, value in step.items() if name not in ("assets", "shows")} for step in policy]
    steps = TypeAdapter(list[l4_verify.Step]).validate_python(parameters)
    return [step for step in steps if isinstance(step, Checker)]


def _dump(made: dict[str, Any]) -> bytes:
    return (json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
