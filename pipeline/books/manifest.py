"""What a level produced. `manifest.json` is written last: its presence means that the level is complete."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa
from pydantic import BaseModel, Field, ValidationError

from pipeline.books.accounting import AtStep, Counts, Groups
from pipeline.rows.document import content_hash
from pipeline.steps import step_name
from pipeline.store.checked import read_checked
from pipeline.store.damage import damaged
from pipeline.store.sealed import read_sealed, seal
from pipeline.store.shard import FileEntry
from pipeline.store.store import Store

FORMAT = 1
M = TypeVar("M", bound=BaseModel)


class ShardRecord(BaseModel):
    """What one task made of one shard; its presence means that the shard is done."""

    shard: int
    input: dict[str, Any]
    """Path, sha256 and row range of what was read."""
    counts: Counts
    files: list[FileEntry]
    """Paths relative to the store."""
    seconds: float


class Parent(BaseModel):
    """The level that was read."""

    level: str
    recipe_id: str
    content_id: str
    manifest: str


class Purged(BaseModel):
    """What a purge has taken out of files that were complete; what is left lies under their names."""

    tombstones: list[str]
    rows: int
    """Removed from data files."""
    texts: int
    """Removed from rows that stay, as reasons for which a row was dropped do."""
    before: list[FileEntry]
    """The files as they were: by these the content id is still known."""


def before_purge(files: Sequence[FileEntry], purged: Sequence[Purged]) -> list[FileEntry]:
    """The entries as they were written first."""
    found = {file.path: file for file in files}
    for one in reversed(purged):
        found |= {file.path: file for file in one.before}
    return [found[file.path] for file in files]


class Manifest(BaseModel):
    """A complete level: files, counts, and everything that decided them."""

    format: int = FORMAT
    level: str
    dataset: str
    recipe_id: str
    content_id: str
    parents: list[Parent] = Field(default_factory=list)
    inputs: list[dict[str, Any]] = Field(default_factory=list)
    """L0: path and sha256 of the files read."""
    steps: list[dict[str, Any]]
    versions: dict[str, str]
    """Packages that decided bytes or results."""
    rows_in: int
    rows_made: int = 0
    rows_out: int
    dropped: dict[str, int]
    quarantined: int
    changed: dict[str, int]
    bytes_in: int
    bytes_out: int
    unread_bytes: int = 0
    """L0: bytes of the inputs that could not be read; how many rows they hold is unknown."""
    by_step: dict[str, AtStep] = Field(default_factory=dict)
    """Step by place and kind (`02 threshold`) → rows that came to it, dropped by rule, quarantined."""
    groups: Groups = Field(default_factory=dict)
    """column (source, language) → value → step → rows that came to it, and rows dropped by rule."""
    seconds: float
    """Working seconds over all tasks, of the run that made the shards."""
    files: list[FileEntry]
    """Paths relative to the manifest's folder."""
    purged: list[Purged] = Field(default_factory=list)

    def of(self, role: str) -> list[FileEntry]:
        return [file for file in self.files if file.role == role]

    @property
    def names(self) -> list[str]:
        """Of the steps, by place and kind; a source, which a level without parents begins with, has place 0."""
        return [step_name(place, step["kind"]) for place, step in enumerate(self.steps, 1 if self.parents else 0)]

    def counted_steps(self) -> list[dict[str, Any]]:
        """`steps` of `--json`: for each step what came to it and what ended there, in order."""
        return [{"step": name} | at.model_dump(mode="json", exclude=at.unused()) for name, at in self.by_step.items()]

    def paths(self, role: str) -> list[str]:
        return [file.path for file in self.of(role)]


def read_rows(
    store: Store, folder: str, manifest: Manifest, role: str, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of all files of a role of the level in `folder`, each file checked."""
    for file in manifest.of(role):
        yield from read_checked(store, f"{folder}/{file.path}", file.sha256, columns)


def content_id(files: list[FileEntry]) -> str:
    """Hash over the sorted hashes and row counts of the data files: what a rebuild must reproduce."""
    data = sorted((file.sha256, file.rows) for file in files if file.role == "data")
    return content_hash(json.dumps(data))


def dump(model: BaseModel) -> bytes:
    """Canonical, readable JSON with its own checksum."""
    text = json.dumps(model.model_dump(mode="json"), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return seal(text.encode())


def load(model: type[M], store: Store, path: str, data: bytes | None = None) -> M:
    """What `dump` wrote; Damaged if the file holds anything else. Whoever reads such a file reads it here.

    `data`: the file's content, where it has been read already.
    """
    try:
        return model.model_validate_json(read_sealed(store, path, data))
    except ValidationError as error:
        raise damaged(store, path, f"it holds no {model.__name__}: {error.errors()[0]['msg']}") from error
