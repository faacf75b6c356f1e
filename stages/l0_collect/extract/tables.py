"""Tables: which of them are data, their cells as a grid, the grid as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAXIMUM_SPAN = 100
"""Columns of one cell; real tables stay far below, hostile ones ask for millions."""


def rows(table: Any) -> Iterator[Any]:
    """The table's own rows, without those of tables in its cells."""
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from child.iterchildren("tr")


def grid(table: Any) -> Iterator[list[Any | None]]:
    """Row by row the cells, with None for the places that a wide or high cell covers besides its first."""
    covered: dict[int, int] = {}  # column: rows still covered from above
    for row in rows(table):
        cells: list[Any | None] = []
        for cell in row.iterchildren("td", "th"):
            while covered.get(len(cells), 0):
                covered[len(cells)] -= 1
                cells.append(None)
            wide, high = span(cell, "colspan"), span(cell, "rowspan")
            for column in range(wide):
                if high > 1:
                    covered[len(cells)] = high - 1
                cells.append(None if column else cell)
        while covered.get(len(cells), 0):
            covered[len(cells)] -= 1
            cells.append(None)
        yield cells


def span(cell: Any, name: str) -> int:
    said = cell.get(name, "")
    return min(max(int(said), 1), MAXIMUM_SPAN) if said.isdecimal() and len(said) < 9 else 1


def rendered(grid: list[list[str]]) -> str:
    """The grid's first row is the head: Markdown knows no table without one."""
    columns = max(map(len, grid))
    lines = [_line(row + [""] * (columns - len(row))) for row in grid]
    lines.insert(1, "| " + " | ".join(["---"] * columns) + " |")
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
