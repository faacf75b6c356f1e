"""The code that a step can reach: its module and all that it imports, of our packages and of the user's.

| what is imported                                      | counts by                                             |
|-------------------------------------------------------|-------------------------------------------------------|
| the standard library, `flows`, pydantic               | nothing                                               |
| the core packages that run steps                      | their number in `pipeline.protocol`                   |
| any other module of ours, the step's own package,     | syntax tree (`pipeline.books.syntax`); compiled ones  |
| and what is not installed as a distribution           | by their bytes                                        |
| an installed distribution, imported by foreign code   | its version; `absent` if it is not there              |
| an installed distribution, imported by ours           | what the step's `libraries` name                      |

Parent packages run when a module is imported, so that they count too, except `stages` and its levels: they only list
their steps, and else a new filter would be another version of all others. Where foreign code looks for data files, all
files beside it count. What cannot be followed is refused.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import ModuleSpec
from itertools import accumulate
from pathlib import Path

from pipeline.books.syntax import Import, Remembered, Syntax
from pipeline.protocol import PROTOCOL
from pipeline.rows.document import content_hash

ROOT = Path(__file__).parents[2]
"""Where our packages lie."""
OURS = ("pipeline", "stages")
NEUTRAL = ("flows", "pydantic")
"""What decides no bytes: `flows` runs steps, pydantic checks parameters, which count themselves."""


class UnknownCode(ValueError):
    """A step's code cannot be told; says where, why, and what to write instead."""


@dataclass(slots=True)
class Module:
    """A module that counts by its code: a hash of its own, and what it brings."""

    digest: str
    imports: set[str] = field(default_factory=set)
    libraries: dict[str, str] = field(default_factory=dict)
    """Distribution → version, of those that it imports."""
    undeclared: set[str] = field(default_factory=set)
    """Top-level names that it imports from distributions, if it is ours."""


@dataclass(slots=True)
class Reach:
    """All that a step can reach."""

    modules: dict[str, str] = field(default_factory=dict)
    """Name → hash of each module that counts by its code."""
    libraries: dict[str, str] = field(default_factory=dict)
    """Distribution → version, of those that foreign code imports."""
    undeclared: set[str] = field(default_factory=set)
    """Top-level names that our own code imports from distributions; a step's `libraries` name what decides bytes."""

    def version(self) -> str:
        """Hash of it, and of the numbers of the core."""
        return content_hash(json.dumps([self.modules, self.libraries, PROTOCOL], sort_keys=True))


