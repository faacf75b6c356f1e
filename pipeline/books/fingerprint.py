"""The recipe id: a hash of what decides a level's output, known before running.

It covers the input, the canonical configuration, the code that the steps reach (`pipeline.books.code`), the models'
hashes, the versions of the libraries that decide bytes, and the numbers of the core (`pipeline.protocol`).
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import BaseModel

from pipeline.books.code import code_version, reach_of
from pipeline.protocol import PROTOCOL
from pipeline.rows.document import content_hash
from pipeline.steps import Step

WRITERS = ("pyarrow",)
"""Libraries that decide the bytes of every level."""


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def recipe_id(level: str, inputs: Iterable[str], steps: Iterable[Step]) -> str:
    """Hash of a level: `inputs` are file hashes (L0) or the parents' recipe ids."""
    parts = [level, canonical(list(inputs)), canonical(PROTOCOL), canonical(versions(()))]
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
    return {name: _installed(name) for name in sorted({*WRITERS, *libraries})}


@cache
def _installed(name: str) -> str:
    """Read once a process: it takes milliseconds, and a level asks several times for each of its steps."""
    return importlib.metadata.version(name)


def versions_of(steps: Iterable[Step]) -> dict[str, str]:
    """What the manifest names: the libraries that steps declare, and those that a step from elsewhere imports."""
    steps = list(steps)
    found = versions(library for step in steps for library in step.libraries)
    for step in steps:
        found |= reach_of(type(step).__module__).libraries
    return dict(sorted(found.items()))
