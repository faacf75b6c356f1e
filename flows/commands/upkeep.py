"""Commands that keep machine, store and versions in order: doctor, diff, takedown, purge, gc."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from flows.commands.options import FAILED, Json, Ref, StoreOption, print_result

Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would be done.")]


def doctor(
    store: Annotated[str | None, typer.Option("--store", help="Also try what a store must be able to do.")] = None,
    as_json: Json = False,
) -> None:
    """Whether this machine, its packages and a store can do what runs need; exit code 1 if something is wrong."""
    from flows.runs.doctor import examine

    found = list(examine(store))
    wrong = any(one.kind == "wrong" for one in found)
    print_result({"fine": not wrong, "findings": [*map(asdict, found)]}, as_json, [one.line() for one in found])
    if wrong:
        raise typer.Exit(FAILED)


def diff(
    before: Ref,
    after: Annotated[str | None, typer.Argument(help="Another version; default: the latest of the data set.")] = None,
    store: StoreOption = "store",
    as_json: Json = False,
) -> None:
    """What differs between two versions: rows that came and went, and why; distributions; steps and packages."""
    from pipeline.publish.release import resolve
    from pipeline.store.store import open_store
    from pipeline.upkeep.diff import difference

    place = open_store(store)
    later = after or before.replace("/", "@").partition("@")[0]
    found = difference(place, resolve(place, before), resolve(place, later))
    print_result(asdict(found), as_json, found.lines())


def takedown(
    ids: Annotated[list[str] | None, typer.Option("--id", help="Of a document; repeatable.")] = None,
    urls: Annotated[list[str] | None, typer.Option("--url", help="As the documents have it; repeatable.")] = None,
    hosts: Annotated[list[str] | None, typer.Option("--host", help="With all hosts below it; repeatable.")] = None,
    reason: Annotated[str, typer.Option(help="Kept with the tombstone.")] = "",
    near: Annotated[bool, typer.Option("--near-duplicates", help="Also what was found to be nearly the same.")] = False,
    store: StoreOption = "store",
    as_json: Json = False,
) -> None:
    """Take documents and all that was made from them down: no later run of this store takes them in."""
    from pipeline.store.store import open_store
    from pipeline.upkeep.takedown import take_down

    if not (ids or urls or hosts):
        raise typer.BadParameter("say what: give --id, --url or --host", param_hint="--id")
    found = take_down(open_store(store), ids or (), urls or (), hosts or (), reason, near)
    way_on = "run the recipes again for versions without it, then `orefine purge --yes` removes it from what is there"
    lines = [f"tombstone {found.name}", *found.lines(), way_on]
    print_result({"tombstone": found.name, "rows": found.rows, "near_duplicates": len(found.near)}, as_json, lines)


def purge(store: StoreOption = "store", yes: Yes = False, as_json: Json = False) -> None:
    """Remove what was taken down from all levels, versions, replies and reports, and search for what is left."""
    from pipeline.store.store import open_store
    from pipeline.upkeep.purge import purge as do

    done = do(open_store(store), dry_run=not yes)
    print_result(asdict(done), as_json, [*done.lines(), *([] if yes else ["nothing was changed; --yes does it"])])
    if done.left:
        raise typer.Exit(FAILED)


def gc(
    store: StoreOption = "store",
    keep: Annotated[int | None, typer.Option(min=1, help="Versions of each data set, beside tagged ones.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove levels and releases that no version leads to."""
    from pipeline.store.store import open_store
    from pipeline.upkeep.gc import collect, find_garbage

    place = open_store(store)
    garbage = find_garbage(place, keep)
    if yes:
        collect(place, garbage)
    print_result(asdict(garbage), as_json, [*garbage.lines(), *([] if yes else ["nothing was changed; --yes does it"])])
