"""`orefine review`: people judge a lot on a page of this machine; its records go to other tools and come back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from typer.core import TyperGroup

from flows.commands.options import Json, StoreOption, print_result, say
from pipeline.errors import UsageError
from pipeline.steps.extras import require

LOOPBACK = "127.0.0.1"
Lot = Annotated[
    str, typer.Argument(metavar="REF", help="A lot as `show --runs` names it, its data set, or a JSONL file.")
]
Database = Annotated[str, typer.Option("--database", help="A file, or postgresql://…; default: beside the lot.")]
Kind = Annotated[str, typer.Option("--format", help="jsonl, label_studio, prodigy or argilla.")]


class _Group(TyperGroup):
    """`orefine review REF` is short for `orefine review serve REF`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["serve", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_Group, no_args_is_help=True, help="Judge a lot that waits for people.")


@app.command()
def serve(
    ref: Lot,
    reviewers: Annotated[
        list[str] | None, typer.Option("--reviewer", help="Who judges; each gets a link. Repeatable.")
    ] = None,
    store: StoreOption = "store",
    database: Database = "",
    host: Annotated[
        str, typer.Option(help="Address to listen at; others than loopback are reached by others.")
    ] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8750,
    not_blind: Annotated[bool, typer.Option("--open", help="Show what checkers found before the verdict.")] = False,
) -> None:
    """Serve the review page until Ctrl-C. What is judged is kept at once."""
    require(["review"])
    import socket

    import uvicorn

    from flows.runs.review import find_lot, secret
    from stages.l4_verify.people.app import make_app, token

    lot = find_lot(ref, store, database)
    if lot.review.is_decided():
        raise UsageError(
            f"lot {lot.review.lot} is decided: {lot.review.decided()['outcome']}; run its recipe again to go on"
        )
    queue, key = lot.open(), secret()

    class Decide:
        def __call__(self) -> dict[str, Any]:
            return lot.publish(queue)

        def is_decided(self) -> bool:
            return lot.review.is_decided()

    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # before the link is printed: who follows it at once is not refused
    except OSError as error:
        raise UsageError(
            f"{host}:{port} cannot be listened at ({error.strerror}); give another --host or --port"
        ) from None
    known = {host, "localhost", LOOPBACK} if host == LOOPBACK else {host}
    port = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    for name in reviewers or ["reviewer"]:
        print(f"{name}: http://{shown}:{port}/?{urlencode({'reviewer': name, 'token': token(key, name)})}", flush=True)
    if host not in (LOOPBACK, "localhost", "::1"):
        say(f"{host} is not loopback: whoever can reach it and has a link can judge, and links travel unencrypted")
    settings = uvicorn.Config(
        make_app(queue, key, frozenset(known), Decide(), not not_blind), log_level="warning", access_log=False,
        server_header=False, proxy_headers=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
    try:
        uvicorn.Server(settings).run(sockets=[listener])
    finally:
        queue.close()


@app.command()
def status(ref: Lot, store: StoreOption = "store", database: Database = "", as_json: Json = False) -> None:
    """How far a lot is."""
    require(["review"])
    from flows.runs.review import find_lot

    lot = find_lot(ref, store, database)
    with closing(lot.open()) as queue:
        now = queue.progress() | {"lot": lot.review.lot, "decided": lot.review.is_decided()}
    state = lot.review.decided()["outcome"] if now["decided"] else "complete" if now["complete"] else "waiting"
    print_result(now | {"state": state}, as_json, [f"lot {now['lot']}: {now['judged']} of {now['of']} judged, {state}"])


@app.command()
def decide(ref: Lot, store: StoreOption = "store", database: Database = "", as_json: Json = False) -> None:
    """Publish the decision of a lot of which every record is judged."""
    require(["review"])
    from flows.runs.review import find_lot

    lot = find_lot(ref, store, database)
    with closing(lot.open()) as queue:
        try:
            made = lot.publish(queue)
        except ValueError as error:
            raise UsageError(str(error)) from None
    line = f"lot {made['lot']} is {made['outcome']}: {made['defects']} defects in {made['inspected']} records"
    print_result(made, as_json, [line])


@app.command()
def export(
    ref: Lot,
    to: Annotated[Path, typer.Option("--to", help="File to write.")],
    kind: Kind = "jsonl",
    store: StoreOption = "store",
    database: Database = "",
) -> None:
    """Write the lot's records, with the verdicts so far, for another tool. Gold stays hidden."""
    require(["review"])
    from flows.runs.review import find_lot
    from stages.l4_verify.people import formats

    _check_kind(kind)
    lot = find_lot(ref, store, database)
    with closing(lot.open()) as queue:
        reviews = queue.reviews()
    to.write_text(formats.export(kind, lot.records, reviews), encoding="utf-8")
    print(f"{to}: {len(lot.records)} records, {len(reviews)} verdicts")


@app.command("import")
def bring(
    ref: Lot,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What another tool wrote.")],
    kind: Kind = "jsonl",
    store: StoreOption = "store",
    database: Database = "",
) -> None:
    """Take verdicts that were given in another tool; records are known by their ids."""
    require(["review"])
    from flows.runs.review import find_lot
    from stages.l4_verify.people import formats

    _check_kind(kind)
    lot = find_lot(ref, store, database)
    if lot.review.is_decided():
        raise UsageError(f"lot {lot.review.lot} is decided, and takes no more verdicts")
    try:
        reviews = formats.read(kind, file.read_text(encoding="utf-8"))
    except (formats.UnreadableReviews, UnicodeDecodeError, FileNotFoundError) as error:
        raise UsageError(f"{file}: {error}") from None
    with closing(lot.open()) as queue:
        print(f"{queue.bring(reviews)} of {len(reviews)} verdicts are new")


def _check_kind(kind: str) -> None:
    from stages.l4_verify.people.formats import FORMATS

    if kind not in FORMATS:
        raise UsageError(f"--format '{kind}': give one of {', '.join(FORMATS)}")
