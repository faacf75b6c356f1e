"""Places of a run at which the tests of faults break it, and how: an error, or the end of the process."""

from __future__ import annotations

import importlib
import inspect
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLACES = {
    "L0 reading": "stages.l0_collect.readers.jsonl.JsonlSource.read",
    "L0 writing a shard": "pipeline.store.shard.ShardWriter.commit",
    "L0 adding up": "pipeline.run.level.manifest_of",
    "L1 filtering": "stages.l1_filter.heuristics.gopher_quality.GopherQuality.judge",
    "L1 shuffling": "pipeline.run.grouping_tasks.write_buckets",
    "L2 choosing": "stages.l2_select.choose.threshold.Threshold.process",
    "L3 generating": "stages.l3_synthesize.engines.engine.TemplateEngine.generate",
    "L3 keeping replies": "pipeline.run.ledger.Ledger.flush",
    "L4 checking": "stages.l4_verify.format.Format.check",
    "publishing data": "pipeline.store.store.LocalStore.copy",
    "publishing the card": "pipeline.publish.release.dataset_card",
    "publishing the ref": "pipeline.publish.release._point",
}
"""Name → function that does that work."""
IN_WORKERS = [name for name in PLACES if name.startswith("L") and name != "L0 adding up"]
"""Those that run in tasks, which are Ray's workers there."""
FOLDER = "DIES_ONCE_IN"


def break_at(place: str, fault: Callable[[], Any], patch: pytest.MonkeyPatch, after: int = 0) -> None:
    """The function there does its work `after` times, and then `fault` before it goes on.

    One that yields does `fault` after its first result.
    """
    module, name = resolve(PLACES[place])
    original = getattr(module, name)
    calls = itertools.count()

    def broken(*arguments: Any, **named: Any) -> Any:
        if next(calls) >= after:
            fault()
        return original(*arguments, **named)

    def broken_later(*arguments: Any, **named: Any) -> Any:
        results = original(*arguments, **named)
        yield from itertools.islice(results, 1)
        fault()
        yield from results

    patch.setattr(module, name, broken_later if inspect.isgeneratorfunction(original) else broken)


def resolve(path: str) -> tuple[Any, str]:
    """(module or class, name in it)"""
    owner, _, name = path.rpartition(".")
    try:
        return importlib.import_module(owner), name
    except ModuleNotFoundError:
        module, _, kind = owner.rpartition(".")
        return getattr(importlib.import_module(module), kind), name


def die_once_everywhere() -> None:
    """Set up a worker that dies at each place where none has died yet; DIES_ONCE_IN is the folder that knows them."""
    patch = pytest.MonkeyPatch()  # never undone: the worker is the test's own
    for place in IN_WORKERS:
        break_at(place, lambda flag=Path(os.environ[FOLDER], place): die_once(flag), patch)


def die_once(flag: Path) -> None:
    try:
        flag.touch(exist_ok=False)
    except FileExistsError:
        return
    os._exit(9)
