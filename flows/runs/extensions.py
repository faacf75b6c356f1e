"""Steps from outside: those that installed packages bring under the entry point group `orefine.steps`.

An entry point is named by level and kind, so that no package is imported before a recipe asks for what it brings:

    [project.entry-points."orefine.steps"]
    "l1_filter.min_words" = "my_filters:MinWords"
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from pipeline.steps import Source, Step

GROUP = "orefine.steps"


class BrokenExtension(ValueError):
    """A step from outside cannot be used; says which package brings it, why, and what to correct."""


@cache
def entries() -> tuple[EntryPoint, ...]:
    """What is installed. Looking costs some 40 ms in an environment of 300 packages, so only who needs it looks."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)))


def kinds_at(level: str) -> tuple[str, ...]:
    """Kinds that packages bring to a level."""
    return tuple(dict.fromkeys(kind for place, _, kind in _parts() if place == level))


def find_step(level: str, kind: str) -> type[Step] | None:
    """The class that a package brings for this kind, or None. Raises BrokenExtension."""
    found = [entry for entry in entries() if entry.name == f"{level}.{kind}"]
    if len({entry.value for entry in found}) > 1:
        places = " and ".join(_place(entry) for entry in found)
        raise BrokenExtension(f"the kind '{kind}' of {level} comes from {places}; uninstall one of them")
    return load_step(found[0]) if found else None


def load_step(entry: EntryPoint) -> type[Step]:
    """The class of an entry point. Raises BrokenExtension in one line, whatever is wrong with it."""
    level, _, kind = entry.name.partition(".")
    try:
        step = entry.load()
    except Exception as error:  # a package's import may raise anything
        text = " ".join(str(error).split())
        raise BrokenExtension(
            f"step '{kind}' of {_place(entry)} cannot be imported: {type(error).__name__}: {text}; "
            "repair or uninstall the package"
        ) from error
    if not (isinstance(step, type) and issubclass(step, Step)):
        raise BrokenExtension(f"{_place(entry)} is no step; derive it from a shape in `pipeline.steps`")
    if "kind" not in step.model_fields or step.model_fields["kind"].default != kind:
        own = step.model_fields["kind"].default if "kind" in step.model_fields else None
        raise BrokenExtension(
            f"{_place(entry)} has the kind '{own}', but its entry point is '{entry.name}'; "
            f"name the entry point '{level}.{own}'"
        )
    if issubclass(step, Source) and level != "l0_collect":
        raise BrokenExtension(f"{_place(entry)} is a source, which only l0_collect takes, not {level}")
    return step


def load_all(built_in: Collection[tuple[str, str]]) -> tuple[list[tuple[str, type[Step]]], list[str]]:
    """(level, class) of every step from outside, and what is wrong with the others.

    `built_in` holds (level, kind); a kind among them stays what it is in every recipe.
    """
    steps: list[tuple[str, type[Step]]] = []
    problems: list[str] = []
    levels, kinds = {level for level, _ in built_in}, {kind for _, kind in built_in}
    for (level, _, kind), entry in zip(_parts(), entries(), strict=True):
        try:
            if level not in levels:
                raise BrokenExtension(
                    f"{_place(entry)} names its entry point '{entry.name}'; it must be <level>.<kind>, "
                    f"where the levels are {', '.join(sorted(levels))}"
                )
            if kind in kinds:
                raise BrokenExtension(f"{_place(entry)} brings the kind '{kind}', which is built in; give it another")
            found = find_step(level, kind)
            if found is not None and (level, found) not in steps:
                steps.append((level, found))
        except BrokenExtension as error:
            problems.append(str(error))
    return steps, list(dict.fromkeys(problems))


def _parts() -> Iterator[tuple[str, str, str]]:
    return (entry.name.partition(".") for entry in entries())


def _place(entry: EntryPoint) -> str:
    return f"{entry.value}{f' ({entry.dist.name})' if entry.dist else ''}"
