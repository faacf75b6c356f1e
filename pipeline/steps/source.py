"""Sources: files to rows, in parts of bounded size (L0)."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa

from pipeline.steps.step import Step


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the input that one task reads: rows `start` to `stop` of one file, named by the file's content."""

    path: str
    sha256: str
    start: int = 0
    stop: int | None = None
    """None: to the end, for formats that do not say how many rows they hold."""
    state: str = ""
    """What told the file from others of its path when it was hashed; readers compare it before and after they read.
    Empty: the unit belongs to no plan, and nothing is compared."""
    parts: tuple[Any, ...] = ()
    """The pieces of a unit that gathers many small ones of several files, as its source describes them; `start` and
    `stop` then count them."""
    name: str = ""
    """What tells the file from the other inputs: the end of its path, as long as that takes."""

    @property
    def shown(self) -> str:
        """The file as positions in quarantine and drops name it."""
        return self.name or self.path.rstrip("/").rpartition("/")[2]


def distinct_names(paths: Sequence[str]) -> dict[str, str]:
    """Path → its last part, or as many of its last parts as tell it from the other paths.

    Not the whole path: the same files in another place give the same rows, also in quarantine.
    """
    parts = {path: path.rstrip("/").split("/") for path in paths}
    names = {path: "" for path in paths}
    open_paths, length = list(names), 0
    while open_paths:
        length += 1
        for path in open_paths:
            names[path] = "/".join(parts[path][-length:])
        count = Counter(names.values())
        open_paths = [path for path in open_paths if count[names[path]] > 1 and length < len(parts[path])]
    return names


@dataclass(slots=True)
class SourceBatch:
    """What a source read: rows, and the rows that it could not read or that are no documents."""

    rows: pa.RecordBatch
    """Columns as found, mapped to `text` (or `html: binary`), `url`, `source`, `date`; others end in `meta`."""
    quarantined: list[tuple[str, str, str]] = field(default_factory=list)
    """(id or position, url, error)"""
    dropped: list[tuple[str, str, str]] = field(default_factory=list)
    """(id or position, url, rule), such as a WARC record that holds no page; a `Reason` tells what was measured"""
    unread_bytes: int = 0
    """Of the file, where reading stopped or skipped: nobody knows how many rows they hold."""


EXTRAS = {"hf": "remote", "s3": "s3", "gs": "gcs"}
"""Where an input lies → the extra that reads it."""


def extras_of(paths: Iterable[str]) -> tuple[str, ...]:
    """What reading these needs."""
    schemes = {path.partition("://")[0] for path in paths if "://" in path}
    return tuple(sorted(EXTRAS[scheme] for scheme in schemes & EXTRAS.keys()))


class Source(Step):
    """Reads files into rows. Every row of the input comes out as a row, a drop or a quarantine entry."""

    schema: ClassVar[pa.Schema] = None
    """Columns of the rows; None where they depend on the files."""
    paths: tuple[str, ...] = ()
    max_document_bytes: int = 16 << 20
    """Larger texts or pages are dropped (`too_large`): logs and dumps, of which Gopher's rules would keep none, and one
    of 100 MB takes a worker a gigabyte."""

    def extras(self) -> tuple[str, ...]:
        return extras_of(self.paths)

    def identity(self) -> dict[str, Any]:
        """Without the paths: the content of the files counts, not where they lie."""
        return self.model_dump(mode="json", exclude={"paths"})

    def inputs(self) -> list[str] | None:
        """The inputs by name, where they are not the files of `paths` one by one but folders or a query, sorted.

        Raises ValueError or FileNotFoundError if what the source names cannot be used.
        """
        return None

    def identify(self, path: str) -> str | None:
        """What names the content of an input that `inputs` gives, as the sha256 does that of a file; None of a file."""
        return None

    @abstractmethod
    def units(self, path: str, sha256: str) -> list[Unit]:
        """The file in parts of bounded size; where the parts lie depends on the file alone."""

    @abstractmethod
    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        """Batches of bounded bytes. An unreadable rest is one quarantine entry, never an exception."""
