"""The recipe id: a hash of what decides a level's output, known before running.

It covers the input, the canonical configuration, the source of the steps and of all that they import from these
packages, the models' hashes, and the versions of the libraries that decide bytes.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.rows.document import content_hash
from pipeline.steps import Step

ROOT = Path(__file__).parents[2]
"""Where the packages lie."""
IMPORT = re.compile(r"^ *(?:from|import) ((?:pipeline|stages)[\w.]*)(?: import (\([^)]*\)|[^\n]*))?", re.MULTILINE)
WRITERS = ("pyarrow",)
"""Libraries that decide the bytes of every level."""
CORE = "pipeline.run.level"
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
    """Hash of the source of a module and of what it imports from our packages, directly or not.

    A changed comment changes it too: telling code from comments costs more time at every start than re-running costs.
    """
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            digest, imports = _source(name)
            found[name] = digest
            waiting += imports
    return content_hash(canonical(found))


@cache
def _source(module: str) -> tuple[str, tuple[str, ...]]:
    """(hash of the source, modules of ours that it names in imports); empty for what is no module but a name in one."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.is_file():
        # A step that lives elsewhere, such as a test's, still has a source.
        return ("", ()) if module.split(".")[0] in ("pipeline", "stages") else (_foreign(module), ())
    source = file.read_bytes()
    return content_hash(source), tuple(_imports(source.decode()))


def _foreign(module: str) -> str:
    spec = importlib.import_module(module).__spec__
    return content_hash(Path(spec.origin).read_bytes()) if spec and spec.origin else module


def _imports(source: str) -> list[str]:
    names: list[str] = []
    for module, imported in IMPORT.findall(source):
        names.append(module)
        names += [f"{module}.{name}" for name in re.findall(r"\w+", imported)]
    return names
