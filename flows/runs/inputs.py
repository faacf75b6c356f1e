"""What a run reads: the inputs of a recipe's source, each named by its content.

Small files and those whose hash is remembered are looked at here, several at once. The others are hashed by tasks of
the run's own runner, so that a cluster reads a terabyte and not the driver alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from flows.runs.recipe import Recipe, RecipeError
from pipeline.errors import is_of_recipe
from pipeline.run.level import InputFile
from pipeline.run.runners import Runner
from pipeline.run.runners.inline import InlineRunner
from pipeline.steps import Source
from stages import l0_collect

HASHED_AT_ONCE = 8
"""Inputs; more would not make a disk faster."""
TASK_BYTES = 1 << 30
"""Hashed by one task, in a second or two. If there is less in all, no task is worth its start."""


def find_paths(recipe: Recipe) -> list[str]:
    """The files of the recipe's source, or what else its inputs are."""
    source = recipe.l0_collect.source
    try:
        if (inputs := source.inputs()) is not None:
            return inputs
        if not source.paths:
            raise RecipeError("l0_collect.source.paths is empty; name files in the recipe or with --input")
        return l0_collect.expand(source.paths, source.kind)
    except (ValueError, FileNotFoundError) as error:
        if isinstance(error, RecipeError) or not is_of_recipe(error):
            raise
        raise RecipeError(str(error)) from None


def identify(path: str, source: Source | None = None) -> InputFile:
    """The input named by its content: the sha256 of a local file, for a remote one what its server says."""
    named = source.identify(path) if source else None
    return InputFile(path, *l0_collect.identify(path)) if named is None else InputFile(path, named)


def identify_all(
    paths: Sequence[str], source: Source | None = None, runner: Callable[[], Runner] | None = None
) -> tuple[InputFile, ...]:
    """All of them, in the order of `paths`. `runner`: opens the one whose tasks may hash; not asked for little."""
    sizes = [l0_collect.unhashed_bytes(path) for path in paths]
    large = [place for place, size in enumerate(sizes) if size]
    found: dict[int, InputFile] = {}
    if runner is not None and sum(sizes) >= TASK_BYTES and not isinstance(opened := runner(), InlineRunner):
        groups = list(_groups(large, sizes))
        tasks = [_Hashing(tuple(paths[place] for place in group), source) for group in groups]
        for index, result in opened.map(_identify_group, tasks):
            if isinstance(result, Exception):
                raise result
            for place, file in zip(groups[index], result, strict=True):
                found[place] = file
                l0_collect.remember(file.path, file.state, file.sha256)  # the task may have run on another machine
    here = [place for place in range(len(paths)) if place not in found]
    with ThreadPoolExecutor(HASHED_AT_ONCE) as pool:  # hashing leaves the interpreter to others, and servers take time
        found |= zip(here, pool.map(partial(identify, source=source), [paths[place] for place in here]), strict=True)
    return tuple(found[place] for place in range(len(paths)))


@dataclass(frozen=True, slots=True)
class _Hashing:
    """Files that one task hashes."""

    paths: tuple[str, ...]
    source: Source | None


def _groups(places: Sequence[int], sizes: Sequence[int]) -> Iterator[list[int]]:
    """Neighbours of TASK_BYTES together, or a little more."""
    group: list[int] = []
    size = 0
    for place in places:
        group.append(place)
        size += sizes[place]
        if size >= TASK_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _identify_group(task: _Hashing) -> list[InputFile]:
    return [identify(path, task.source) for path in task.paths]
