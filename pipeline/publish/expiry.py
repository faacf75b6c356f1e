"""Why a certificate no longer speaks of what is there, in words: it holds for the checkers that made it, and no others.

A certificate expires when the code of a checker, the version of a library that judges, or a file that it judges by
(an evaluation set) is another one by now, and when rows of its lot were to be taken down. Verifying fails then as well,
on each row and count that comes out differently, or on none by luck: this says the cause, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from pipeline.books.code import code_version
from pipeline.books.tombstones import paths, targets_of
from pipeline.steps import Checker
from pipeline.store.store import Store

WAY_ON = "certify the lot again with what is there, or go back to what it was made with"


def code_of(checkers: Mapping[str, Checker]) -> dict[str, str]:
    """For each checker a hash of all code that it reaches: a comment changes nothing."""
    return {name: code_version(type(checker).__module__) for name, checker in checkers.items()}


def expired(
    certificate: Mapping[str, Any], policy: Mapping[str, Mapping[str, Any]], checkers: Mapping[str, Checker]
) -> list[str]:
    """One sentence for each thing that has changed since; empty if nothing has. policy: the level's steps by name."""
    found = []
    now = code_of(checkers)
    for name, checker in checkers.items():
        tool, code = (stated.get(name) for stated in (_stated(certificate, "tools"), _stated(certificate, "code")))
        if tool not in (None, checker.tool()):
            found.append(f"expired: {name} judged with {tool}, and {checker.tool()} is here; {WAY_ON}")
        if code not in (None, now[name]):
            found.append(f"expired: the code of {name} has changed since; {WAY_ON}")
        then = policy.get(name, {}).get("assets", {})
        try:
            assets = checker.assets()
        except (ValueError, OSError) as error:
            found.append(f"expired: what {name} judged by cannot be read: {error}; {WAY_ON}")
            continue
        for asset in sorted({*then, *assets}):
            if then.get(asset) != assets.get(asset):
                what = "is gone" if asset not in assets else "is new" if asset not in then else "is another file"
                found.append(f"expired: {asset}, by which {name} judged, {what}; {WAY_ON}")
    return found


def taken_down(store: Store, batches: Iterable[pa.RecordBatch]) -> list[str]:
    """Whether certified rows are among what was asked to be taken down since."""
    targets = targets_of((store, path) for path in paths(store))
    rows = sum(int(targets.mask(batch).sum()) for batch in batches) if targets else 0
    return [f"expired: {rows} certified rows were to be taken down since; run the recipe again"] if rows else []


def _stated(certificate: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """What a certificate states by checker; nothing where a forger has put something else."""
    found = certificate.get(key)
    return found if isinstance(found, dict) else {}
