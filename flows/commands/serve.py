"""`orefine serve`: scheduled runs on one machine, from one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.options import say


def serve_forever(path: Path) -> None:
    """The service of a file, until it is stopped."""
    from flows.serve.settings import load_service
    from pipeline.steps.extras import require

    service = load_service(path)
    require(["flows"])
    from flows.serve.service import serve

    serve(service, say)


def parameters_of(path: Path, name: str) -> dict[str, Any]:
    """What a run of this deployment is given."""
    from flows.serve.settings import load_service

    return load_service(path).named(name).parameters()


ConfigFile = Annotated[Path, typer.Argument(metavar="FILE", help="Which recipes run when, and who hears of it.")]
Once = Annotated[str | None, typer.Option("--once", metavar="NAME", help="Run this deployment once, here and now.")]
