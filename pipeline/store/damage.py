"""A stored file that is not what was written: which one, what is wrong with it, and how to go on."""

from __future__ import annotations

import re

from pipeline.errors import Fault
from pipeline.store.store import Store

LEVEL = re.compile(r"l\d_")


class Damaged(Fault, OSError):
    """A file of the store does not hold what was written. Reading it again does not help, so nobody tries."""


def damaged(store: Store, path: str, problem: str) -> Damaged:
    """The error for a file of the store; `problem` says what was expected and what was found."""
    return Damaged(f"{store.shown(path)} is damaged: {problem}; {_way_out(path)}")


def _way_out(path: str) -> str:
    parts = path.split("/")
    if "work" in parts:
        return f"remove the folder {'/'.join(parts[: parts.index('work') + 1])} of the store and run again"
    if parts[0] == "refs":
        return "restore it, or remove it: the next run makes it anew, without the versions before"
    if "ledger" in parts:
        return "restore it, or remove it: the replies in it are then asked for again"
    if not LEVEL.match(parts[0]) and parts[0] not in ("releases", "models"):
        return "restore it"
    folder = "/".join(parts[: 3 if parts[0] == "releases" else 2])
    return f"restore it, or remove the folder {folder} of the store and run again"
