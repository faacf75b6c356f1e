"""Certificates of releases that went through L4: made beside the level, checked against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flows.runs.recipe import RecipeError
from pipeline.books.manifest import Manifest, load
from pipeline.publish import certificate
from pipeline.publish.release import datasets, load_release, resolve
from pipeline.publish.statement import BadEnvelope, is_envelope, opened, seal, statement
from pipeline.run.level import Finished
from pipeline.steps import Checker
from pipeline.steps.extras import require
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
    artifact.make(
        lambda: _dump(certificate.make(store, lot.directory, checkers_of(lot.manifest), _previous(store, lot)))
    )
    return path


def _previous(store: Store, lot: Finished) -> str | None:
    """`certificate_hash` of the last version of the data set before this lot that has a certificate."""
    refs = datasets(store).get(lot.manifest.dataset)
    last = None
    for version in refs.history if refs else ():
        release = load_release(store, f"releases/{lot.manifest.dataset}/{version}")
        level = next((level for level in release.levels if level.level == LEVEL), None)
        if level is None:
            continue
        if level.manifest == lot.path:
            break
        path = f"{level.manifest.rpartition('/')[0]}/{NAME}"
        made = _intact(store.read(path)) if store.exists(path) else None
        last = made["certificate_hash"] if made else last
    return last


def state(store: Store, made: dict[str, Any], lot: str, file: Path, key: Path | None) -> None:
    """Write the in-toto statement of a certificate of the lot in the folder `lot`, signed where a key is given."""
    if key is not None:
        require(["sign"])
    file.write_bytes(seal(statement(made, certificate.read_manifest(store, lot)), key))


def certify_release(
    store: Store, ref: str, output: Path | None, envelope: Path | None = None, key: Path | None = None
) -> tuple[dict[str, Any], str]:
    """The certificate of a release, and where it lies; RecipeError if the release did not go through L4.

    `envelope`: also write it as an in-toto statement there, signed with the private key in `key`.
    """
    if key is not None and envelope is None:
        raise RecipeError(f"--key {key} signs a statement; say with --statement FILE where to write it")
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
    if envelope is not None:
        state(store, made, path.rpartition("/")[0], envelope, key)
    return made, str(output or store.shown(path))


def _intact(data: bytes) -> dict[str, Any] | None:
    """The certificate, if every byte is one that `certify` wrote."""
    try:
        made: dict[str, Any] = json.loads(data)
        whole = data == _dump(made) and made["certificate_hash"] == certificate.certificate_hash(made)
    except (ValueError, TypeError, KeyError):
        return None
    return made if whole else None


def check_certificate(location: str, store: str = "", public_key: Path | None = None) -> list[str]:
    """What is wrong with a certificate and its lot, one sentence each; empty if it holds.

    The lot is the folder of the file; for a certificate that was copied elsewhere it is found in `store`. The file may
    also be a statement about it, which `public_key` must have signed where it is given.
    """
    if public_key is not None:
        require(["sign"])
    folder, name = locate(location)
    if not folder.exists(name):
        raise RecipeError(f"certificate {location} is not there; `orefine certify` writes one")
    data = folder.read(name)
    try:
        stated = opened(data, public_key) if public_key is not None or is_envelope(data) else None
        claimed = json.loads(data) if stated is None else stated["predicate"]
        policy = _checkers(claimed["policy"])
    except BadEnvelope as error:
        return [f"{location}: {error}"]
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        return [f"{location}: expected a certificate, found something else: {' '.join(str(error).split())[:200]}"]
    if folder.exists("manifest.json"):
        root, level, lot = folder.root.rsplit("/", 2)
        place, directory = open_store(root), f"{level}/{lot}"
    elif store:
        place, directory = open_store(store), f"{LEVEL}/{claimed['dataset']}-{claimed['recipe_id'][:16]}"
    else:
        raise RecipeError(f"{location} does not lie beside its lot; say with --store where the lot is")
    changed = []
    if stated is None:  # every byte counts, also one between the values
        changed = [] if data == _dump(claimed) else [f"{location}: expected the bytes that certify wrote, found others"]
    found = certificate.verify(claimed, place, directory, policy)
    if stated is not None and not found and stated != statement(claimed, certificate.read_manifest(place, directory)):
        changed = [f"{location}: expected the files of the lot's manifest as subjects, found others"]
    return changed + found


def checkers_of(manifest: Manifest) -> list[Checker]:
    """The level's checkers, as its manifest describes them."""
    return _checkers(manifest.steps)


def _checkers(policy: list[dict[str, Any]]) -> list[Checker]:
    parameters = [{name: value for name, value in step.items() if name not in ("assets", "shows")} for step in policy]
    steps = TypeAdapter(list[l4_verify.Step]).validate_python(parameters)
    return [step for step in steps if isinstance(step, Checker)]


def _dump(made: dict[str, Any]) -> bytes:
    return (json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
