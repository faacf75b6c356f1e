"""Who may write where: a command replaces what it wrote itself, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from flows.runs.recipe import RecipeError

GENERATOR = '<meta name="generator" content="orefine">'


def write_page(path: Path, page: str) -> None:
    """Write a page, whole or not at all. RecipeError if a file is there that is no page of ours."""
    if path.is_dir():
        raise RecipeError(f"{path} is a folder; name the file to write, such as {path / 'report.html'}")
    if path.exists() and GENERATOR.encode() not in path.read_bytes()[:2000]:
        raise RecipeError(f"{path} is there and is no page that orefine wrote; give another name with --output")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(page, encoding="utf-8")
    os.replace(part, path)


def check_folder(folder: Path, mine: Iterable[str], inputs: Iterable[Path] = ()) -> None:
    """Raise RecipeError if the folder holds anything that the command does not write, or an input of it.

    `mine`: names of files and folders that the command writes, as patterns.
    """
    patterns = [*mine]
    if folder.exists() and not folder.is_dir():
        raise RecipeError(f"{folder} is a file; give a folder with --output")
    there = {path.resolve() for path in inputs if path.exists()}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.resolve() in there:
            raise RecipeError(f"{path} is an input of this command, which must not write there; give another --output")
        if not path.name.startswith(".") and not any(path.match(pattern) for pattern in patterns):
            raise RecipeError(
                f"{folder} holds '{path.name}', which this command did not write and might be mixed up with what it "
                "writes; give an empty folder or a new one with --output"
            )
