"""Which files the paths of a source name: a file, a pattern, or a folder of data, here or on a server."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch

from stages.l0_collect.readers.files import REMOTE, file_system

GLOB = re.compile(r"[*?\[]")
ENDINGS = {
    "parquet": (".parquet", ".parq", ".pq"),
    "jsonl": (".jsonl", ".json", ".ndjson", ".jsonlines", ".jl"),
    "warc": (".warc", ".arc", ".wat"),
    "wet": (".wet",),
    "text": (".txt", ".md"),
    "pdf": (".pdf",),
}
"""Kind of source → how its files' names end, in any case, before the ending of a compression."""
COMPRESSIONS = (".gz", ".zst", ".zstd", ".xz", ".bz2", ".lz4")
HIDDEN = ("_", ".")
Entry = tuple[str, bool]
"""Name in a folder, and whether it is a folder itself."""
HUB_FILES = ("README.md", ".gitattributes", "dataset_infos.json", "dataset_info.json")
"""What lies beside the folder `data` of a data set as Hugging Face and releases of ours have it."""


def kind_for(path: str) -> str | None:
    """The source that reads files of this name; None if the name does not say."""
    name = path.lower()
    for ending in COMPRESSIONS:
        name = name.removesuffix(ending)
    return next((kind for kind, endings in ENDINGS.items() if name.endswith(endings)), None)


def expand(paths: Iterable[str], kind: str = "") -> list[str]:
    """The files that the paths name, sorted and each once, however it is spelled.

    A folder stands for the files in it that a source of this kind reads (any kind: empty). In folders and patterns,
    names that begin with `_` or `.` are none: Spark and others keep marks and unfinished work there. Raises
    FileNotFoundError for a path that names nothing.
    """
    found: dict[str, str] = {}
    for path in paths:
        if not path.strip():
            raise FileNotFoundError("an input path is empty; name a file, a folder or a pattern")
        files = _remote_files(path, kind) if REMOTE.match(path) else _local_files(path, kind)
        if not files:
            raise FileNotFoundError(f"input '{path}' matches no file; check the path, or quote a pattern in the shell")
        for file in sorted(files):
            _check_name(file)
            check_is_file(file)
            found.setdefault(_place(file), file)
    return sorted(found.values())


def _check_name(file: str) -> None:
    try:
        file.encode("utf-8")
    except UnicodeEncodeError:
        shown = file.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        raise FileNotFoundError(
            f"input '{shown}' has a name that is no UTF-8, and manifests name their inputs; rename it"
        ) from None


def check_is_file(file: str) -> None:
    """A link to nothing under a name of data is data that is not here, and would be lost in silence."""
    if REMOTE.match(file) or os.path.isfile(file):
        return
    if os.path.islink(file):
        raise FileNotFoundError(
            f"input '{file}' is a link to {os.readlink(file)}, which is not here; fetch it, or remove the link"
        )
    raise FileNotFoundError(f"input '{file}' is neither a file nor a folder; write its content to a file first")


def is_file_or_lost(path: str) -> bool:
    """A file, or a link to nothing: no pipe or socket, from which nothing can be read again."""
    return os.path.isfile(path) or (os.path.islink(path) and not os.path.exists(path))


def _place(file: str) -> str:
    """One for all spellings of a file. A link beside its target is another file, a way through a linked folder none."""
    if REMOTE.match(file):
        scheme, _, rest = file.partition("://")
        return f"{scheme}://{rest.lstrip('/')}"
    folder, name = os.path.split(os.path.abspath(file))
    return os.path.join(os.path.realpath(folder), name)


def _local_files(path: str, kind: str) -> list[str]:
    if os.path.isdir(path):
        return _of_folder(path, kind, _list_local)
    if os.path.isfile(path):  # before the pattern: a name may hold brackets
        return [path]
    if os.path.lexists(path):
        return [path]
    if not GLOB.search(path):
        return []
    matches = [match for match in glob.glob(path, recursive=True) if not _is_hidden(match, path)]
    return _files_among(matches, path, [match for match in matches if is_file_or_lost(match)])


def _remote_files(path: str, kind: str) -> list[str]:
    files = file_system(path)
    scheme = path[: path.index("://") + 3]

    def below(folder: str) -> Iterator[Entry]:
        for entry in files.ls(folder, detail=True):
            yield entry["name"].rstrip("/").rpartition("/")[2], entry["type"] == "directory"

    if not GLOB.search(path):
        if files.isfile(path):
            return [path]
        return _of_folder(path, kind, below) if files.isdir(path) else []
    matches = [scheme + str(name) for name in files.glob(path)]
    matches = [match for match in matches if not _is_hidden(match, path)]
    return _files_among(matches, path, [match for match in matches if files.isfile(match)])


def _files_among(matches: list[str], path: str, files: list[str]) -> list[str]:
    if matches and not files:
        raise FileNotFoundError(f"input '{path}' matches folders only, such as {matches[0]}; give '{path}/*'")
    return files


def _of_folder(folder: str, kind: str, below: Callable[[str], Iterable[Entry]]) -> list[str]:
    """The folder's own files of this kind, or those of its folder `data`, if it is a data set as on a hub."""
    entries = list(below(folder))
    files = [f"{folder.rstrip('/')}/{name}" for name, is_folder in entries if not is_folder and _fits(name, kind)]
    is_hub = any(name in HUB_FILES for name, _ in entries)
    if ("data", True) in entries and (is_hub or not files):
        files = list(_all_below(f"{folder.rstrip('/')}/data", kind, below)) or files
    if not files:
        raise FileNotFoundError(_nothing_in(folder, kind, entries))
    return files


def _all_below(folder: str, kind: str, below: Callable[[str], Iterable[Entry]]) -> Iterator[str]:
    for name, is_folder in below(folder):
        if is_folder and not name.startswith(HIDDEN):
            yield from _all_below(f"{folder}/{name}", kind, below)
        elif not is_folder and _fits(name, kind):
            yield f"{folder}/{name}"


def _fits(name: str, kind: str) -> bool:
    return not name.startswith(HIDDEN) and (kind not in ENDINGS or kind_for(name) == kind)


def _nothing_in(folder: str, kind: str, entries: Iterable[Entry]) -> str:
    endings = ENDINGS.get(kind, ())
    what = f"no {kind} file (*{', *'.join(endings)}, also compressed)" if endings else "no file"
    text = f"input '{folder}' matches no file: the folder holds {what}"
    shown = [name for name, is_folder in entries if not is_folder and not name.startswith(HIDDEN)][:3]
    if shown:
        text += f", but {', '.join(shown)}; name the files with a pattern, or set another `kind`"
    inner = next((name for name, is_folder in entries if is_folder and not name.startswith(HIDDEN)), None)
    if inner is not None:
        text += f"; folders in it are not searched: for all of them give '{folder.rstrip('/')}/**/*{(*endings, '')[0]}'"
    return text if shown or inner is not None else f"{text}; check the path"


def _list_local(folder: str) -> Iterator[Entry]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() or entry.is_file() or is_file_or_lost(entry.path):
                yield entry.name, entry.is_dir()


def _is_hidden(match: str, pattern: str) -> bool:
    """Whether a part of the path begins with `_` or `.`, and the pattern did not ask for that."""
    asked = [part for part in pattern.split("/") if part.startswith(HIDDEN)]
    return any(part.startswith(HIDDEN) and not any(fnmatch(part, one) for one in asked) for part in match.split("/"))
