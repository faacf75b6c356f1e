"""Command-line options that several commands share, and how they end."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

FAILED, QUARANTINED = 1, 3

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
StoreOption = Annotated[
    str, typer.Option("--store", help="Folder, or s3://bucket/prefix, that holds levels, releases and refs.")
]
Ref = Annotated[str, typer.Argument(help="dataset, dataset@tag or dataset@version.")]


def say(line: str) -> None:
    """A line for people; standard output belongs to the result."""
    print(line, file=sys.stderr, flush=True)


def finish_check(findings: list[str], what: str, as_json: bool, notes: Sequence[str] = ()) -> None:
    """Say what a check found; exit code 1 if it found anything. `notes`: what is worth saying and no finding."""
    for line in (*findings, *notes):
        say(line)
    if as_json:
        print(json.dumps({"verified": not findings, "findings": findings} | ({"notes": [*notes]} if notes else {})))
    elif not findings:
        print(f"verified: {what}")
    if findings:
        raise typer.Exit(FAILED)


def print_result(result: Any, as_json: bool, lines: list[str]) -> None:
    """The result as one JSON object, or as lines."""
    print(json.dumps(result, default=str)) if as_json else print("\n".join(lines))
