"""What one source file says: a hash of its syntax tree, the modules that it imports, and what nobody can follow.

Comments, docstrings, layout and what stands under `if TYPE_CHECKING:` are no code. Imports inside functions count, and
so do modules that are started as processes (`python -m name`). The tree is Python's own, so that another minor version
of Python, whose `str` methods may know other characters, is another hash. Parsing takes some milliseconds a file;
results are remembered in the cache folder by the file's size and times.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.rows.document import content_hash
from pipeline.store.cache import cache_folder

LOADERS = ("run_path", "run_module", "spec_from_file_location", "SourceFileLoader")
RUNS_TEXT = ("exec", "eval", *LOADERS)
"""Whatever runs code by another name than a module's; which code that is, the tree does not say."""
IMPORTS_BY_VALUE = ("import_module", "__import__")
READS_FILES = ("__file__", "get_data", "resources")
"""A module that names one of these may read data files of its package."""
RACY_NS = 2_000_000_000
"""A file this young may change once more without another time stamp (file systems count in up to two seconds)."""

TRIES = 10


class Import(NamedTuple):
    """One import: `from ..module import names` has level 2; without names it is `import module`."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0


class Syntax(NamedTuple):
    """What counts of one source file."""

    digest: str
    imports: tuple[Import, ...]
    refused: tuple[tuple[int, str], ...] = ()
    """(line, what stands there) of code that cannot be followed."""
    reads_files: bool = False


def parse(source: bytes) -> Syntax:
    """Raises SyntaxError for what is no Python."""
    tree = _tree(source)
    names = {getattr(node, "id", None) or getattr(node, "attr", None) for node in ast.walk(tree)}
    tree = _Code(keep_docstrings="__doc__" in names).visit(tree)
    imports, refused = _imports(tree)
    imported = {name for one in imports for name in (*one.module.split("."), *one.names)}
    reads = any(name in names | imported for name in READS_FILES)
    return Syntax(content_hash(ast.dump(tree)), imports, refused, reads)


def _tree(source: bytes) -> ast.Module:
    """CPython 3.11 counts how deep it is for all threads together: where another one parses meanwhile, as Prefect's do,
    it finds its count wrong and raises SystemError. The next time counts from zero.
    """
    for _ in range(TRIES - 1):
        with contextlib.suppress(SystemError):
            return ast.parse(source)
        time.sleep(0.05)
    return ast.parse(source)


class _Code(ast.NodeTransformer):
    """Removes statements that are constants, as docstrings are, `pass`, and what is for type checkers only."""

    def __init__(self, keep_docstrings: bool) -> None:
        self._keep = keep_docstrings  # in a module that looks at `__doc__`, they are data

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) and not self._keep else self.generic_visit(node)

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        return node.orelse if _name(node.test) == "TYPE_CHECKING" else node


def _name(node: ast.AST) -> str:
    """`TYPE_CHECKING` of `TYPE_CHECKING` and of `typing.TYPE_CHECKING`; empty for what is no name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _imports(tree: ast.AST) -> tuple[tuple[Import, ...], tuple[tuple[int, str], ...]]:
    imports: list[Import] = []
    refused: list[tuple[int, str]] = []
    followed: set[ast.AST] = set()
    for node in ast.walk(tree):  # outer nodes come first: a call before the function that it names
        if isinstance(node, ast.Import):
            imports += [Import(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports.append(Import(node.module or "", tuple(alias.name for alias in node.names), node.level))
            renamed = (alias.name for alias in node.names if alias.asname)
            refused += [(node.lineno, name) for name in renamed if name in (*IMPORTS_BY_VALUE, *RUNS_TEXT)]
        elif isinstance(node, ast.Call) and _name(node.func) in IMPORTS_BY_VALUE:
            match node.args:
                case [ast.Constant(value=str(module))] if not node.keywords and not module.startswith("."):
                    imports.append(Import(module))
                    followed.add(node.func)
        # `model.eval()` is somebody's method: the built-in functions come without a dot.
        elif node not in followed and _runs_unseen(node):
            refused.append((getattr(node, "lineno", 0), _name(node)))
        imports += _started(node)
    return tuple(imports), tuple(refused)


def _started(node: ast.AST) -> list[Import]:
    """Modules that run in a process of their own: those behind "-m" in a command, a list or the arguments of a call."""
    words = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.List | ast.Tuple) else []
    texts = [word.value if isinstance(word, ast.Constant) else None for word in words]
    return [Import(name) for flag, name in itertools.pairwise(texts) if flag == "-m" and isinstance(name, str)]


def _runs_unseen(node: ast.AST) -> bool:
    # `model.eval()` is somebody's method: the built-in functions come without a dot.
    return _name(node) in (*IMPORTS_BY_VALUE, *(RUNS_TEXT if isinstance(node, ast.Name) else LOADERS))


class Remembered:
    """Parsed files, kept in the cache folder from one process to the next."""

    def __init__(self) -> None:
        self._file = cache_folder() / f"syntax-{sys.implementation.cache_tag}.json"
        self._reader = _signature(Path(__file__))
        self._known: dict[str, tuple[list[int], Syntax]] = {}
        self._changed = False
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            stored = json.loads(self._file.read_bytes())
            if stored["reader"] == self._reader:  # what this module finds in a file may change as well
                self._known = dict(_loaded(stored["files"]))

    def syntax(self, path: Path) -> Syntax:
        """What the file says. Raises SyntaxError and OSError."""
        name, signature = str(path), _signature(path)
        if name in self._known and self._known[name][0] == signature:
            return self._known[name][1]
        found = parse(path.read_bytes())
        if time.time_ns() - max(signature[1:]) > RACY_NS:
            self._known[name] = (signature, found)
            self._changed = True
        return found

    def save(self) -> None:
        """Write what is new; of two processes that do, the last counts, and the other parses again."""
        if not self._changed:
            return
        files = {name: entry for name, entry in self._known.items() if os.path.exists(name)}
        with contextlib.suppress(OSError):  # a home that cannot be written costs a fraction of a second a run
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self._file.parent, suffix=".tmp", delete=False
            ) as file:
                json.dump({"reader": self._reader, "files": files}, file)
            os.replace(file.name, self._file)
        self._changed = False


def _signature(path: Path) -> list[int]:
    """Size and times. The time of the last change of the inode cannot be set, as installers set that of the content."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _loaded(files: dict[str, Any]) -> Iterator[tuple[str, tuple[list[int], Syntax]]]:
    for name, (signature, (digest, imports, refused, reads_files)) in files.items():
        found = tuple(Import(module, tuple(names), level) for module, names, level in imports)
        yield name, (signature, Syntax(digest, found, tuple((line, what) for line, what in refused), reads_files))
