"""YAML that people write or pass on: recipes, language files, seed pools, values of `--set`.

PyYAML's safe loader runs no code, but takes the last of two equal keys in silence, and shares what an alias names: a
recipe of a few lines in which each anchor lists the one before ten times becomes 10^9 values where it is validated.
"""

from __future__ import annotations

import os
from typing import Any

import yaml

MAXIMUM_BYTES = 1 << 20
"""Ours have 3 kB. PyYAML takes some 10 s for a file of this size."""
MAXIMUM_VALUES = 100_000
"""With every alias written out."""


class YamlError(ValueError):
    """What is wrong, in one line that names no file."""


def read_yaml(path: str | os.PathLike[str]) -> Any:
    """The file's single document. Raises YamlError, or OSError if it cannot be read."""
    with open(path, "rb") as file:
        return parse_yaml(file.read(MAXIMUM_BYTES + 1))


def parse_yaml(text: str | bytes) -> Any:
    """The text's single document. Raises YamlError."""
    if len(text) > MAXIMUM_BYTES:
        raise YamlError(f"it is longer than {MAXIMUM_BYTES >> 10} KiB; give the file that was meant, or split it")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _written_out(node, {})
        return loader.construct_document(node)
    except RecursionError:
        raise YamlError("it is nested too deeply; write it flatter") from None
    except YamlError:
        raise
    except (yaml.YAMLError, ValueError) as error:  # ValueError: no such date, 5000 digits
        raise YamlError(" ".join(str(error).split())[:500]) from None


def _written_out(node: yaml.Node, known: dict[int, int | None]) -> int:
    """How many values the node stands for; each node is looked at once. Refuses repeated keys and too many values."""
    if id(node) in known:
        if (size := known[id(node)]) is None:
            raise YamlError(f"line {_line(node)}: it contains itself by an alias; write it out")
        return size
    known[id(node)] = None
    size = 1
    if isinstance(node, yaml.MappingNode):
        _refuse_repeated_keys(node)
        size += sum(_written_out(key, known) + _written_out(value, known) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_written_out(item, known) for item in node.value)
    if size > MAXIMUM_VALUES:
        raise YamlError(f"line {_line(node)}: it stands for over {MAXIMUM_VALUES} values; write fewer, or no aliases")
    known[id(node)] = size
    return size


def _refuse_repeated_keys(node: yaml.MappingNode) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        written = (key.tag, key.value)
        if written in lines:
            raise YamlError(
                f"line {_line(key)}: the key '{key.value}' is given twice (first in line {lines[written]}); remove one"
            )
        lines[written] = _line(key)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
