"""A tiny release, and what a person or a disk may do to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.publish.release import Release, publish
from pipeline.run.level import Finished, run_level
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from pipeline.store.sealed import read_sealed, seal
from tests.pipeline.helpers import MinWords, l0, l1, silent, write_lines

FILES = (["apple pie is good", "banana", "apple tart"], ["cherry cake", "banana split"])


def levels(folder: Path) -> tuple[LocalStore, list[Finished]]:
    """Two levels: five rows in, four out."""
    store = LocalStore(folder / "store")
    collected = run_level(l0(), store, InlineRunner(), silent, write_lines(folder / "input", *FILES))
    return store, [collected, run_level(l1(MinWords()), store, InlineRunner(), silent, parent=collected)]


def release(folder: Path) -> tuple[LocalStore, str, Release]:
    store, made = levels(folder)
    published = publish(store, made)
    return store, f"releases/toy/{published.version}", published


def write(store: LocalStore, path: str, data: bytes) -> None:
    """As root may, whatever the file's mode."""
    place = Path(store.shown(path))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.write_bytes(data)


def forge(store: LocalStore, path: str, change: Callable[[Any], object]) -> None:
    """Change a JSON file and seal it again, so that only what it says is wrong with it."""
    values = json.loads(read_sealed(store, path))
    change(values)
    write(store, path, seal((json.dumps(values, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()))
