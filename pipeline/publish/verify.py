"""What is wrong with a release, the levels behind it and the ref that names it.

Nothing is believed because it is written down: hashes, rows, content ids, the version, the funnel and the card are
computed again from the files, and compared with every place that states them. Files that nobody lists are findings
too, since a reader by glob takes them for data. Leases, attempts and unfinished passes of a level are not looked at.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import TypeVar

import pyarrow as pa
from pydantic import BaseModel

from pipeline.books.accounting import AccountingError, Counts, total
from pipeline.books.manifest import Manifest, Purged, ShardRecord, before_purge, content_id, load
from pipeline.errors import shortened
from pipeline.publish import croissant
from pipeline.publish.compact import rows_of, same_rows
from pipeline.publish.release import (
    CARD,
    Refs,
    Release,
    card_of,
    croissant_of,
    funnel,
    published_files,
    version_of,
)
from pipeline.run.level import Finished, as_parent
from pipeline.store.checked import check_footer, check_sha256, open_checked
from pipeline.store.damage import Damaged
from pipeline.store.sealed import read_sealed
from pipeline.store.shard import FileEntry
from pipeline.store.store import Store

M = TypeVar("M", bound=BaseModel)
COUNTED = tuple(name for name in Counts.model_fields if name != "groups")
CONTENT = ("data", "dropped", "quarantine", "clusters", "index", "people", "shards")
"""Folders of a level in which each file is content."""
MODEL_CARD = "model_card.json"
"""Beside a trained model, in a folder of `models/`."""


def verify_release(store: Store, directory: str) -> list[str]:
    """One sentence per finding; empty if everything is as published."""
    findings: list[str] = []
    release = load_or_say(Release, store, f"{directory}/manifest.json", findings)
    if release is None:
        return findings
    findings += check_files(store, directory, release.files)
    findings += foreign(store, directory, {*(file.path for file in release.files), "manifest.json"})
    findings += check_release(f"{directory}/manifest.json", release)
    place = f"releases/{release.dataset}/{release.version}"
    findings += _compare(f"{directory}/manifest.json", "place", place, directory)
    findings += _refs(store, release)
    levels = []
    for parent in release.levels:
        manifest = load_or_say(Manifest, store, parent.manifest, findings)
        if manifest is not None:
            levels.append(Finished(manifest, parent.manifest))
            findings += _level(store, levels[-1])
            findings += _compare(parent.manifest, "what the release says of it", as_parent(levels[-1]), parent)
    findings += _models(store, levels)
    if len(levels) == len(release.levels) > 0:
        findings += _chain(levels)
        findings += _against_levels(store, directory, release, levels)
    return findings


def removed_since(store: Store, directory: str) -> list[str]:
    """What a purge has taken out of a release and its levels since they were complete, a line each."""
    release = load(Release, store, f"{directory}/manifest.json")
    places: list[tuple[str, Sequence[Purged]]] = [(directory, release.purged)]
    for parent in release.levels:
        if store.exists(parent.manifest):
            places.append((parent.manifest.rsplit("/", 1)[0], load(Manifest, store, parent.manifest).purged))
    return [
        f"{place}: {purge.rows:,} rows and the texts of {purge.texts:,} others were removed on request (tombstones "
        f"{', '.join(purge.tombstones)})"
        for place, purges in places
        for purge in purges
    ]


def load_or_say(model: type[M], store: Store, path: str, findings: list[str]) -> M | None:
    """The file's content, also where its checksum is wrong: then what else is wrong with it shows as well."""
    if not store.exists(path):
        findings.append(f"{path}: missing, and with it what could be checked against it")
        return None
    try:
        return load(model, store, path)
    except Damaged as error:
        findings.append(str(error))
    try:
        return model.model_validate({**json.loads(store.read(path))})
    except (ValueError, TypeError):
        return None


def check_files(store: Store, directory: str, files: Sequence[FileEntry]) -> Iterator[str]:
    """Hash, size and rows of each file against its entry."""
    for file in files:
        path = f"{directory}/{file.path}"
        if not store.exists(path):
            yield f"{path}: missing"
            continue
        try:
            check_sha256(store, path, file.sha256)
            if file.path.endswith(".parquet"):
                check_footer(store, path, file)
                with open_checked(store, path, file) as opened:
                    yield from _compare(path, "rows", opened.metadata.num_rows, file.rows)
            else:
                yield from _compare(path, "bytes", store.size(path), file.bytes)
        except Damaged as error:
            yield str(error)


