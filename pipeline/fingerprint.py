"""The recipe id: a hash of what decides a level's output, known before running.

It covers the input, the canonical configuration, the code of the steps and of what they import from these packages,
the models' hashes, and the versions of the libraries that decide bytes.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.document import content_hash
from pipeline.step import Step

OUR_PACKAGES = ("pipeline", "stages")
WRITERS = ("pyarrow",)
"""Libraries that decide the bytes of every level."""
CORE = "pipeline.level"
"""The code that every level runs through."""


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def recipe_id(level: str, inputs: Iterable[str], steps: Iterable[Step]) -> str:
    """Hash of a level: `inputs` are file hashes (L0) or the parents' recipe ids."""
    parts = [level, canonical(list(inputs)), code_version(CORE), canonical(versions(()))]
    for step in steps:
        parts += [
            canonical(step.identity()),
            canonical(dict(step.assets())),
            code_version(type(step).__module__),
            canonical(versions(step.libraries)),
        ]
    return content_hash(*parts)


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """Installed versions of these libraries and of those that decide every level's bytes."""
    return {name: importlib.metadata.version(name) for name in sorted({*WRITERS, *libraries})}


@cache
def code_version(module: str) -> str:
    """Hash of a module and of what it imports from our packages, comments and docstrings left out."""
    sources = {name: _without_docstrings(tree) for name, tree in _closure(module).items()}
    return content_hash(canonical(sources))


def _closure(module: str) -> dict[str, ast.Module]:
    found: dict[str, ast.Module] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or (tree := _parse(name)) is None:
            continue
        found[name] = tree
        waiting += [target for target in _imports(tree) if target.split(".")[0] in OUR_PACKAGES]
    return found


@cache
def _parse(name: str) -> ast.Module | None:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None  # `from package.module import function`: the parent is parsed, the function is no module
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    return ast.parse(Path(spec.origin).read_bytes())


def _imports(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _without_docstrings(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):  # a string that stands alone is documentation, wherever it stands
            node.body = [line for line in body if not _is_documentation(line)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_documentation(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)