class Code:
    """Follows imports from `root` for our packages, and from where Python finds them for others. Keeps what it saw."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = [str(root)]
        self._files = Remembered()
        self._modules: dict[tuple[str, str], Module | None] = {}
        self._specs: dict[str, ModuleSpec | None] = {}

    def reach(self, module: str) -> Reach:
        """What this module, whose package counts by its code wherever it is installed, can reach."""
        own = _top(module)
        if not _is_core(module) and self._module(module, own) is None:
            raise UnknownCode(
                f"the code of module '{module}' is in no file, so that no recipe id can tell its versions apart; "
                "put the step into a module that can be imported"
            )
        found, seen, waiting = Reach(), {module}, [module]
        while waiting:
            name = waiting.pop()
            if (one := self._module(name, own)) is None:
                continue
            found.modules[name] = one.digest
            found.libraries |= one.libraries
            found.undeclared |= one.undeclared
            following = {*one.imports, *_parents(name)} - seen
            waiting += following
            seen |= following
        self._files.save()
        return found

    def _module(self, name: str, own: str) -> Module | None:
        """None for what does not count by its code."""
        if (own, name) not in self._modules:
            self._modules[own, name] = self._read(name, own)
        return self._modules[own, name]

    def _read(self, name: str, own: str) -> Module | None:
        if _is_core(name) or (spec := self._find(name)) is None:
            return None
        if spec.origin is None or not Path(spec.origin).is_file():  # a folder without `__init__.py`
            return None
        path = Path(spec.origin)
        if path.suffix != ".py":
            return Module(content_hash(path.read_bytes()))
        syntax = self._syntax(name, path)
        ours = _top(name) in OURS
        data = _data_beside(path) if syntax.reads_files and not ours else ()
        found = Module(content_hash(syntax.digest, *data))
        package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
        for module, names in _absolute(syntax.imports, package):
            top = _top(module)
            if top in (*OURS, own):
                found.imports |= self._targets(module, names)
            elif ours:
                found.undeclared.add(top)
            elif distribution := self._distribution(top):
                found.libraries |= distribution
            else:
                found.imports |= self._targets(module, names)
        return found

    def _distribution(self, top: str) -> dict[str, str] | None:
        """{distribution: version} that a top-level name is installed with; None for a module of the user's."""
        spec = self._find(top)
        if spec is None:
            return {top: "absent"}
        places = list(spec.submodule_search_locations or ()) or [spec.origin or ""]
        return _installed(top) if any(_holds_distributions(Path(place).parent) for place in places) else None

    def _syntax(self, name: str, path: Path) -> Syntax:
        try:
            syntax = self._files.syntax(path)
        except SyntaxError as error:
            raise UnknownCode(f"{path}:{error.lineno}: {error.msg}; a step imports this module, correct it") from None
        if syntax.refused:
            line, what = syntax.refused[0]
            raise UnknownCode(
                f"{path}:{line}: `{what}` runs code that no recipe id can tell, so that a change of it would go "
                f"unseen; import what '{name}' needs by name"
            )
        return syntax

    def _targets(self, module: str, names: tuple[str, ...]) -> set[str]:
        """The modules that an import names. A package of which only submodules are taken counts as their parent."""
        if "*" in names and (spec := self._find(module)):
            inside = pkgutil.iter_modules(spec.submodule_search_locations or ())
            return {module, *(f"{module}.{one.name}" for one in inside)}
        submodules = {f"{module}.{name}" for name in names if self._find(f"{module}.{name}") is not None}
        return submodules if submodules and len(submodules) == len(set(names)) else submodules | {module}

    def _find(self, name: str) -> ModuleSpec | None:
        """Where a module lies; nothing is imported to find out."""
        if self._specs.get(name) is None and not (name in self._specs and "." in name):
            self._specs[name] = self._search(name)  # a package that is not there may still be put on Python's path
        return self._specs[name]

    def _search(self, name: str) -> ModuleSpec | None:
        package, _, _ = name.rpartition(".")
        if package:
            parent = self._find(package)
            found = _search_in(parent.submodule_search_locations or (), name) if parent else None
        else:
            found = _search_in(self._root, name) if name in OURS else _find_top(name)
        if found is None and _top(name) not in OURS and (file := getattr(sys.modules.get(name), "__file__", None)):
            return importlib.util.spec_from_file_location(name, file)  # a script, or loaded by hand
        return found


def code_version(module: str) -> str:
    """The version of all code that a module reaches."""
    return reach_of(module).version()


@cache
def reach_of(module: str) -> Reach:
    """What a module of this process reaches. Raises UnknownCode."""
    return _code().reach(module)


@cache
def _code() -> Code:
    return Code()


def _absolute(imports: Iterable[Import], package: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(module, names) of each import that may count."""
    for module, names, level in imports:
        if level:
            base = package.split(".")[: package.count(".") + 2 - level]
            module = ".".join([*base, module] if module else base)
        if _top(module) not in (*sys.stdlib_module_names, *NEUTRAL):
            yield module, names


def _top(module: str) -> str:
    return module.partition(".")[0]


def _is_core(module: str) -> bool:
    return ".".join(module.split(".")[:2]) in PROTOCOL


def _parents(module: str) -> list[str]:
    parents = list(accumulate(module.split(".")[:-1], "{}.{}".format))
    return [name for name in parents if not (name.startswith("stages") and name.count(".") <= 1)]


def _search_in(folders: Iterable[str], name: str) -> ModuleSpec | None:
    """As Python looks for a submodule, which would import a folder without `__init__.py` to look into it."""
    parts: list[str] = []
    for folder in folders:
        finder = pkgutil.get_importer(folder)
        spec = finder.find_spec(name, None) if finder else None
        if spec is not None and spec.loader is not None:
            return spec
        parts += (spec.submodule_search_locations or ()) if spec else ()
    found = ModuleSpec(name, None, is_package=True)
    found.submodule_search_locations = parts
    return found if parts else None


def _find_top(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ValueError:  # a module without a spec, as one put together by hand or `__main__`
        return None


@cache
def _holds_distributions(folder: Path) -> bool:
    return next(folder.glob("*.dist-info"), None) is not None


@cache
def _installed(module: str) -> dict[str, str] | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return {module: importlib.metadata.version(module)}
    names = importlib.metadata.packages_distributions().get(module)  # reads all of them: most of a second
    return {name: importlib.metadata.version(name) for name in names} if names else None


def _data_beside(path: Path) -> Iterator[str]:
    """Name and content of all files below a module's folder that are no Python."""
    for file in sorted(path.parent.rglob("*")):
        if file.is_file() and file.suffix not in (".py", ".pyc"):
            yield str(file.relative_to(path.parent))
            yield content_hash(file.read_bytes())