def foreign(store: Store, directory: str, known: set[str], folders: Sequence[str] = ()) -> list[str]:
    """Files that nobody lists, in these folders or anywhere below."""
    names = (path.removeprefix(f"{directory}/") for path in store.list(directory))
    return [
        f"{directory}/{name}: not in the manifest; a reader by name or glob would take it for a part"
        for name in names
        if name not in known and (not folders or name.split("/")[0] in folders)
    ]


def check_release(path: str, release: Release) -> Iterator[str]:
    """The release's manifest, which lies at `path`, against itself."""
    data = [file for file in before_purge(release.files, release.purged) if file.role == "data"]
    yield from _compare(path, "version", version_of(release.recipe_id, release.content_id), release.version)
    yield from _compare(path, "rows", sum(file.rows for file in data), release.rows)
    yield from _compare(path, "card", [CARD], [file.path for file in release.files if file.role == "card"])


def _refs(store: Store, release: Release) -> list[str]:
    """The ref that should name the release."""
    path = f"refs/{release.dataset}.json"
    findings: list[str] = []
    refs = load_or_say(Refs, store, path, findings)
    if refs is not None:
        named = {"history": [release.version], "latest": [refs.latest], "tags": refs.tags.values()}
        findings += [
            f"{path}: {name} {version} is not among the versions of its history"
            for name, versions in named.items()
            for version in versions
            if version not in refs.history
        ]
    return findings


def _level(store: Store, level: Finished) -> Iterator[str]:
    """A level's files against its manifest, its counts against its shard records and files."""
    directory, manifest = level.directory, level.manifest
    yield from check_files(store, directory, manifest.files)
    shards = [f"shards/part-{number:05d}.json" for number in range(len(manifest.of("data")))]
    yield from foreign(store, directory, {*(file.path for file in manifest.files), *shards}, CONTENT)
    written = before_purge(manifest.files, manifest.purged)
    yield from _compare(level.path, "content id", content_id(written), manifest.content_id)
    place = f"{manifest.level}/{manifest.dataset}-{manifest.recipe_id[:16]}"
    yield from _compare(level.path, "place", place, directory)
    yield from _counts(store, level)
    findings: list[str] = []
    records = [load_or_say(ShardRecord, store, f"{directory}/{name}", findings) for name in shards]
    yield from findings
    yield from _records(level, [record for record in records if record is not None])


def _counts(store: Store, level: Finished) -> Iterator[str]:
    """Rows by fate: the sum, and the rows that lie in the files."""
    manifest, path = level.manifest, level.path
    counts = Counts(**{name: getattr(manifest, name) for name in COUNTED})
    try:
        counts.check(path)
    except AccountingError as error:
        yield str(error)
    removed = sum(purge.rows for purge in manifest.purged)
    yield from _compare(path, "rows out", _rows(manifest, "data") + removed, manifest.rows_out)
    yield from _compare(path, "quarantined rows", _rows(manifest, "quarantine"), manifest.quarantined)
    reasons: Counter[str] = Counter()
    for file in manifest.of("dropped"):
        try:
            with open_checked(store, f"{level.directory}/{file.path}", file) as opened:
                reasons.update(opened.read(["reason"]).column(0).to_pylist())
        except (Damaged, FileNotFoundError):
            return  # it is a finding already
    yield from _compare(path, "dropped rows by reason", dict(sorted(reasons.items())), manifest.dropped)


def _records(level: Finished, records: Sequence[ShardRecord]) -> Iterator[str]:
    """The manifest against what the shards' records add up to."""
    manifest = level.manifest
    if len(records) != len(manifest.of("data")):
        return  # those that are missing are findings already
    counts = total(record.counts for record in records)
    for name in Counts.model_fields:
        yield from _compare(level.path, name, getattr(counts, name), getattr(manifest, name))
    written = [file for record in records for file in record.files]
    first = before_purge(manifest.files, manifest.purged)
    listed = [file for file in first if file.role not in ("index", "people")]
    moved = [file.model_copy(update={"path": file.path.removeprefix(f"{level.directory}/")}) for file in written]
    yield from _compare(level.path, "files", _sorted(moved), _sorted(listed))


