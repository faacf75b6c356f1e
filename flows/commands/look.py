"""Commands that show text: head, quarantine; and report, which makes the page of a version again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Json, Ref, StoreOption, print_result

if TYPE_CHECKING:
    from pipeline.books.manifest import Manifest
    from pipeline.store.store import Store

SHOWN = 500
"""Characters of a text in the terminal; `--json` gives it whole."""
LevelOption = Annotated[str | None, typer.Option("--level", help="l0_collect … l4_verify; default: the last one.")]
Rows = Annotated[int, typer.Option("--rows", "-n", min=1, help="How many.")]


def head(
    ref: Ref,
    dropped: Annotated[
        str | None, typer.Option("--dropped", help="Show rows dropped for this reason, or its beginning; all: any.")
    ] = None,
    level: LevelOption = None,
    rows: Rows = 5,
    store: StoreOption = "store",
    as_json: Json = False,
) -> None:
    """Show documents of a version with their text: kept ones, or those dropped for a reason."""
    from pipeline.publish.release import UnknownRef
    from pipeline.report.samples import reason_of, texts_before

    found: list[dict[str, Any]] = []
    reasons: set[str] = set()
    for place, folder, manifest in _levels(store, ref, level, every=dropped is not None and level is None):
        if dropped is None:
            for row in _rows(place, folder, manifest, "data"):
                found.append({"level": manifest.level, **row})
                if len(found) == rows:
                    break
            continue
        chosen = []
        for row in _rows(place, folder, manifest, "dropped"):
            reason = reason_of(row)
            reasons.add(reason)
            if dropped == "all" or reason.startswith(dropped) or str(row["reason"]).startswith(dropped):
                chosen.append(row)
            if len(found) + len(chosen) >= rows:
                break
        texts = texts_before(place, manifest, {row["id"] for row in chosen if row["id"] and row["text"] is None})
        found += [{"level": manifest.level, **row, "text": row["text"] or texts.get(row["id"])} for row in chosen]
        if len(found) >= rows:
            break
    if dropped is not None and not found:
        known = ", ".join(sorted(reasons)) or "none"
        raise UnknownRef(f"--dropped: no row was dropped for '{dropped}'; there are: {known}")
    print_result(found, as_json, [line for row in found for line in _lines(row)])


def quarantine(
    ref: Ref, level: LevelOption = None, rows: Rows = 20, store: StoreOption = "store", as_json: Json = False
) -> None:
    """Show what could not be processed in a version: file or document, step, error, and its text if there is one."""
    from pipeline.report.samples import texts_before

    found: list[dict[str, Any]] = []
    more = 0
    for place, folder, manifest in _levels(store, ref, level, every=True):
        chosen = list(_rows(place, folder, manifest, "quarantine")) if manifest.quarantined else []
        more += max(0, len(chosen) - rows)
        texts = texts_before(place, manifest, {row["id"] for row in chosen[:rows] if row["id"]})
        found += [{"level": manifest.level, **row, "text": texts.get(row["id"])} for row in chosen[:rows]]
    lines = [line for row in found for line in _lines(row)]
    lines += [f"and {more:,} more: --rows shows them"] if more else []
    print_result(found, as_json, lines or ["nothing is in quarantine"])


def report(
    ref: Ref,
    output: Annotated[Path | None, typer.Option("--output", help="File to write; default: beside the release.")] = None,
    store: StoreOption = "store",
) -> None:
    """Make the report of a version again, from what lies in the store; nothing is run."""
    from flows.commands.own import write_page
    from flows.runs.report import finished_levels, report_of
    from pipeline.publish.release import load_release, resolve
    from pipeline.store.store import open_store

    place = open_store(store)
    directory = resolve(place, ref)
    release = load_release(place, directory)
    page = report_of(place, directory, finished_levels(place, release))
    if output is None:
        path = f"runs/{release.dataset}-{release.version}/report.html"
        place.replace(path, page.encode())
        print(place.shown(path))
    else:
        write_page(output, page)
        print(output)


def _levels(store: str, ref: str, level: str | None, every: bool) -> Iterator[tuple[Store, str, Manifest]]:
    """(store, folder, manifest) of the levels behind a version: all, the last, or the one that is named."""
    from pipeline.books.manifest import Manifest, load
    from pipeline.publish.release import UnknownRef, load_release, resolve
    from pipeline.store.store import open_store

    place = open_store(store)
    release = load_release(place, resolve(place, ref))
    known = [one.level for one in release.levels]
    if level is not None and level not in known:
        raise UnknownRef(f"--level: this version has no '{level}'; there are {', '.join(known)}")
    for one in release.levels:
        if (every or one.level == (level or known[-1])) and (level is None or one.level == level):
            yield place, one.manifest.rpartition("/")[0], load(Manifest, place, one.manifest)


def _rows(store: Store, folder: str, manifest: Manifest, role: str) -> Iterator[dict[str, Any]]:
    from pipeline.books.manifest import read_rows

    for batch in read_rows(store, folder, manifest, role):
        yield from batch.to_pylist()


def _lines(row: dict[str, Any]) -> list[str]:
    text = row.get("text")
    facts = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
        if name not in ("text", "source_text", "text_hash", "meta", "verdicts") and value not in (None, "")
    ]
    shown = "(no text is kept of it)" if text is None else text[:SHOWN] + (" …" if len(text) > SHOWN else "")
    return ["· ".join(["", " · ".join(facts)]), *(f"    {line}" for line in shown.splitlines()), ""]
