"""Every run respects what was taken down in its store: L0 gets one more step, and with it another recipe id."""

from __future__ import annotations

from dataclasses import replace

from pipeline.books import tombstones
from pipeline.run.passes import Level
from pipeline.store.store import Store
from stages.l0_collect.taken_down import TakenDown


def respecting(level: Level, store: Store) -> Level:
    """The level without what the store's tombstones name; levels after L0 get none of it."""
    if level.source is None or not (paths := tombstones.paths(store)):
        return level
    return replace(level, steps=(*level.steps, TakenDown(tombstones=tuple(store.shown(path) for path in paths))))