def _models(store: Store, levels: Sequence[Finished]) -> Iterator[str]:
    """The models that were trained for the levels: their cards, and their bytes against the hash that is their name."""
    used = {digest for level in levels for step in level.manifest.steps for digest in step.get("assets", {}).values()}
    for card in (path for path in store.list("models") if path.endswith(f"/{MODEL_CARD}")):
        try:
            digest = json.loads(read_sealed(store, card))["sha256"]
            model = f"{card.removesuffix(MODEL_CARD)}{digest}.bin"
            if digest in used and not store.exists(model):
                yield f"{model}: missing"
            elif digest in used:
                check_sha256(store, model, digest)
        except Damaged as error:  # a card, perhaps of another data set's model: nobody can tell
            yield str(error)


def _chain(levels: Sequence[Finished]) -> Iterator[str]:
    """Each level was made from the one before it, and from all of its rows."""
    for before, level in pairwise(levels):
        yield from _compare(level.path, "parent", [as_parent(before)], level.manifest.parents)
        yield from _compare(level.path, "rows in", before.manifest.rows_out, level.manifest.rows_in)


def _against_levels(store: Store, directory: str, release: Release, levels: Sequence[Finished]) -> Iterator[str]:
    """What the release says that follows from its levels."""
    path, last = f"{directory}/manifest.json", levels[-1].manifest
    for name in ("level", "recipe_id", "content_id"):
        yield from _compare(path, name, getattr(last, name), getattr(release, name))
    manifests = [level.manifest for level in levels]
    yield from _compare(path, "funnel", funnel(manifests), release.funnel)
    yield from _data(store, directory, release, levels[-1])
    card = f"{directory}/{CARD}"
    with contextlib.suppress(OSError, pa.ArrowInvalid):  # of a data file, which has a finding of its own
        if store.exists(card) and store.read(card) != card_of(store, directory, release, manifests).encode():
            yield f"{card}: not the card that follows from the manifests"
        described = f"{directory}/{croissant.NAME}"
        if store.exists(described) and store.read(described) != croissant_of(store, directory, release).encode():
            yield f"{described}: not the description that follows from the manifest"


def _data(store: Store, directory: str, release: Release, last: Finished) -> Iterator[str]:
    """The release's files are those of its last level, or hold the rows of several."""
    written = before_purge(last.manifest.files, last.manifest.purged)
    chosen = published_files([file for file in written if file.role == "data"])
    first = [file for file in before_purge(release.files, release.purged) if file.role == "data"]
    made_of = [release.packed.get(file.path, [file.sha256]) for file in first]
    yield from _compare(
        f"{directory}/manifest.json", "data files", [file.sha256 for file in chosen], [*chain.from_iterable(made_of)]
    )
    now = {file.path: file for file in (*release.files, *last.manifest.files)}
    parts = iter(chosen)
    for file, hashes in zip(first, made_of, strict=True):
        some = [now[part.path] for part in islice(parts, len(hashes))]
        yield from _compare(f"{directory}/{file.path}", "rows", sum(part.rows for part in some), now[file.path].rows)
        if file.path not in release.packed:
            continue
        with contextlib.suppress(Damaged, OSError, pa.ArrowInvalid):  # a finding already
            packed = rows_of(store, directory, [now[file.path]])
            if not same_rows(packed, rows_of(store, last.directory, some)):
                yield f"{directory}/{file.path}: its rows are not those of the files of {release.level} it is made of"


def _rows(manifest: Manifest, role: str) -> int:
    return sum(file.rows for file in manifest.of(role))


def _sorted(files: Iterable[FileEntry]) -> list[FileEntry]:
    return sorted(files, key=lambda file: (file.role, file.path))


def _compare(path: str, what: str, computed: object, stated: object) -> list[str]:
    if computed == stated:
        return []
    return [f"{path}: {what} is {shortened(str(computed))}, and {shortened(str(stated))} is stated"]
