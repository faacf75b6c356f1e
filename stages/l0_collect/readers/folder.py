"""Sources in which a file is a document: folders of many small files, gathered into units of bounded size.

An input is what `paths` name: a folder with all below it, a pattern, a file. It counts by the names of its files, from
that folder on, and by their content; so do the units, in the order of the names. Hidden files and those that begin with
an underscore are none of a folder's, as marks of other tools (`_SUCCESS`) and of systems (`.DS_Store`) are not.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import BinaryIO, ClassVar

import pyarrow as pa

from pipeline.rows.document import content_hash
from pipeline.steps import Source, SourceBatch, Unit
from stages.l0_collect.readers.files import (
    GLOB,
    REMOTE,
    InputChanged,
    expand,
    identify,
    open_input,
    open_unit,
    state_of,
)
from stages.l0_collect.readers.row_buffer import RowBuffer

UNIT_BYTES = 64 << 20
UNIT_FILES = 4096


class FolderSource(Source):
    """Reads each file of the folders as one document, named by its path from the folder on."""

    endings: ClassVar[tuple[str, ...]]
    """Of the files that a folder stands for, in lower case; what a pattern or a path names is taken as it is."""
    schema: ClassVar[pa.Schema]
    """Of the rows."""
    source: str = ""
    """What to call this input in the column `source`."""

    @abstractmethod
    def add(self, stream: BinaryIO, name: str, buffer: RowBuffer) -> None:
        """Put the document among the rows, the drops or the quarantined."""

    def inputs(self) -> list[str] | None:
        """What `paths` name, each once. Raises ValueError where two of them hold the same file."""
        named = sorted({path if REMOTE.match(path) else os.path.abspath(path): path for path in self.paths}.values())
        if not named:
            raise ValueError("l0_collect.source.paths is empty; name folders in the recipe or with --input")
        owners: dict[str, str] = {}
        for path in named:
            for file in self._files(path):
                place = file if REMOTE.match(file) else os.path.abspath(file)
                if (owner := owners.setdefault(place, path)) != path:
                    raise ValueError(f"input '{path}' holds {file}, and so does '{owner}'; name one of them")
        return named

    def identify(self, path: str) -> str | None:
        return _content_of(path, self._files(path))

    def units(self, path: str, sha256: str) -> list[Unit]:
        """Neighbouring files by name, at most 64 MiB or 4,096 of them; a larger file is a unit by itself."""
        files = self._files(path)
        if sha256 and _content_of(path, files) != sha256:
            raise InputChanged(f"input {path} changed while the run was planned; run the same command again")
        bounds, size = [0], 0
        for place, file in enumerate(files):
            bytes_more = _size(file)
            if place > bounds[-1] and (size + bytes_more > UNIT_BYTES or place - bounds[-1] == UNIT_FILES):
                bounds.append(place)
                size = 0
            size += bytes_more
        known = [Unit(file, content, state=state) for file, (content, state) in _contents(files)] if sha256 else []
        return [
            Unit(path, sha256, start, stop, parts=tuple(known[start:stop]))
            for start, stop in pairwise([*bounds, len(files)])
        ]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        buffer = RowBuffer(self.schema)
        for part in unit.parts:
            with open_unit(part) as stream:
                self.add(stream, _printable(_name(part.path, unit.path)), buffer)
            if buffer.is_full():
                yield buffer.take()
        yield buffer.take()

    def _files(self, path: str) -> list[str]:
        """The files of an input, in the order of their names. Raises FileNotFoundError if there is none."""
        if REMOTE.match(path):
            found = expand([path]) if GLOB.search(path) else _below(path)
        elif os.path.isdir(path):
            found = list(_walk(path))
        else:
            return sorted(expand([path]), key=lambda file: _name(file, path))
        kept = [file for file in found if file == path or GLOB.search(path) or self._is_ours(_name(file, path))]
        if not kept:
            raise FileNotFoundError(
                f"input '{path}' holds no {' or '.join(self.endings)}; name another folder or a file"
            )
        return sorted(kept, key=lambda file: _name(file, path))

    def _is_ours(self, name: str) -> bool:
        return name.lower().endswith(self.endings) and not any(part.startswith((".", "_")) for part in name.split("/"))


def _walk(folder: str) -> Iterator[str]:
    """The files below a local folder; links to folders are not followed, since they may lead in circles."""
    for parent, _, names in os.walk(folder, onerror=_raise):
        yield from (os.path.join(parent, name) for name in names)


def _raise(error: OSError) -> None:
    """A folder that cannot be listed would be lost in silence."""
    raise error


def _below(path: str) -> list[str]:
    """The files below a remote folder, or the file."""
    try:
        return expand([f"{path.rstrip('/')}/**"])
    except FileNotFoundError:
        return expand([path])


def _name(file: str, path: str) -> str:
    """The file from the folder on that the input names: before the first wildcard, or around a single file."""
    if file == path:
        root = path.rpartition("/")[0]
    else:
        parts = path.rstrip("/").split("/")
        root = "/".join(list(takewhile(lambda part: not GLOB.search(part), parts)))
    return os.path.relpath(file, root or ".") if not REMOTE.match(file) else file.removeprefix(root).strip("/")


def _printable(name: str) -> str:
    """The name as Unicode: on Linux a file's name may be any bytes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _contents(files: Iterable[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """(file, (what names its content, state))"""
    for file in files:
        yield file, _identified(file, state_of(file))


@lru_cache(maxsize=1 << 20)
def _identified(file: str, state: str) -> tuple[str, str]:
    """As `identify`; remembered, since a plan asks more than once. `state`: what the file is now."""
    return identify(file)


def _content_of(path: str, files: Iterable[str]) -> str:
    """What names the content of an input: names and contents of its files."""
    return content_hash(*(part for file, (content, _) in _contents(files) for part in (_name(file, path), content)))


def _size(file: str) -> int:
    if not REMOTE.match(file):
        return os.path.getsize(file)
    with open_input(file) as stream:
        return stream.seek(0, os.SEEK_END)
