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
from stages.l0_collect.readers.files import REMOTE, InputChanged, identify, open_input, open_unit, state_of
from stages.l0_collect.readers.find import GLOB, check_is_file, expand, is_file_or_lost
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
        buffer, root = RowBuffer(self.schema), _root(unit.path)
        for part in unit.parts:
            with open_unit(part) as stream:
                self.add(stream, _printable(_name(part.path, root)), buffer)
            if buffer.is_full():
                yield buffer.take()
        yield buffer.take()

    def _files(self, path: str) -> list[str]:
        """The files of an input, in the order of their names. Raises FileNotFoundError if there is none."""
        root = _root(path)
        if root != path or not (REMOTE.match(path) or os.path.isdir(path)):  # a file or a pattern
            return sorted(expand([path]), key=lambda file: _name(file, root))
        found = _below(path) if REMOTE.match(path) else _walk(path)
        kept = {_name(file, root): file for file in found if file == path or file.lower().endswith(self.endings)}
        kept = {name: file for name, file in kept.items() if not any(map(_is_hidden, name.split("/")))}
        if not kept:
            raise FileNotFoundError(
                f"input '{path}' holds no {' or '.join(self.endings)}; name another folder or a file"
            )
        for file in kept.values():
            check_is_file(file)
        return [file for _, file in sorted(kept.items())]


def _root(path: str) -> str:
    """Where the names of an input's files begin: the folder itself, that of a file, or what a pattern begins with."""
    if REMOTE.match(path) and not GLOB.search(path):
        return path
    if os.path.isdir(path):
        return path
    parts = path.split("/")
    if not os.path.isfile(path):  # its name may hold brackets
        parts = [*takewhile(lambda part: not GLOB.search(part), parts), ""]
    return "/".join(parts[:-1]) or ("/" if path.startswith("/") else ".")


def _name(file: str, root: str) -> str:
    if not REMOTE.match(file):
        return os.path.relpath(file, root)
    return file.removeprefix(root).strip("/") or file.rpartition("/")[2]


def _is_hidden(part: str) -> bool:
    return part.startswith((".", "_"))


def _walk(folder: str) -> Iterator[str]:
    """The files below a local folder. Links to folders are followed, each folder once: they may lead in circles."""
    seen = set()
    for parent, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        place = os.path.realpath(parent)
        folders[:] = sorted(name for name in folders if not _is_hidden(name)) if place not in seen else []
        if place not in seen:
            yield from filter(is_file_or_lost, (os.path.join(parent, name) for name in names))
        seen.add(place)


def _raise(error: OSError) -> None:
    """A folder that cannot be listed would be lost in silence."""
    raise error


def _below(path: str) -> list[str]:
    """The files below a remote folder, or the file."""
    try:
        return expand([f"{path.rstrip('/')}/**"])
    except FileNotFoundError:
        return expand([path])


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
    root = _root(path)
    return content_hash(*(part for file, (content, _) in _contents(files) for part in (_name(file, root), content)))


def _size(file: str) -> int:
    if not REMOTE.match(file):
        return os.path.getsize(file)
    with open_input(file) as stream:
        return stream.seek(0, os.SEEK_END)
